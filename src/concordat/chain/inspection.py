"""Is what stands on a chain what this package would have deployed? Every question is answered, not only up to a no.

Three independent ways lead to a contract's code:

* *code*: the runtime code is the packaged one, but for the places of immutable values, and these are ones that the
  deployment explains;
* *constructor*: the packaged creation code, run at that very address with the arguments that the deployment means,
  returns exactly these bytes;
* *creation*: the transaction that created the contract carried exactly this creation code and these arguments. Only
  this rules out that a forged constructor left the right code over another storage, such as a balance of its own.

What the contracts say of themselves (wiring, parameters) is compared as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from concordat.chain.answers import Refusal, hex_bytes, member, quantity
from concordat.chain.contracts import contract
from concordat.chain.deploy import constructor_arguments
from concordat.chain.deployment import Deployment, immutable_values, read
from concordat.chain.envelope import contract_address
from concordat.chain.rpc import Endpoint
from concordat.primitives.encoding import checksum_address, from_hex, to_hex
from concordat.primitives.errors import EndpointError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Bytes32

__all__ = ["Finding", "Inspection", "Verdict", "inspect"]

SCANNED_BLOCKS = 256
"""Blocks from a deployment's first on in which its creation is looked for."""
_BATCH = 16


class Verdict(StrEnum):
    """What came of a check."""

    PASS = "pass"  # noqa: S105 (no password)
    FAIL = "fail"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check."""

    contract: str
    """Which contract."""
    address: Address
    """Where the deployment says it is."""
    check: str
    """``code``, ``constructor``, ``creation``, or the view function that was asked."""
    verdict: Verdict
    """What came of it."""
    detail: str
    """Why, in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """All checks of one deployment."""

    chain_id: int
    """Chain that was asked."""
    findings: tuple[Finding, ...]
    """Every check, contract by contract."""
    code_hashes: Mapping[str, Bytes32]
    """Keccak-256 of the runtime code found, by contract."""

    @property
    def failed(self) -> tuple[Finding, ...]:
        """What is not as it should be."""
        return tuple(found for found in self.findings if found.verdict is Verdict.FAIL)

    @property
    def complete(self) -> bool:
        """Whether everything could be checked."""
        return all(found.verdict is not Verdict.NOT_CHECKED for found in self.findings)


def inspect(endpoint: Endpoint, deployment: Deployment, *, first_block: int | None = None) -> Inspection:
    """Check everything about a deployment.

    Parameters
    ----------
    endpoint : Endpoint
        The chain; believed in what it says.
    deployment : Deployment
        What should be there.
    first_block : int, optional
        Where to begin looking for the transactions that created it; the deployment's first block otherwise.

    Raises
    ------
    EndpointError
        If the endpoint does not answer.
    """
    chain_id = endpoint.chain_id
    if chain_id != deployment.chain_id:
        said = f"The endpoint is chain {chain_id}, the deployment is on chain {deployment.chain_id}."
        found = Finding(contract="Market", address=deployment.market, check="chain", verdict=Verdict.FAIL, detail=said)
        return Inspection(chain_id=chain_id, findings=(found,), code_hashes={})
    named = deployment.named()
    codes = dict(zip(named, _codes(endpoint, [address for _, address in named]), strict=True))
    at = dict(named) | {"DevToken": deployment.token}
    begins = [first_block] if first_block is not None else [v.block for v in (deployment, *deployment.earlier)]
    creations = _creations(endpoint, {address for _, address in named}, begins)
    findings: list[Finding] = []
    for (name, address), code in codes.items():
        init = contract(name).creation(*constructor_arguments(name, at, deployment.parameters))
        for check, (verdict, detail) in {
            "code": _code(name, code, deployment),
            "constructor": _constructor(endpoint, address, init, code),
            "creation": _creation(creations.get(address), init),
        }.items():
            findings.append(Finding(contract=name, address=address, check=check, verdict=verdict, detail=detail))
    findings += _values(endpoint, deployment)
    hashes = {name: Bytes32(keccak256(code)) for (name, _), code in codes.items()}
    return Inspection(chain_id=chain_id, findings=tuple(findings), code_hashes=hashes)


def _codes(endpoint: Endpoint, addresses: Sequence[Address]) -> list[bytes]:
    return [hex_bytes(code) for code in endpoint.batch([("eth_getCode", [to_hex(a), "latest"]) for a in addresses])]


# -- the code --------------------------------------------------------------------------------------------------------


def _code(name: str, code: bytes, deployment: Deployment) -> tuple[Verdict, str]:
    if not code:
        return Verdict.FAIL, "There is no contract."
    values = immutable_values(contract(name).creation_code, code)
    if values is None:
        return Verdict.FAIL, f"The code is not the packaged {name}."
    if not values <= deployment.explained_words():
        return Verdict.FAIL, "It was deployed with values that are not the deployment's."
    return Verdict.PASS, f"The packaged code, {len(code)} bytes."


def _constructor(endpoint: Endpoint, address: Address, init: bytes, code: bytes) -> tuple[Verdict, str]:
    """Run the creation code where the contract is: it returns the code it would have installed there."""
    call = {"to": to_hex(address), "data": "0x"}
    try:
        made = hex_bytes(endpoint.call("eth_call", call, "latest", {to_hex(address): {"code": to_hex(init)}}))
    except Refusal as refusal:
        if refusal.reverted:
            return Verdict.FAIL, "The packaged constructor refuses the deployment's arguments."
        return Verdict.NOT_CHECKED, "The endpoint does not run code that is not there (state overrides)."
    if made != code:
        return Verdict.FAIL, "The packaged constructor with the deployment's arguments makes another code."
    return Verdict.PASS, "The packaged constructor with the deployment's arguments makes exactly this code."


# -- how it came there -----------------------------------------------------------------------------------------------


def _creations(endpoint: Endpoint, wanted: set[Address], begins: Sequence[int]) -> dict[Address, bytes]:
    """Input of the transactions that created some contracts, looked for after each of some blocks."""
    found: dict[Address, bytes] = {}
    head = quantity(endpoint.call("eth_blockNumber"))
    for first in begins:
        for start in range(first, min(first + SCANNED_BLOCKS, head + 1), _BATCH):
            if found.keys() == wanted:
                return found
            numbers = range(start, min(start + _BATCH, head + 1))
            for block in endpoint.batch([("eth_getBlockByNumber", [hex(number), True]) for number in numbers]):
                found |= {address: data for address, data in _created_in(block) if address in wanted}
    return found


def _created_in(block: Any) -> Iterator[tuple[Address, bytes]]:
    for transaction in member(block, "transactions"):
        if transaction.get("to") is None:
            sender = Address(from_hex(member(transaction, "from"), length=20))
            yield contract_address(sender, quantity(transaction["nonce"])), hex_bytes(member(transaction, "input"))


def _creation(data: bytes | None, init: bytes) -> tuple[Verdict, str]:
    if data is None:
        return Verdict.NOT_CHECKED, "The transaction that created it was not found: give its block."
    if data != init:
        return Verdict.FAIL, "It was created by other code or with other arguments."
    return Verdict.PASS, "Created by the packaged code with the deployment's arguments."


# -- what it says ----------------------------------------------------------------------------------------------------


def _values(endpoint: Endpoint, deployment: Deployment) -> Iterator[Finding]:
    for name, address, function, arguments, wanted in deployment.expectations():
        try:
            (got,) = read(endpoint, [(name, address, function, arguments)])
            fits, detail = got == wanted, "As the deployment says."
        except Refusal:
            fits = False
        except EndpointError as error:
            if error.code != "EndpointGarbage":
                raise
            fits = False
        if not fits:
            detail = f"{name} at {checksum_address(address)} says something else."
        verdict = Verdict.PASS if fits else Verdict.FAIL
        said = function if not arguments else f"{function}({_shown(arguments)})"
        yield Finding(contract=name, address=address, check=said, verdict=verdict, detail=detail)


def _shown(arguments: tuple[Any, ...]) -> str:
    return ", ".join(str(value) if isinstance(value, int) else "…" for value in arguments)
