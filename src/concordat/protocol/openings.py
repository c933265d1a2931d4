"""What opens commitments in court: headers, runs of words, proofs about elements and outputs."""

from __future__ import annotations

from dataclasses import dataclass, field

from concordat.primitives.encoding import ZERO32
from concordat.primitives.units import Bytes32

__all__ = ["ElementProof", "Opening", "OutputProof", "ResultHeader", "ResultOpening"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultHeader:
    """Opens the result commitment of a delivered order."""

    trace_root: Bytes32
    """Root of the trace tree."""
    output_hash: Bytes32
    """Keccak-256 of the output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A contiguous run of words with its Merkle siblings."""

    words: tuple[Bytes32, ...] = ()
    """The words, in order."""
    path: tuple[Bytes32, ...] = ()
    """Siblings as in `concordat.primitives.merkle.range_root`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementProof:
    """Shows that one element of the trace is not what its node makes of its operands."""

    node: int
    """Index of the descriptor."""
    element: int
    """Index of the element in the node's region; at or past ``n`` it is padding and must be zero."""
    descriptor: bytes
    """The 192 bytes."""
    descriptor_path: tuple[Bytes32, ...]
    """Takes the descriptor's hash to the program root."""
    claimed: Opening
    """The trace word that holds the element."""
    a: Opening = field(default_factory=Opening)
    """First operand's words; for an INPUT node the word of the order's input."""
    b: Opening = field(default_factory=Opening)
    """Second operand's words."""
    c: Opening = field(default_factory=Opening)
    """Third operand's words."""
    leaf_salt: Bytes32 = ZERO32
    """INPUT nodes: salt of the opened input leaf."""

    @property
    def tile(self) -> int:
        """What the challenger commits to beforehand."""
        return self.node << 32 | self.element


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputProof:
    """Shows that the delivered output differs from the output region of the trace, or has another length."""

    output: bytes
    """The delivered output."""
    word: int
    """Which word differs; any when the length is wrong."""
    claimed: Opening
    """The trace word at ``outputStart + word``; empty when the length is wrong."""

    @property
    def tile(self) -> int:
        """What the challenger commits to beforehand."""
        return 1 << 255 | self.word


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultOpening:
    """Opens a private result."""

    salt: Bytes32
    """Known to provider and client."""
    trace_root: Bytes32
    """Root of the trace tree."""
    output: bytes
    """What would have been carried in plain (`concordat.protocol.execution.carried_output`)."""
