"""Sources: where the input of a steward's decisions comes from, one input an epoch (docs/explain/effects.md §2).

Twin of ``contracts/src/effects/SignedSource.sol``. Sources that read the chain have no twin here, because there is no
chain to read; what they have in common with signed ones is the clock and the salt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from concordat.primitives.encoding import ZERO32, abi_words
from concordat.primitives.errors import VerificationError
from concordat.primitives.hashing import keccak256
from concordat.primitives.signatures import TokenDomain, recover, typed_digest
from concordat.primitives.units import Address, Bytes32, Seconds, Timestamp
from concordat.protocol.execution import input_root
from concordat.protocol.refusals import require
from concordat.protocol.state import Call, Table

__all__ = [
    "MAX_DEPTH",
    "Observe",
    "Observed",
    "Schedule",
    "Shape",
    "SourceState",
    "SourceTerms",
    "observation_digest",
    "observe",
    "source_salt",
]

_OBSERVATION_TYPEHASH = keccak256(b"Observation(uint32 epoch,bytes32 input)")
MAX_SIGNERS = 32
MAX_DEPTH = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How time is cut into epochs, numbered from one."""

    genesis: Timestamp
    """First second of epoch 1."""
    length: Seconds
    """Seconds of an epoch."""
    observe_within: Seconds
    """Seconds after its start in which an epoch can be observed."""

    def start(self, epoch: int) -> int:
        """First second of an epoch; zero for epoch zero, which is none."""
        return self.genesis + (epoch - 1) * self.length if epoch else 0

    def epoch_at(self, time: int) -> int:
        """The epoch that a second belongs to; zero before the first."""
        return max(0, (time - self.genesis) // self.length + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How large an input is."""

    words: int
    """Words of 32 bytes."""
    depth: int
    """Depth of the salted tree over them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTerms:
    """What is fixed when a source is deployed."""

    schedule: Schedule
    """How time is cut."""
    shape: Shape
    """How large an input is."""
    open: bool
    """Whether the words of every input are public."""
    signers: tuple[Address, ...] = ()
    """Who vouches for inputs, ascending; nobody where the input is read on chain."""
    quorum: int = 0
    """How many of them must sign: more than half."""

    def hold(self) -> bool:
        """Whether they go together (``BadSource`` if not)."""
        schedule, shape, named = self.schedule, self.shape, list(self.signers)
        times = 0 < schedule.observe_within <= schedule.length < 2**32
        size = 0 <= shape.depth <= MAX_DEPTH and 0 < shape.words <= 1 << shape.depth
        majority = 2 * self.quorum > len(named) >= self.quorum and len(named) <= MAX_SIGNERS
        return times and size and majority and bytes(20) not in named and named == sorted(set(named))


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """What a source remembers."""

    inputs: Table[int, Bytes32] = field(default_factory=Table)
    """Root of each epoch's input."""

    def input(self, epoch: int) -> Bytes32:
        """Root of an epoch's input; zeros while nobody observed."""
        return self.inputs.get(epoch, ZERO32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observe:
    """Anybody brings what the signers signed."""

    epoch: int
    """The epoch."""
    input: Bytes32
    """Root of the salted input tree."""
    words: bytes
    """The input; empty where the source is sealed."""
    signatures: tuple[bytes, ...]
    """Over :func:`observation_digest`, in ascending order of their signers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The input of an epoch is fixed."""

    epoch: int
    """The epoch."""
    input: Bytes32
    """Root of the salted input tree."""
    words: bytes
    """The input; empty where the source is sealed."""


def source_salt(source: Address, epoch: int) -> Bytes32:
    """Salt of an open source's input tree: public, and nobody's choice."""
    return keccak256(abi_words(source, epoch))


def observation_digest(chain_id: int, source: Address, epoch: int, root: bytes) -> Bytes32:
    """What a signer signs: EIP-712 ``Observation(uint32 epoch,bytes32 input)`` in the source's domain."""
    domain = TokenDomain(name="Concordat Source", version="1", chain_id=chain_id, token=source)
    return typed_digest(domain, keccak256(abi_words(_OBSERVATION_TYPEHASH, epoch, root)))


def observe(
    terms: SourceTerms, chain_id: int, source: Address, state: SourceState, message: Observe, call: Call
) -> tuple[SourceState, tuple[Observed, ...]]:
    """The first observation of an epoch fixes its input.

    Raises
    ------
    ProtocolError
        ``EpochNotOpen``, ``EpochClosed``, ``AlreadyObserved``, ``BadObservation`` or ``TooFewSigners``.
    """
    epoch, root = message.epoch, message.input
    start = terms.schedule.start(epoch)
    # CHECK
    require(epoch > 0 and call.now >= start, "EpochNotOpen", epoch=epoch)
    require(call.now < start + terms.schedule.observe_within, "EpochClosed", epoch=epoch)
    require(state.input(epoch) == ZERO32, "AlreadyObserved", epoch=epoch)
    require(_opens(terms, source, message), "BadObservation", epoch=epoch)
    digest = observation_digest(chain_id, source, epoch, root)
    require(_quorum(terms, digest, message.signatures), "TooFewSigners", epoch=epoch)
    # EFFECT
    state = replace(state, inputs=state.inputs.put(epoch, root))
    # EVENT
    return state, (Observed(epoch=epoch, input=root, words=message.words),)


def _opens(terms: SourceTerms, source: Address, message: Observe) -> bool:
    if not terms.open:
        return not message.words and message.input != ZERO32
    if len(message.words) != 32 * terms.shape.words:
        return False
    return input_root(message.words, source_salt(source, message.epoch), terms.shape.depth) == message.input


def _quorum(terms: SourceTerms, digest: bytes, signatures: tuple[bytes, ...]) -> bool:
    signed: Mapping[Address, None] = {}
    try:
        signed = dict.fromkeys(recover(digest, signature) for signature in signatures)
    except VerificationError:
        return False
    ascending = list(signed) == sorted(signed) and len(signed) == len(signatures)
    return ascending and set(signed) <= set(terms.signers) and len(signed) >= terms.quorum
