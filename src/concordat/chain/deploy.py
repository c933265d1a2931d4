"""Putting a market on a chain.

Market, vault and court name each other in immutable fields, so their addresses are computed before any of them exists:
an account's *n*-th transaction creates a contract at an address that depends on the account and on *n* alone. The same
account on a fresh chain therefore always gets the same deployment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from concordat.chain.accounts import Signer
from concordat.chain.answers import Refusal, quantity
from concordat.chain.contracts import contract
from concordat.chain.deployment import Deployment, read
from concordat.chain.envelope import contract_address
from concordat.chain.rpc import Endpoint
from concordat.chain.transactions import TransactionSender
from concordat.primitives.encoding import ZERO_ADDRESS, from_hex, to_hex
from concordat.primitives.errors import ConfigurationError, EndpointError, TransactionError
from concordat.primitives.signatures import TokenDomain
from concordat.primitives.units import Address
from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.ledger import Parameters

__all__ = ["constructor_arguments", "deploy", "token_domain", "upgrade"]

MARKET = ("Vault", "Market", "Court", "Replication", "ValidityEvidence", "ProofCourt")
"""Contracts that are one version of a market: they name each other, and keep its money and orders."""
CHECKERS = (
    "NativeExecutor",
    "ConstraintEvaluator",
    "ProofVerifier",
    "TranscriptSteps",
    "SumSteps",
    "ColumnSteps",
)
"""Contracts that check what they are shown, know no market, and stay when there is another."""
REGISTRIES = ("Artifacts", "Agents", "Checkpoints")
"""Contracts that know no market, and stay when there is another."""


def deploy(
    endpoint: Endpoint,
    signer: Signer,
    *,
    token: Address | None = None,
    parameters: Parameters | None = None,
    on_step: Callable[[str, Address], None] | None = None,
) -> Deployment:
    """Deploy all contracts.

    Parameters
    ----------
    endpoint : Endpoint
        The chain.
    signer : Signer
        Pays for it; has no rights afterwards. Nothing else may use its key meanwhile.
    token : Address, optional
        Settlement token with EIP-712, ERC-3009 and ERC-2612. Without one a development token is deployed, which anybody
        can mint: never on a chain whose coin has value.
    parameters : Parameters, optional
        Clocks, costs and shares.
    on_step : callable, optional
        Told name and address of each contract once it is there.

    Raises
    ------
    TransactionError
        If something else used the account meanwhile, or a constructor reverts.
    ConfigurationError
        If the token has no EIP-712 domain that can be read.
    """
    names = [*(["DevToken"] if token is None else []), *CHECKERS, *MARKET, *REGISTRIES]
    there = {} if token is None else {"DevToken": token}
    return _deploy(endpoint, signer, names, there, parameters or Parameters(), on_step)


def upgrade(
    endpoint: Endpoint,
    signer: Signer,
    current: Deployment,
    *,
    parameters: Parameters | None = None,
    on_step: Callable[[str, Address], None] | None = None,
) -> Deployment:
    """Deploy the next version of a market next to it: market, vault, court and pool of replicas.

    Token, registries, checkpoints and native models stay; so do all earlier versions, in which open orders end as they
    would have ended anyway.

    Parameters
    ----------
    current : Deployment
        The version that is followed.
    parameters : Parameters, optional
        Of the new version; those of the current one if left out.

    Raises
    ------
    ConfigurationError
        If the current version is not what stands on the chain.
    TransactionError
        As for :func:`deploy`.
    """
    current.verify(endpoint)
    shared = (*CHECKERS, *REGISTRIES)
    there = {name: address for name, address in current.named() if name in shared} | {"DevToken": current.token}
    names = [*(name for name in shared if name not in there), *MARKET]  # older versions had fewer checkers
    made = _deploy(endpoint, signer, names, there, parameters or current.parameters, on_step)
    before = (replace(current, earlier=()), *current.earlier)
    return replace(made, version=current.version + 1, earlier=before)


def _deploy(
    endpoint: Endpoint,
    signer: Signer,
    names: Sequence[str],
    there: Mapping[str, Address],
    parameters: Parameters,
    on_step: Callable[[str, Address], None] | None,
) -> Deployment:
    """Create some contracts, beside those that are there."""
    count, head = endpoint.batch(
        [("eth_getTransactionCount", [to_hex(signer.address), "pending"]), ("eth_blockNumber", [])]
    )
    first = quantity(count)
    at = {name: contract_address(signer.address, first + i) for i, name in enumerate(names)} | dict(there)
    sender = TransactionSender(endpoint)
    for name in names:
        _create(sender, signer, name, constructor_arguments(name, at, parameters), at[name])
        if on_step is not None:
            on_step(name, at[name])
    return _described(endpoint, at, quantity(head) + 1, parameters)


def _described(endpoint: Endpoint, at: dict[str, Address], block: int, parameters: Parameters) -> Deployment:
    domain = token_domain(endpoint, at["DevToken"])
    return Deployment(
        chain_id=endpoint.chain_id,
        block=block,
        token=at["DevToken"],
        token_name=domain.name,
        token_version=domain.version,
        vault=at["Vault"],
        market=at["Market"],
        court=at["Court"],
        native=at["NativeExecutor"],
        evaluator=at["ConstraintEvaluator"],
        proofs=at["ProofVerifier"],
        transcript_steps=at["TranscriptSteps"],
        sum_steps=at["SumSteps"],
        column_steps=at["ColumnSteps"],
        evidence=at["ValidityEvidence"],
        validity=at["ProofCourt"],
        replication=at["Replication"],
        artifacts=at["Artifacts"],
        agents=at["Agents"],
        checkpoints=at["Checkpoints"],
        parameters=parameters,
    )


def constructor_arguments(name: str, at: Mapping[str, Address], parameters: Parameters) -> tuple[Any, ...]:
    """What a contract's constructor is given, for contracts at these addresses (by name; ``DevToken`` is the token)."""
    checkers = {
        EvidenceKind.NATIVE: "NativeExecutor",
        EvidenceKind.VALIDITY: "ProofCourt",
        EvidenceKind.REPLICATED: "Replication",
    }
    modules = [at.get(checkers.get(kind, ""), ZERO_ADDRESS) for kind in EvidenceKind]
    p = parameters
    if name in ("ProofVerifier", "TranscriptSteps"):
        return (at["ConstraintEvaluator"],)
    arguments: dict[str, tuple[Any, ...]] = {
        "Vault": (at["DevToken"], at["Market"], at["Court"], at["Replication"]),
        "Market": (at["Vault"], at["Court"], p.no_show_share, p.slash_challenger, p.slash_client, modules),
        "Court": (at["Market"], at["Vault"], p.move_time, p.respondent_cost, p.dispute_price_share),
        "Replication": (at["Market"], at["Vault"], at["Court"], p),
        "ValidityEvidence": (at.get("ProofVerifier"), at["Market"]),
        "ProofCourt": (
            at["Market"],
            at.get("ValidityEvidence"),
            at.get("ConstraintEvaluator"),
            [at.get(name) for name in ("TranscriptSteps", "SumSteps", "ColumnSteps")],
        ),
    }
    return arguments.get(name, ())


def _create(
    sender: TransactionSender, signer: Signer, name: str, arguments: tuple[Any, ...], expected: Address
) -> None:
    receipt = sender.send(signer, None, contract(name).creation(*arguments))
    created = receipt.get("contractAddress")
    if quantity(receipt["status"]) != 1:
        raise TransactionError(f"The constructor of {name} reverted.", code="Reverted")
    if not created or from_hex(created) != expected:
        raise TransactionError(
            f"{name} landed at another address than the other contracts were told.",
            code="DeploymentDisturbed",
            hint="Deploy again with an account that nothing else uses meanwhile.",
        )


def token_domain(endpoint: Endpoint, token: Address) -> TokenDomain:
    """EIP-712 domain of a settlement token, from its name, its version and its own separator.

    Raises
    ------
    ConfigurationError
        If these do not fit together.
    """
    calls: list[tuple[str, Address, str, tuple[Any, ...]]] = [
        ("DevToken", token, function, ()) for function in ("name", "version", "DOMAIN_SEPARATOR")
    ]
    try:
        name, version, separator = read(endpoint, calls)
    except (Refusal, EndpointError) as error:
        raise _no_domain() from error
    domain = TokenDomain(name=name, version=version, chain_id=endpoint.chain_id, token=token)
    if domain.separator() != separator:
        raise _no_domain()
    return domain


def _no_domain() -> ConfigurationError:
    return ConfigurationError(
        "The settlement token's EIP-712 domain cannot be told.",
        code="BadToken",
        hint="Use a token with ERC-3009 and ERC-2612 whose domain is its name and version, as the dollar tokens have.",
    )
