"""Programs to be judged and run on chain, and executions of them in which one element is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

import numpy as np

from concordat.graph.builder import GraphBuilder, Ref
from concordat.graph.elements import WORD, ElementType
from concordat.graph.execute import run
from concordat.graph.ir import Graph
from concordat.graph.trace import TraceView, element_proof
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Bytes32
from concordat.protocol.artifact import ModelCommitment
from concordat.protocol.execution import Result, input_root
from concordat.protocol.messages import ElementProof, ResultHeader

__all__ = ["INPUT_SALT", "Cheat", "cheat", "deep_graph", "dense_network", "weights_of"]

INPUT_SALT = keccak256(b"salt of the input")
K = 256
"""Elements of the longest product that there is."""
ROWS = 64
"""Products of each kind."""
BEFORE, AFTER = 490, 70
"""Nodes that give trace and program their size, before and after its middle."""
_MANIFEST = keccak256(b"manifest of a benchmark")
I8, I16, I32 = ElementType.I8, ElementType.I16, ElementType.I32


@cache
def deep_graph() -> tuple[Graph, dict[str, int]]:
    """A program with a trace of 2^16 words, weights of 2^17 and 2^10 nodes, and the nodes whose elements are disputed.

    Returns
    -------
    graph : Graph
    places : dict
        Node of each kind of product: ``int8`` and ``int16`` with operands at word boundaries, as published models have
        them, and ``straddling``: int16 operands placed as badly as can be, across the middle of both memories and not
        at word boundaries.
    """
    draw = np.random.default_rng(16)
    builder = GraphBuilder()
    x = builder.input(2 * K, I16)
    narrow = builder.affine(x, shift=9, lo=-128, hi=127, out_type=I8)
    rows = {
        "int8": builder.weights(draw.integers(-128, 128, (ROWS, K)), I8),
        "int16": builder.weights(draw.integers(-(2**15), 2**15, (ROWS, K)), I16),
    }
    middle = _weights_over_the_middle(builder, draw)
    _fill(builder, x, range(BEFORE))
    across = _trace_over_the_middle(builder, x)
    _fill(builder, x, range(BEFORE, BEFORE + AFTER))
    products = {
        "int8": builder.matmul(narrow.part(cols=slice(0, K)), rows["int8"]),
        "int16": builder.matmul(x.part(cols=slice(0, K)), rows["int16"]),
        "straddling": builder.matmul(across, middle),
    }
    graph = builder.build(builder.argmax(products["int16"]))
    return graph, {name: graph.node_at(ref.start) for name, ref in products.items()}


def _fill(builder: GraphBuilder, x: Ref, summands: range) -> None:
    for summand in summands:
        builder.affine(x, add=summand, shift=1, out_type=I32)


def _weights_over_the_middle(builder: GraphBuilder, draw: np.random.Generator) -> Ref:
    """A row of int16 weights that lies across the middle of a memory of 2^17 words, with half a word on both sides."""
    block = builder.weights(draw.integers(-(2**15), 2**15, (1, 16 * (1 << 17) - 80_000)), I16)
    begin = ((1 << 16) - block.start) * 16 - K // 2 + 8
    return block.part(cols=slice(begin, begin + K))


def _trace_over_the_middle(builder: GraphBuilder, x: Ref) -> Ref:
    """Elements of a region that lies across the middle of the trace."""
    wide = builder.gather(x, np.arange(1 << 15) % x.cols)
    begin = ((1 << 15) - wide.start) * 16 - K // 2 + 8
    return wide.part(cols=slice(begin, begin + K))


@cache
def dense_network(sizes: tuple[int, ...] = (30, 64, 64, 1)) -> Graph:
    """A network of dense layers with rectifiers: int8 weights, int16 activations, random parameters."""
    draw = np.random.default_rng(sum(sizes))
    builder = GraphBuilder()
    x = builder.input(sizes[0], I16)
    for layer, (width, outputs) in enumerate(pairwise(sizes)):
        sums = builder.matmul(x, builder.weights(draw.integers(-127, 128, (outputs, width)), I8))
        bias = builder.weights(draw.integers(-(2**20), 2**20, outputs), I32)
        lowest = 0 if layer < len(sizes) - 2 else None
        x = builder.affine(sums, m0=23170, c=bias, m1=23170, shift=24, lo=lowest, out_type=I16)
    return builder.build(x)


def weights_of(sizes: tuple[int, ...]) -> int:
    """Weights and biases of such a network."""
    return sum(width * outputs + outputs for width, outputs in pairwise(sizes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cheat:
    """An execution in which one element is wrong."""

    graph: Graph
    """The program."""
    input_words: bytes = field(repr=False)
    """Packed input."""
    honest: bytes = field(repr=False)
    """The trace as it should be."""
    view: TraceView = field(repr=False)
    """The trace as it is claimed."""
    proof: ElementProof
    """Shows the wrong element."""

    @property
    def model(self) -> ModelCommitment:
        """What the order names."""
        return self.graph.commitment(_MANIFEST)

    @property
    def input_root(self) -> Bytes32:
        """What the order says of the input."""
        return input_root(self.input_words, INPUT_SALT, self.graph.input_depth)

    @property
    def result(self) -> Result:
        """What is delivered: the claimed trace's output region."""
        node = self.graph.output
        output = self.view.words[node.start * WORD : (node.start + node.words) * WORD]
        return Result(trace_root=self.view.tree.root, output=output)

    @property
    def header(self) -> ResultHeader:
        """Opens the delivered result."""
        return ResultHeader(trace_root=self.result.trace_root, output_hash=self.result.output_hash)


def cheat(kind: str, seed: int) -> Cheat:
    """An execution of the deep program on some input, with one product of that kind wrong."""
    graph, places = deep_graph()
    region = graph.nodes[places[kind]]
    words = np.random.default_rng(seed).bytes(graph.nodes[0].words * WORD)
    honest = run(graph, words).trace
    element = seed % region.n
    claimed = bytearray(honest)
    claimed[region.start * WORD + (element + 1) * region.out_type.bytes - 1] ^= 1
    view = TraceView.whole(graph, bytes(claimed))
    proof = element_proof(graph, view, places[kind], element, words, INPUT_SALT)
    return Cheat(graph=graph, input_words=words, honest=honest, view=view, proof=proof)
