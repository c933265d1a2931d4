"""Openings of a trace, and the proofs made of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from concordat.graph.elements import WORD, ElementType
from concordat.graph.ir import Graph, Node, Op, Operand, Space
from concordat.primitives.encoding import ZERO32
from concordat.primitives.errors import DisputeError, InputError
from concordat.primitives.merkle import MerkleTree
from concordat.primitives.units import Bytes32
from concordat.protocol.artifact import Dimensions, ModelCommitment
from concordat.protocol.execution import MAX_OUTPUT_BYTES, input_tree
from concordat.protocol.execution import input_salt as salt_of_leaf
from concordat.protocol.messages import ElementProof, Opening, OutputProof

__all__ = [
    "TraceView",
    "element_proof",
    "first_difference",
    "output_opening",
    "output_proof",
    "trace_tree",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceView:
    """As much of a claimed trace as a proof needs."""

    words: bytes = field(repr=False)
    """Packed words from leaf 0 on; those after them are zero, or not needed."""
    tree: MerkleTree = field(repr=False)
    """The provider's tree."""

    @classmethod
    def whole(cls, graph: Graph, words: bytes) -> TraceView:
        """View of a trace that is known in full."""
        return cls(words=words, tree=trace_tree(graph, words))

    def opening(self, first: int, count: int) -> Opening:
        """Some words with their siblings."""
        return _opening(self.words, self.tree, first, count)


def trace_tree(graph: Graph, trace: bytes) -> MerkleTree:
    """Merkle tree over the words of a trace, honest or not.

    Raises
    ------
    InputError
        If they are not whole words, or too many.
    """
    if len(trace) % WORD or len(trace) > WORD << graph.trace_depth:
        raise InputError(f"{len(trace)} bytes are no trace of depth {graph.trace_depth}.", code="TraceLength")
    return MerkleTree.of_words(trace, graph.trace_depth)


def element_proof(
    graph: Graph,
    claimed: TraceView | bytes,
    node: int,
    element: int,
    input_words: bytes,
    input_salt: bytes,
) -> ElementProof:
    """Opens all that the court needs to judge one element.

    Parameters
    ----------
    graph : Graph
    claimed : TraceView or bytes
        The provider's trace; bytes if all of it is known.
    node, element : int
        Which; an element past ``n`` is padding.
    input_words, input_salt : bytes
        Of the order; only one word and its salt become known, and only if `node` is the input.
    """
    claimed = _view(graph, claimed)
    region = graph.nodes[node]
    kind = region.out_type
    a, b, c, leaf_salt = Opening(), Opening(), Opening(), ZERO32
    if region.op is Op.INPUT and element < region.n:
        leaf = element // kind.per_word
        tree = input_tree(input_words, input_salt, graph.input_depth)
        a, leaf_salt = _opening(input_words, tree, leaf, 1), salt_of_leaf(input_salt, leaf)
    elif element < region.n:
        a, b, c = _operand_openings(graph, claimed, region, element)
    return ElementProof(
        node=node,
        element=element,
        descriptor=region.encode(),
        descriptor_path=tuple(graph.program_tree().prove_range(node, 1)),
        claimed=claimed.opening(region.start + element // kind.per_word, 1),
        a=a,
        b=b,
        c=c,
        leaf_salt=leaf_salt,
    )


def output_proof(graph: Graph, claimed: TraceView | bytes, output: bytes) -> OutputProof:
    """Opens the first word in which a delivered output differs from the trace (none if its length is wrong, or if only
    the trace root can be carried).

    Raises
    ------
    DisputeError
        ``NoFraud`` if it does not differ.
    """
    claimed = _view(graph, claimed)
    node = graph.output
    size = node.words * WORD
    if size > MAX_OUTPUT_BYTES:
        if output == claimed.tree.root:
            raise DisputeError("What was delivered is the trace's root.", code="NoFraud")
        return OutputProof(output=output, word=0, claimed=Opening())
    if len(output) != size:
        return OutputProof(output=output, word=0, claimed=Opening())
    place = first_difference(claimed.words[node.start * WORD :][:size], output)
    if place is None:
        raise DisputeError("The output is the trace's output region.", code="NoFraud")
    word = place // WORD
    return OutputProof(output=output, word=word, claimed=claimed.opening(node.start + word, 1))


def output_opening(model: ModelCommitment, trace: bytes, tree: MerkleTree) -> Opening:
    """All words of the output, opened against the trace root."""
    dimensions = Dimensions.unpack(model.dimensions)
    return _opening(trace, tree, dimensions.output_start, dimensions.output_leaves)


def first_difference(x: bytes, y: bytes) -> int | None:
    """Place of the first byte in which two strings differ that go on with zeros."""
    size = max(len(x), len(y))
    left, right = (np.frombuffer(part.ljust(size, b"\0"), dtype=np.uint8) for part in (x, y))
    places = np.flatnonzero(left != right)
    return int(places[0]) if places.size else None


def _view(graph: Graph, claimed: TraceView | bytes) -> TraceView:
    return claimed if isinstance(claimed, TraceView) else TraceView.whole(graph, claimed)


def _operand_openings(graph: Graph, claimed: TraceView, node: Node, element: int) -> tuple[Opening, Opening, Opening]:
    weights = TraceView(words=graph.weights, tree=graph.weights_tree())
    memories = {Space.TRACE: claimed, Space.WEIGHTS: weights}

    def place(operand: Operand, offset: int = 0) -> int:
        return node.index(operand, element) + offset

    def value(operand: Operand) -> int:
        return _element(memories[operand.space].words, operand.type, operand.start, place(operand))

    def opening(operand: Operand, offset: int, count: int) -> Opening:
        if not operand.present:
            return Opening()
        first = place(operand, offset) // operand.type.per_word
        last = (place(operand, offset) + count - 1) // operand.type.per_word
        return memories[operand.space].opening(operand.start + first, last - first + 1)

    count = max(node.k, 1)
    offset_a = value(node.b) if node.op is Op.GATHER else 0
    offset_b = min(max(value(node.a), node.lo), node.hi) - node.lo if node.op is Op.TABLE else 0
    return opening(node.a, offset_a, count), opening(node.b, offset_b, count), opening(node.c, 0, 1)


def _element(words: bytes, kind: ElementType, start: int, index: int) -> int:
    at = start * WORD + index * kind.bytes
    return int.from_bytes(words[at : at + kind.bytes], "big", signed=True)


def _opening(words: bytes, tree: MerkleTree, first: int, count: int) -> Opening:
    cut = words[first * WORD : (first + count) * WORD].ljust(count * WORD, b"\0")
    return Opening(
        words=tuple(Bytes32(cut[i : i + WORD]) for i in range(0, len(cut), WORD)),
        path=tuple(tree.prove_range(first, count)),
    )
