"""The integer graph as values: element types, operands, nodes, and the program file.

`docs/explain/integer-graph.md` is the specification. A value of these classes is well formed by construction
(canonical fields, regions without gaps); what it computes is checked by `concordat.graph.intervals.validate`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property
from typing import Any

import numpy as np

from concordat.graph.elements import WORD, ElementType, align, words_needed
from concordat.primitives.encoding import ZERO32
from concordat.primitives.errors import ModelError
from concordat.primitives.hashing import keccak256
from concordat.primitives.merkle import MerkleTree, depth_for
from concordat.primitives.units import Bytes32
from concordat.protocol.artifact import Dimensions, ModelCommitment

__all__ = [
    "ABSENT",
    "DESCRIPTOR_BYTES",
    "MAX_NODES",
    "MAX_ROW",
    "MAX_SHIFT",
    "MAX_TABLE",
    "MAX_TRACE_WORDS",
    "MAX_WEIGHT_WORDS",
    "WORD",
    "Comparison",
    "ElementType",
    "Graph",
    "Node",
    "Op",
    "Operand",
    "Space",
    "align",
    "fill_gaps",
    "words_needed",
]

DESCRIPTOR_BYTES = 192
"""Bytes of an encoded node."""
MAX_ROW = 256
"""Most elements that one operand of one element may span (K)."""
MAX_SHIFT = 62
"""Largest right shift."""
MAX_TABLE = 4096
"""Most entries of a look-up table."""
MAX_NODES = 1 << 16
"""Most nodes of a program."""
MAX_TRACE_WORDS = 1 << 24
"""Most words of an execution's memory."""
MAX_WEIGHT_WORDS = 1 << 22
"""Most words of weights and tables."""

_MAGIC = b"CONCORD\x01"
_HEADER = struct.Struct(">8sIIIIII32x")
_WORD0 = struct.Struct(">BBBBIIIII8x")
_OPERAND = struct.Struct(">BBxxIIII12x")
_WORD4 = struct.Struct(">qqq8x")
_WORD5 = struct.Struct(">qq16x")


class Op(IntEnum):
    """What a node does; the numbers are those of its descriptor."""

    INPUT = 0
    MATMUL = 1
    AFFINE = 2
    TABLE = 3
    SELECT = 4
    MAX = 5
    SUM = 6
    ARGMAX = 7
    GATHER = 8


class Space(IntEnum):
    """Which memory an operand lies in."""

    ABSENT = 0
    TRACE = 1
    WEIGHTS = 2


class Comparison(IntEnum):
    """Test of a SELECT node (its ``flags``)."""

    GREATER_EQUAL = 0
    GREATER = 1
    EQUAL = 2
    LESS_EQUAL = 3
    LESS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """Where the elements come from that a node reads.

    Output element ``e`` reads from index ``base + (e // cols) * row + (e % cols) * col``, counted in elements of
    `type` from word `start` of the memory.
    """

    space: Space = Space.ABSENT
    """Trace, weights, or not there."""
    type: ElementType = ElementType.I8
    """How the elements are stored."""
    start: int = 0
    """First word."""
    base: int = 0
    """Index of the first element read."""
    row: int = 0
    """Step from one row of the output to the next."""
    col: int = 0
    """Step from one column of the output to the next."""

    def __post_init__(self) -> None:
        if not all(0 <= n < 1 << 32 for n in (self.start, self.base, self.row, self.col)):
            raise ModelError("A number of an operand is not one of 32 bits.", code="BadNode")
        if self.space is Space.ABSENT and any((self.type, self.start, self.base, self.row, self.col)):
            raise ModelError("An absent operand is not all zero.", code="BadNode")

    @property
    def present(self) -> bool:
        """Whether the node has this operand."""
        return self.space is not Space.ABSENT

    def encode(self) -> bytes:
        """One word of the descriptor."""
        return _OPERAND.pack(self.space, self.type, self.start, self.base, self.row, self.col)

    @classmethod
    def decode(cls, word: bytes) -> Operand:
        """Inverse of :meth:`encode` (reserved bytes are checked by :meth:`Node.decode`)."""
        space, kind, start, base, row, col = _OPERAND.unpack(word)
        return cls(space=Space(space), type=ElementType(kind), start=start, base=base, row=row, col=col)


ABSENT = Operand()
"""No operand."""

_NO, _YES, _MAYBE = (False,), (True,), (False, True)
_PRESENCE: dict[Op, tuple[tuple[bool, ...], tuple[bool, ...], tuple[bool, ...]]] = {
    Op.INPUT: (_NO, _NO, _NO),
    Op.MATMUL: (_YES, _YES, _NO),
    Op.AFFINE: (_YES, _MAYBE, _MAYBE),
    Op.TABLE: (_YES, _YES, _NO),
    Op.SELECT: (_YES, _MAYBE, _MAYBE),
    Op.MAX: (_YES, _NO, _NO),
    Op.SUM: (_YES, _NO, _NO),
    Op.ARGMAX: (_YES, _NO, _NO),
    Op.GATHER: (_YES, _YES, _NO),
}
_ROW_OPS = (Op.MATMUL, Op.MAX, Op.SUM, Op.ARGMAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One descriptor: an operation and the region of the trace that it fills."""

    op: Op
    """What it does."""
    out_type: ElementType
    """How its elements are stored."""
    flags: int = 0
    """SELECT: the :class:`Comparison`; else zero."""
    shift: int = 0
    """AFFINE: right shift, at most 62; else zero."""
    start: int
    """First leaf of the region."""
    leaves: int
    """Leaves of the region, its padding included."""
    n: int
    """Elements; those after them are zero."""
    cols: int = 1
    """Columns of the output (rows follow from `n`)."""
    k: int = 0
    """MATMUL, MAX, SUM, ARGMAX: elements of a row, 1 to 256; else zero."""
    a: Operand = ABSENT
    """First operand."""
    b: Operand = ABSENT
    """Second operand; TABLE and GATHER have it in the weights."""
    c: Operand = ABSENT
    """Third operand."""
    m0: int = 0
    """AFFINE: factor of A·B."""
    m1: int = 0
    """AFFINE: factor of C."""
    add: int = 0
    """AFFINE: summand; SELECT without B: what A is compared with."""
    lo: int = 0
    """AFFINE, TABLE: lower clamp."""
    hi: int = 0
    """AFFINE, TABLE: upper clamp."""

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise ModelError(f"{self.op.name}: {problem}.", code="BadNode", op=self.op.name)

    def _problems(self) -> Iterator[str]:
        op = self.op
        presence = zip("ABC", self.operands, _PRESENCE[op], strict=True)
        for name, operand, allowed in presence:
            if operand.present not in allowed:
                yield f"operand {name} is {'superfluous' if operand.present else 'missing'}"
        if op in (Op.TABLE, Op.GATHER) and self.b.space is not Space.WEIGHTS:
            yield "operand B is not in the weights"
        if not (0 <= self.start < 1 << 32 and 1 <= self.n < 1 << 32 and 1 <= self.cols < 1 << 32):
            yield "start, n or cols is out of range"
        if not self.words <= self.leaves <= MAX_TRACE_WORDS:
            yield "the region is too small for its elements, or too large"
        if not (1 <= self.k <= MAX_ROW if op in _ROW_OPS else self.k == 0):
            yield f"K is {self.k}"
        if not 0 <= self.shift <= (MAX_SHIFT if op is Op.AFFINE else 0):
            yield f"the shift is {self.shift}"
        if self.flags not in (tuple(Comparison) if op is Op.SELECT else (0,)):
            yield f"the flags are {self.flags}"
        if not all(-(1 << 63) <= x < 1 << 63 for x in (self.m0, self.m1, self.add, self.lo, self.hi)):
            yield "a constant is not one of 64 bits"
        if self._unused_constants():
            yield "an unused field is not zero"
        if self.lo > self.hi or (op is Op.TABLE and self.hi - self.lo >= MAX_TABLE):
            yield f"the bounds are {self.lo} and {self.hi}"

    def _unused_constants(self) -> bool:
        unused: list[int] = []
        if self.op is not Op.AFFINE:
            unused += [self.m0, self.m1]
        if not self.c.present:
            unused.append(self.m1)
        if self.op is not Op.AFFINE and (self.op is not Op.SELECT or self.b.present):
            unused.append(self.add)
        if self.op not in (Op.AFFINE, Op.TABLE):
            unused += [self.lo, self.hi]
        if self.op is Op.INPUT:
            unused.append(self.cols - 1)
        return any(unused)

    @property
    def operands(self) -> tuple[Operand, Operand, Operand]:
        """A, B and C."""
        return self.a, self.b, self.c

    @property
    def words(self) -> int:
        """Words that the elements need."""
        return words_needed(self.n, self.out_type)

    def index(self, operand: Operand, element: int) -> int:
        """Where an operand's first element lies that output element `element` reads."""
        return operand.base + element // self.cols * operand.row + element % self.cols * operand.col

    def encode(self) -> bytes:
        """The 192 bytes of the descriptor."""
        head = (self.op, self.out_type, self.flags, self.shift, self.start, self.leaves, self.n, self.cols, self.k)
        return b"".join(
            (
                _WORD0.pack(*head),
                *(operand.encode() for operand in self.operands),
                _WORD4.pack(self.m0, self.m1, self.add),
                _WORD5.pack(self.lo, self.hi),
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> Node:
        """Inverse of :meth:`encode`; there is one encoding of a node.

        Raises
        ------
        ModelError
            If the bytes are not the encoding of a well-formed node.
        """
        if len(data) != DESCRIPTOR_BYTES:
            raise ModelError(f"A descriptor has {DESCRIPTOR_BYTES} bytes, not {len(data)}.", code="BadNode")
        words = [data[i : i + WORD] for i in range(0, DESCRIPTOR_BYTES, WORD)]
        op, out_type, flags, shift, start, leaves, n, cols, k = _WORD0.unpack(words[0])
        m0, m1, add = _WORD4.unpack(words[4])
        lo, hi = _WORD5.unpack(words[5])
        try:
            a, b, c = (Operand.decode(word) for word in words[1:4])
            kind, stored = Op(op), ElementType(out_type)
        except ValueError as error:
            raise ModelError(f"Unknown code in a descriptor: {error}.", code="BadNode") from error
        node = cls(
            op=kind, out_type=stored, flags=flags, shift=shift, start=start, leaves=leaves, n=n, cols=cols, k=k,
            a=a, b=b, c=c, m0=m0, m1=m1, add=add, lo=lo, hi=hi,
        )  # fmt: skip
        if node.encode() != data:
            raise ModelError("Reserved bytes of a descriptor are not zero.", code="BadNode")
        return node


def fill_gaps(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Nodes whose regions reach to the start of the next, and the last one's to the end of the trace."""
    ends = [node.start for node in nodes[1:]] + [1 << depth_for(nodes[-1].start + nodes[-1].words)]
    return tuple(replace(node, leaves=end - node.start) for node, end in zip(nodes, ends, strict=True))


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A whole program: nodes in order of execution, and the constants they read."""

    nodes: tuple[Node, ...]
    """Node 0 is the only INPUT."""
    weights: bytes = field(repr=False)
    """Packed words of weights, index lists and tables."""
    input_elements: int
    """Elements of node 0."""
    output_node: int
    """Which region is the output."""
    output_elements: int
    """Elements of that region."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.nodes) <= MAX_NODES:
            raise ModelError(f"A program has 1 to {MAX_NODES} nodes, not {len(self.nodes)}.", code="ProgramSize")
        if len(self.weights) % WORD or len(self.weights) > WORD * MAX_WEIGHT_WORDS:
            raise ModelError(f"{len(self.weights)} bytes are no whole words, or too many.", code="ProgramSize")
        if self.nodes[0].op is not Op.INPUT or self.input_elements != self.nodes[0].n:
            raise ModelError("Node 0 is not the input that the header describes.", code="BadProgram")
        if not 0 <= self.output_node < len(self.nodes):
            raise ModelError(f"There is no output node {self.output_node}.", code="BadProgram")
        if self.output_elements != self.nodes[self.output_node].n:
            raise ModelError("The output is not all of its region.", code="BadProgram")
        self._check_layout()

    def _check_layout(self) -> None:
        end = 0
        for place, node in enumerate(self.nodes):
            if place and node.op is Op.INPUT:
                raise ModelError(f"Node {place} is a second input.", code="BadProgram", node=place)
            if node.start != align(end, node.words) or (place and node.start != self._region_end(place - 1)):
                raise ModelError(f"Node {place} starts at the wrong leaf {node.start}.", code="BadLayout", node=place)
            end = node.start + node.words
        if end > MAX_TRACE_WORDS:
            raise ModelError(f"The trace has {end} words, more than {MAX_TRACE_WORDS}.", code="ProgramSize")
        if self._region_end(len(self.nodes) - 1) != 1 << depth_for(end):
            raise ModelError("The last region does not end where the trace does.", code="BadLayout", node=place)

    def _region_end(self, place: int) -> int:
        return self.nodes[place].start + self.nodes[place].leaves

    def __hash__(self) -> int:
        return hash((self.weights, len(self.nodes), self.output_node, self.input_elements))

    @property
    def trace_depth(self) -> int:
        """Depth of the trace tree."""
        return depth_for(self.trace_words)

    @property
    def trace_words(self) -> int:
        """Words up to the last that holds an element; the rest of the tree is zero."""
        return self.nodes[-1].start + self.nodes[-1].words

    @property
    def weights_depth(self) -> int:
        """Depth of the weights tree."""
        return depth_for(len(self.weights) // WORD)

    @property
    def program_depth(self) -> int:
        """Depth of the program tree."""
        return depth_for(len(self.nodes))

    @property
    def input_depth(self) -> int:
        """Depth of the salted input tree."""
        return depth_for(self.nodes[0].words)

    @property
    def output(self) -> Node:
        """The node whose region is the output."""
        return self.nodes[self.output_node]

    def node_at(self, leaf: int) -> int:
        """Index of the node whose region holds a leaf."""
        return int(np.searchsorted(self._starts, leaf, side="right")) - 1

    def element_at(self, place: int) -> tuple[int, int]:
        """Node and element that a byte of the trace belongs to (an element past ``n`` is padding)."""
        index = self.node_at(place // WORD)
        node = self.nodes[index]
        return index, (place - node.start * WORD) // node.out_type.bytes

    @cached_property
    def _starts(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.array([node.start for node in self.nodes], dtype=np.int64)

    def dimensions(self) -> Dimensions:
        """Shape of the four trees, as committed."""
        return Dimensions(
            program_depth=self.program_depth,
            weights_depth=self.weights_depth,
            trace_depth=self.trace_depth,
            input_depth=self.input_depth,
            nodes=len(self.nodes),
            output_start=self.output.start,
            output_leaves=self.output.words,
            input_leaves=self.nodes[0].words,
        )

    @cached_property
    def _program_tree(self) -> MerkleTree:
        hashes = [keccak256(node.encode()) for node in self.nodes]
        return MerkleTree(hashes, self.program_depth, zero_leaf=ZERO32)

    @cached_property
    def _weights_tree(self) -> MerkleTree:
        return MerkleTree.of_words(self.weights, self.weights_depth)

    def program_tree(self) -> MerkleTree:
        """Tree over the descriptors' hashes; computed once."""
        return self._program_tree

    def weights_tree(self) -> MerkleTree:
        """Tree over the words of the weights; computed once."""
        return self._weights_tree

    def commitment(self, manifest_digest: Bytes32, native_digest: Bytes32 = ZERO32) -> ModelCommitment:
        """What the model's id is the hash of."""
        return ModelCommitment(
            program_root=self.program_tree().root,
            weights_root=self.weights_tree().root,
            dimensions=self.dimensions().pack(),
            native_digest=native_digest,
            manifest_digest=manifest_digest,
        )

    def to_bytes(self) -> bytes:
        """The program file."""
        weight_words = len(self.weights) // WORD
        header = (len(self.nodes), weight_words, self.trace_depth, *self._ends())
        return b"".join((_HEADER.pack(_MAGIC, *header), *(node.encode() for node in self.nodes), self.weights))

    def _ends(self) -> tuple[int, int, int]:
        return self.input_elements, self.output_node, self.output_elements

    @classmethod
    def from_bytes(cls, data: bytes) -> Graph:
        """Read a program file.

        Raises
        ------
        ModelError
            If it is not the file of a well-formed program. What the program computes is not checked here but by
            `concordat.graph.intervals.validate`.
        """
        if len(data) < _HEADER.size or data[: len(_MAGIC)] != _MAGIC:
            raise ModelError("This is not a Concordat program file.", code="BadProgram")
        _, nodes, weight_words, depth, *ends = _HEADER.unpack_from(data)
        if nodes > MAX_NODES or weight_words > MAX_WEIGHT_WORDS:
            raise ModelError(f"{nodes} nodes or {weight_words} words are too many.", code="ProgramSize")
        weights_at = _HEADER.size + nodes * DESCRIPTOR_BYTES
        if len(data) != weights_at + weight_words * WORD:
            raise ModelError(f"A program file of {len(data)} bytes is cut short or too long.", code="BadProgram")
        graph = cls(
            nodes=tuple(_decode_nodes(data, nodes)),
            weights=bytes(data[weights_at:]),
            input_elements=ends[0],
            output_node=ends[1],
            output_elements=ends[2],
        )
        if any(data[WORD : _HEADER.size]) or depth != graph.trace_depth:
            raise ModelError("The header of the program file is not canonical.", code="BadProgram")
        return graph


def _decode_nodes(data: bytes, count: int) -> Iterator[Node]:
    for place in range(count):
        at = _HEADER.size + place * DESCRIPTOR_BYTES
        try:
            yield Node.decode(data[at : at + DESCRIPTOR_BYTES])
        except ModelError as error:
            raise ModelError(f"Node {place}: {error.message}", code=error.code, node=place) from error
