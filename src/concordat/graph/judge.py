"""The judge: recomputes one element, or compares one word of the output, from openings alone.

`contracts/src/court/Element.sol` is the twin. Numbered checks of :func:`judge_element`:

1. The descriptor is the program's at that node.
2. The element lies in the node's region, and the claimed word opens the trace there.
3. Past ``n`` the element is expected to be zero, and nothing else is opened.
4. Of an INPUT, the word opens the order's salted input tree.
5. Of any other node, each present operand is opened from the word of its first element to that of its last.

Soundness: every opened word is bound by a root and a place that follow from the descriptor, so the only way to a
verdict of "wrong" is a trace that is wrong. Numbers are Python's: nothing overflows, whatever the operands claim to be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from concordat.graph.elements import WORD, ElementType
from concordat.graph.ir import DESCRIPTOR_BYTES, Comparison, Node, Op, Operand, Space
from concordat.primitives.errors import DisputeError, ModelError, VerificationError
from concordat.primitives.hashing import keccak256
from concordat.primitives.merkle import leaf_hash, range_root
from concordat.protocol.artifact import Dimensions, ModelCommitment
from concordat.protocol.execution import MAX_OUTPUT_BYTES, input_leaf
from concordat.protocol.messages import ElementProof, Opening, OutputProof

__all__ = ["GraphJudge", "compute_element", "judge_element", "judge_output"]

_COMPARE: dict[int, Callable[[int, int], bool]] = {
    Comparison.GREATER_EQUAL: lambda a, b: a >= b,
    Comparison.GREATER: lambda a, b: a > b,
    Comparison.EQUAL: lambda a, b: a == b,
    Comparison.LESS_EQUAL: lambda a, b: a <= b,
    Comparison.LESS: lambda a, b: a < b,
}

Reader = Callable[[int, int, int], list[int]]
"""``read(operand, offset, count)``: elements of operand 0, 1 or 2, from `offset` after where the index rule points."""


class GraphJudge:
    """The judge as the court wants it handed in (:class:`concordat.protocol.state.Judge`)."""

    def element_is_wrong(
        self, model: ModelCommitment, input_root: bytes, trace_root: bytes, proof: ElementProof
    ) -> bool:
        """See :func:`judge_element`."""
        return judge_element(model, input_root, trace_root, proof)

    def output_is_wrong(self, model: ModelCommitment, trace_root: bytes, proof: OutputProof) -> bool:
        """See :func:`judge_output`."""
        return judge_output(model, trace_root, proof)


def judge_element(model: ModelCommitment, input_root: bytes, trace_root: bytes, proof: ElementProof) -> bool:
    """Whether the claimed element differs from what its node makes of its operands.

    Raises
    ------
    DisputeError
        ``BadOpening`` if the proof does not open exactly what the element depends on.
    """
    dimensions = Dimensions.unpack(model.dimensions)
    # 1
    node = _committed_node(model, dimensions, proof)
    # 2
    leaf, place = divmod(proof.element, node.out_type.per_word)
    _require(0 <= leaf < node.leaves, "the element lies outside its region")
    _require_words(proof.claimed, 1)
    _require_root(proof.claimed, node.start + leaf, dimensions.trace_depth, trace_root)
    claimed = _element(proof.claimed.words[0], node.out_type, place)
    # 3
    if proof.element >= node.n:
        _require_empty(proof.a, proof.b, proof.c)
        return claimed != 0
    # 4
    if node.op is Op.INPUT:
        _require_empty(proof.b, proof.c)
        return claimed != _input_element(dimensions, input_root, node.out_type, proof)
    # 5
    opened = _Opened(model=model, dimensions=dimensions, trace_root=trace_root, node=node, proof=proof)
    return claimed != compute_element(node, opened.read)


def judge_output(model: ModelCommitment, trace_root: bytes, proof: OutputProof) -> bool:
    """Whether the delivered output has the wrong length, or differs from the trace in the word that is shown.

    Of an output that is too large for a submission the trace root was delivered, and nothing else can be right.

    Raises
    ------
    DisputeError
        ``BadOpening`` if the word is not opened, or is opened though the length is wrong.
    """
    dimensions = Dimensions.unpack(model.dimensions)
    if WORD * dimensions.output_leaves > MAX_OUTPUT_BYTES:
        _require_empty(proof.claimed)
        return proof.output != trace_root
    if len(proof.output) != WORD * dimensions.output_leaves:
        _require_empty(proof.claimed)
        return True
    _require(0 <= proof.word < dimensions.output_leaves, "the word lies outside the output")
    _require_words(proof.claimed, 1)
    _require_root(proof.claimed, dimensions.output_start + proof.word, dimensions.trace_depth, trace_root)
    return proof.output[WORD * proof.word : WORD * (proof.word + 1)] != proof.claimed.words[0]


def compute_element(node: Node, read: Reader) -> int:
    """One element, as docs/explain/integer-graph.md §3 says; any operation but INPUT."""
    count = max(node.k, 1)
    a = [] if node.op is Op.GATHER else read(0, 0, count)
    match node.op:
        case Op.MATMUL:
            return sum(x * y for x, y in zip(a, read(1, 0, count), strict=True))
        case Op.AFFINE:
            return _affine(node, a[0], read)
        case Op.TABLE:
            return read(1, _clamp(node, a[0]) - node.lo, 1)[0]
        case Op.SELECT:
            other = read(1, 0, 1)[0] if node.b.present else node.add
            chosen = read(2, 0, 1)[0] if node.c.present else 1
            return chosen if _COMPARE[node.flags](a[0], other) else 0
        case Op.MAX:
            return max(a)
        case Op.SUM:
            return sum(a)
        case Op.ARGMAX:
            return a.index(max(a))
        case Op.GATHER:
            return read(0, read(1, 0, 1)[0], 1)[0]
    raise AssertionError("the input is not computed")


def _affine(node: Node, a: int, read: Reader) -> int:
    b = read(1, 0, 1)[0] if node.b.present else 1
    c = read(2, 0, 1)[0] if node.c.present else 0
    value = node.m0 * a * b + node.m1 * c + node.add
    return _clamp(node, (value + (1 << node.shift >> 1)) >> node.shift)


def _clamp(node: Node, value: int) -> int:
    return min(max(value, node.lo), node.hi)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """The operands of one element, each checked against its root when read."""

    model: ModelCommitment
    dimensions: Dimensions
    trace_root: bytes
    node: Node
    proof: ElementProof

    def __post_init__(self) -> None:
        for operand, opening in zip(self.node.operands, self._openings, strict=True):
            if not operand.present:
                _require_empty(opening)

    @property
    def _openings(self) -> tuple[Opening, Opening, Opening]:
        return self.proof.a, self.proof.b, self.proof.c

    def read(self, which: int, offset: int, count: int) -> list[int]:
        """A :data:`Reader` of opened words."""
        operand, opening = self.node.operands[which], self._openings[which]
        index = self.node.index(operand, self.proof.element) + offset
        _require(index >= 0, "an element before its operand is read")
        first, skipped = divmod(index, operand.type.per_word)
        _require_words(opening, (skipped + count - 1) // operand.type.per_word + 1)
        depth, root = self._memory(operand)
        _require_root(opening, operand.start + first, depth, root)
        data = b"".join(opening.words)
        return [_element(data, operand.type, skipped + i) for i in range(count)]

    def _memory(self, operand: Operand) -> tuple[int, bytes]:
        if operand.space is Space.TRACE:
            return self.dimensions.trace_depth, self.trace_root
        return self.dimensions.weights_depth, self.model.weights_root


def _committed_node(model: ModelCommitment, dimensions: Dimensions, proof: ElementProof) -> Node:
    _require(len(proof.descriptor) == DESCRIPTOR_BYTES, "a descriptor has 192 bytes")
    leaf = keccak256(proof.descriptor)
    root = _root([leaf], proof.node, dimensions.program_depth, proof.descriptor_path)
    _require(root == model.program_root, "the descriptor is not the program's")
    try:
        return Node.decode(proof.descriptor)
    except ModelError as error:
        raise _bad_opening(error.message) from error


def _input_element(dimensions: Dimensions, input_root: bytes, kind: ElementType, proof: ElementProof) -> int:
    leaf, place = divmod(proof.element, kind.per_word)
    _require_words(proof.a, 1)
    _require(len(proof.leaf_salt) == WORD, "a leaf's salt has 32 bytes")
    hashed = input_leaf(proof.leaf_salt, leaf, proof.a.words[0])
    root = _root([hashed], leaf, dimensions.input_depth, proof.a.path)
    _require(root == input_root, "the word is not the order's input")
    return _element(proof.a.words[0], kind, place)


def _element(words: bytes, kind: ElementType, index: int) -> int:
    return int.from_bytes(words[index * kind.bytes : (index + 1) * kind.bytes], "big", signed=True)


def _require_root(opening: Opening, first: int, depth: int, root: bytes) -> None:
    found = _root([leaf_hash(word) for word in opening.words], first, depth, opening.path)
    _require(found == root, "the words are not the ones that were committed to")


def _root(leaves: list[Any], first: int, depth: int, path: tuple[bytes, ...]) -> bytes:
    try:
        return range_root(leaves, first, depth, path)
    except VerificationError as error:
        raise _bad_opening(error.message) from error


def _require_words(opening: Opening, count: int) -> None:
    whole = len(opening.words) == count and all(len(word) == WORD for word in opening.words)
    _require(whole, f"{count} words are to be opened, no more and no less")


def _require_empty(*openings: Opening) -> None:
    _require(not any(opening.words or opening.path for opening in openings), "something is opened that is not read")


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise _bad_opening(f"The proof opens the wrong things: {problem}.")


def _bad_opening(message: str) -> DisputeError:
    return DisputeError(message, code="BadOpening", hint="Open exactly what the element depends on.")
