"""The doctor on the chain: endpoint, clock, contracts, money."""

from __future__ import annotations

from typing import Any

from concordat.chain.answers import member, quantity
from concordat.chain.deployment import read
from concordat.chain.inspection import inspect
from concordat.chain.pool import HISTORY, fees_now
from concordat.client.evm import is_development
from concordat.node.operations.symptoms import Patient, Symptom, fine, sick, suspect, unseen
from concordat.primitives.encoding import to_hex
from concordat.primitives.units import show_usd

__all__ = ["block_gas", "clock", "contracts", "endpoint", "fees", "gas_money", "network", "stake"]

OLD_SECONDS = 120
"""Age of the latest block above which the endpoint is behind, or this machine's clock ahead."""
AHEAD_SECONDS = 30
"""How far a block may be in the future before this machine's clock is behind."""
LEAST_BLOCK_GAS = 16_000_000
"""Gas limit of a block that every transaction of ours fits into."""
LEAST_GAS = 10**16
"""Wei of an account below which the doctor warns."""
_DOWN = "The endpoint does not answer."


def endpoint(patient: Patient) -> Symptom:
    """Whether the chain answers."""
    if patient.endpoint is None:
        return sick("No chain is named that runs.", "Start one with concordat up, or name one with --url.")
    head = quantity(patient.endpoint.call("eth_blockNumber"))
    return fine(f"{patient.endpoint.name} answers; block {head}.")


def network(patient: Patient) -> Symptom:
    """Whether it is the chain of the deployment."""
    if patient.endpoint is None:
        return unseen(_DOWN)
    found = patient.endpoint.chain_id
    if patient.deployment is None:
        return unseen(f"Chain {found}; there is no deployment to compare it with.")
    if found != patient.deployment.chain_id:
        return sick(
            f"The endpoint is chain {found}, the deployment on chain {patient.deployment.chain_id}.",
            "Point --url at an endpoint of the right network, or --home at the right deployment.",
        )
    return fine(f"Chain {found}.")


def clock(patient: Patient) -> Symptom:
    """Whether the latest block is fresh by this machine's clock."""
    if patient.endpoint is None:
        return unseen(_DOWN)
    age = int(patient.clock()) - quantity(member(_latest(patient), "timestamp"))
    if is_development(patient.endpoint.chain_id):
        return fine(f"The latest block is {age} s old; a development chain has a clock of its own.")
    if age > OLD_SECONDS:
        return sick(
            f"The latest block is {age} s old.",
            "The endpoint is behind, or this machine's clock ahead: deadlines would be missed. Look at both (chronyc "
            "tracking).",
        )
    if age < -AHEAD_SECONDS:
        return sick(f"The latest block is {-age} s in the future.", "Set this machine's clock (chronyc tracking).")
    return fine(f"The latest block is {age} s old.")


def fees(patient: Patient) -> Symptom:
    """Whether the chain has EIP-1559 fees, and what they are."""
    if patient.endpoint is None:
        return unseen(_DOWN)
    found = fees_now(patient.endpoint.call(HISTORY[0], *HISTORY[1]))
    return fine(f"{found.max_fee} wei per gas at most, {found.tip} of it tip.")


def block_gas(patient: Patient) -> Symptom:
    """Whether the largest of our transactions fits into a block."""
    if patient.endpoint is None:
        return unseen(_DOWN)
    limit = quantity(member(_latest(patient), "gasLimit"))
    if limit < LEAST_BLOCK_GAS:
        return sick(f"A block holds {limit} gas.", f"Use a chain whose blocks hold {LEAST_BLOCK_GAS}.")
    return fine(f"A block holds {limit} gas.")


def contracts(patient: Patient) -> Symptom:
    """Whether what stands on the chain is what this package deploys."""
    if patient.endpoint is None:
        return unseen(_DOWN)
    if patient.deployment is None:
        return sick("There is no deployment file.", "Deploy, or get deployment.json from whoever runs the market.")
    found = inspect(patient.endpoint, patient.deployment)
    if found.failed:
        first = found.failed[0]
        return sick(
            f"{len(found.failed)} checks fail, first {first.contract}, {first.check}: {first.detail}",
            "Do not sign anything for it. Look closer with: concordat deploy verify",
        )
    if not found.complete:
        return suspect(
            f"{len(found.findings)} checks, some of which could not be made.", "See which: concordat deploy verify"
        )
    return fine(f"{len(found.findings)} checks of code, arguments, wiring and parameters.")


def gas_money(patient: Patient) -> Symptom:
    """Whether the nodes' accounts can pay for gas."""
    if patient.endpoint is None:
        return unseen(_DOWN)
    if not patient.accounts:
        return unseen("The home knows no node's account.")
    asked: list[tuple[str, list[Any]]] = [
        ("eth_getBalance", [to_hex(address), "latest"]) for address in patient.accounts.values()
    ]
    coins = dict(zip(patient.accounts, map(quantity, patient.endpoint.batch(asked)), strict=True))
    poor = [name for name, coin in coins.items() if coin < LEAST_GAS]
    if poor:
        return suspect(f"{', '.join(poor)}: less than {LEAST_GAS} wei.", "Send it some of the chain's coin.")
    return fine(f"{len(coins)} accounts, the poorest with {min(coins.values())} wei.")


def stake(patient: Patient) -> Symptom:
    """What the nodes have in the vault."""
    if patient.endpoint is None or patient.deployment is None:
        return unseen("There is no endpoint or no deployment.")
    staking = {name: at for name, at in patient.accounts.items() if name.startswith(("provider", "challenger"))}
    if not staking:
        return unseen("The home knows no provider's or challenger's account.")
    vault = patient.deployment.vault
    found = read(patient.endpoint, [("Vault", vault, "balance", (address,)) for address in staking.values()])
    totals = {name: sum(balance) for name, balance in zip(staking, found, strict=True)}
    bare = [name for name, total in totals.items() if not total]
    if bare:
        return suspect(
            f"{', '.join(bare)}: nothing in the vault.",
            "Deposit stake: concordat --account NAME account deposit AMOUNT",
        )
    return fine(", ".join(f"{name} {show_usd(total)}" for name, total in totals.items()) + ".")


def _latest(patient: Patient) -> Any:
    assert patient.endpoint is not None, "asked of a chain that is there"
    return patient.endpoint.call("eth_getBlockByNumber", "latest", False)
