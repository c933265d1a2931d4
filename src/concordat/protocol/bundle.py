"""One portable file that proves one decision: what was asked, answered, paid and logged, with everything that opens it.

A bundle is one line of canonical JSON (RFC 8785 form). Exactly one byte string encodes a bundle: unknown, missing or
repeated fields, other spellings of the same value and trailing bytes are refused. What may stay private, or is not
there yet, is ``null``. The numbered checks over it are in `concordat.verify`.
"""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from concordat.primitives.encoding import canonical_json
from concordat.primitives.errors import ConcordatError, VerificationError
from concordat.primitives.units import Address, Amount, Bytes32, ModelId, OrderId, Seconds, Timestamp
from concordat.primitives.wire import from_wire, parse_json, to_wire
from concordat.protocol.artifact import ModelCommitment
from concordat.protocol.checkpoint import InclusionProof
from concordat.protocol.execution import Result
from concordat.protocol.messages import Funding, FundingMode, ResultHeader
from concordat.protocol.order import Domain, Order
from concordat.protocol.record import DecisionRecord, Placement, RecordSalts, settlement_of
from concordat.protocol.tombstone import LoggedTombstone

__all__ = ["MAX_BUNDLE_BYTES", "Anchor", "Bundle", "DisclosedInput", "OutputOpening", "SettlementToken"]

BUNDLE_VERSION = 1
MAX_BUNDLE_BYTES = 64 * 2**20
"""Longest bundle that is read at all; a program of some tens of megabytes fits."""

_LENGTHS: dict[Any, int] = {Bytes32: 32, ModelId: 32, OrderId: 32, Address: 20}
_LIMITS: dict[Any, int] = {Amount: 1 << 96, Timestamp: 1 << 40, Seconds: 1 << 32, int: 1 << 64}


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementToken:
    """The token side of an EIP-3009 authorisation: what the client's wallet showed when it signed."""

    name: str
    """Of the token's EIP-712 domain."""
    version: str
    """Of the token's EIP-712 domain."""
    token: Address
    """The token contract."""
    vault: Address
    """The only contract that can use the authorisation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosedInput:
    """Opens the order's input root."""

    words: bytes
    """Packed input, a multiple of 32 bytes."""
    salt: Bytes32
    """Secret of the salted tree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOpening:
    """How an output opens the delivered result where that does not carry it in plain."""

    salt: Bytes32 | None
    """Of a private result's commitment; ``null`` where the trace root itself was delivered."""
    trace_root: Bytes32
    """Root of the trace tree."""
    path: tuple[Bytes32, ...]
    """Siblings of the output's words in that tree, where the output is too large for a submission."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A checkpoint of the log that a contract has seen, tied to the one that the record is proven in."""

    contract: Address
    """The Checkpoints contract."""
    log: Bytes32
    """The log's id there."""
    size: int
    """Size that was posted, at least that of the bundle's checkpoint."""
    root: Bytes32
    """Root that was posted."""
    consistency: tuple[Bytes32, ...]
    """RFC 6962 proof from the bundle's checkpoint to the posted one; empty if they are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Everything about one decision that its holder wants to show; build it with :meth:`assemble`."""

    version: int = BUNDLE_VERSION
    """Of this format."""
    domain: Domain
    """Chain and market."""
    order: Order
    """What the client signed."""
    funding: Funding
    """The client's one signature."""
    token: SettlementToken | None
    """Needed for an EIP-3009 authorisation; ``null`` for vault credit."""
    model: ModelCommitment
    """Opens the model id."""
    manifest: str | None = None
    """Canonical JSON of the model's manifest; opens the commitment's digest."""
    program: bytes | None = None
    """The model's program file, for re-execution; of a hidden model the file that proofs are checked with."""
    proof: bytes | None = None
    """What shows that a hidden model said so: its committed input, and the zero-knowledge proof."""
    header: ResultHeader
    """Opens the result commitment."""
    output: bytes | None = None
    """The answer in plain."""
    opening: OutputOpening | None = None
    """Opens the delivered result to the answer; ``null`` if it was delivered in plain."""
    output_salt: Bytes32 | None = None
    """Opens the record's output commitment."""
    input: DisclosedInput | None = None
    """The question."""
    evidence_salt: Bytes32 | None = None
    """Opens the record's evidence commitment."""
    settlement: tuple[Placement, ...] = field(default=())
    """Where the order's events stand on chain, in order."""
    record: DecisionRecord | None = None
    """The log entry; ``null`` before the order is settled and logged."""
    inclusion: str | None = None
    """C2SP tlog-proof text: index, audit path and signed checkpoint."""
    anchor: Anchor | None = None
    """A checkpoint that stands on chain."""
    tombstone: LoggedTombstone | None = None
    """Says that what was private has been erased; ``null`` before."""

    @classmethod
    def assemble(
        cls,
        *,
        domain: Domain,
        order: Order,
        funding: Funding,
        token: SettlementToken | None,
        model: ModelCommitment,
        result: Result,
        manifest: bytes | None = None,
        program: bytes | None = None,
        proof_of_answer: bytes | None = None,
        input: DisclosedInput | None = None,
        record: DecisionRecord | None = None,
        salts: RecordSalts | None = None,
        settlement: tuple[Placement, ...] = (),
        proof: InclusionProof | None = None,
        anchor: Anchor | None = None,
        output: bytes | None = None,
        opening: OutputOpening | None = None,
        tombstone: LoggedTombstone | None = None,
    ) -> Bundle:
        """Put a bundle together from what client, provider and log hold.

        Before settlement leave out `record`, `salts`, `settlement`, `proof` and `anchor`: such a bundle shows the
        delivery, and verifies as *consistent* at best. With a tombstone the bundle holds what an erasure leaves.
        """
        logged = record is not None and (salts is not None or tombstone is not None)
        plain = result.output if opening is None else output
        if tombstone is not None:
            plain = None
        return cls(
            domain=domain,
            order=order,
            funding=funding,
            token=token if funding.mode is FundingMode.AUTHORIZATION else None,
            model=model,
            manifest=manifest.decode() if manifest is not None else None,
            program=program,
            proof=proof_of_answer,
            header=ResultHeader(trace_root=result.trace_root, output_hash=result.output_hash),
            output=plain,
            opening=opening if plain is not None else None,
            output_salt=salts.output if salts else None,
            input=input,
            evidence_salt=salts.evidence if salts else None,
            settlement=settlement_of(settlement) if logged else (),
            record=record if logged else None,
            inclusion=proof.encode() if proof is not None and logged else None,
            anchor=anchor if proof is not None else None,
            tombstone=tombstone,
        )

    def encode(self) -> bytes:
        """The file's bytes."""
        return canonical_json(to_wire(self))

    @classmethod
    def parse(cls, data: bytes) -> Bundle:
        """Inverse of :meth:`encode`.

        Raises
        ------
        VerificationError
            If the bytes are not exactly one bundle, with every value in its range and in its one spelling.
        """
        if len(data) > MAX_BUNDLE_BYTES:
            raise VerificationError(f"A bundle of {len(data)} bytes is not read.", code="BundleSize")
        try:
            bundle = from_wire(cls, parse_json(data.decode("ascii")))
            _check_ranges(bundle)
            canonical = bundle.encode() == data
        except (ConcordatError, ValueError, RecursionError, TypeError) as error:
            raise VerificationError(
                "The file is not a bundle.", code="BundleFormat", hint="It may be cut off, edited or something else."
            ) from error
        if not canonical or bundle.version != BUNDLE_VERSION:
            raise VerificationError(
                f"The file is not a canonical bundle of version {BUNDLE_VERSION}.",
                code="BundleFormat",
                hint="Do not re-format a bundle: one decision has exactly one spelling.",
            )
        return bundle


@lru_cache(maxsize=64)
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _check_ranges(value: Any) -> None:
    kind: Any = type(value)
    for name, hint in _hints(kind).items():
        _check_range(getattr(value, name), hint, f"{kind.__name__}.{name}")


def _check_range(value: Any, hint: Any, where: str) -> None:
    if dataclasses.is_dataclass(value):
        return _check_ranges(value)
    options = typing.get_args(hint)
    if isinstance(value, tuple):
        for item in value:
            _check_range(item, options[0], where)
        return None
    kind = next((option for option in options if option is not type(None)), hint)
    too_long = isinstance(value, bytes) and len(value) != _LENGTHS.get(kind, len(value))
    surrogates = isinstance(value, str) and any(0xD800 <= ord(character) < 0xE000 for character in value)
    if surrogates or too_long or (isinstance(value, int) and not 0 <= value < _LIMITS.get(kind, 1 << 64)):
        raise VerificationError(f"{where} is out of its range.", code="BundleFormat")
    return None
