"""Nodes, graphs and the program file: one encoding, strict reading, sizes as the document lays them out."""

from __future__ import annotations

import dataclasses

import pytest

from concordat.graph.elements import ElementType, align, pack_elements, unpack_elements, words_needed
from concordat.graph.ir import ABSENT, Graph, Node, Op, Operand, Space
from concordat.primitives.encoding import ZERO32
from concordat.primitives.errors import InputError, ModelError
from concordat.primitives.hashing import keccak256, sha256
from concordat.primitives.merkle import MerkleTree
from concordat.protocol.artifact import Dimensions
from concordat.testing.graphs import random_graph

TRACE = Operand(space=Space.TRACE, type=ElementType.I8, start=0)
WEIGHTS = Operand(space=Space.WEIGHTS, type=ElementType.I16, start=2, base=3, row=5, col=7)
INPUT = Node(op=Op.INPUT, out_type=ElementType.I8, start=0, leaves=1, n=3)
NODE = Node(
    op=Op.AFFINE, out_type=ElementType.I32, shift=9, start=1, leaves=1, n=3, cols=2, a=TRACE, b=WEIGHTS, c=TRACE,
    m0=-1, m1=2, add=-(1 << 63), lo=-5, hi=6,
)  # fmt: skip


def _graph(*nodes: Node, weights: bytes = b"") -> Graph:
    return Graph(
        nodes=nodes, weights=weights, input_elements=nodes[0].n,
        output_node=len(nodes) - 1, output_elements=nodes[-1].n,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "size", "low", "high"),
    [
        (ElementType.I8, 1, -128, 127),
        (ElementType.I16, 2, -32768, 32767),
        (ElementType.I32, 4, -(2**31), 2**31 - 1),
        (ElementType.I64, 8, -(2**63), 2**63 - 1),
    ],
)
def test_element_type_of_each_code_has_its_size_and_range(kind, size, low, high):
    assert (kind.bytes, kind.per_word, kind.minimum, kind.maximum) == (size, 32 // size, low, high)
    assert kind.dtype.itemsize == size
    words = pack_elements([low, high, -1], kind)
    assert words[: 3 * size] == b"".join(x.to_bytes(size, "big", signed=True) for x in (low, high, -1))
    assert words[3 * size :] == bytes(32 - 3 * size)
    assert unpack_elements(words, kind, 3).tolist() == [low, high, -1]


def test_element_type_holding_an_interval_is_the_smallest():
    assert ElementType.holding(-128, 127) is ElementType.I8
    assert ElementType.holding(-129, 0) is ElementType.I16
    assert ElementType.holding(0, 2**31) is ElementType.I64
    with pytest.raises(ModelError, match="No element type"):
        ElementType.holding(0, 2**63)


@pytest.mark.parametrize("values", [[128], [-129], [0.5], [2**70], ["x"]])
def test_packing_values_that_are_not_of_the_type_is_refused(values):
    with pytest.raises(InputError):
        pack_elements(values, ElementType.I8)


@pytest.mark.parametrize(("words", "count"), [(bytes(31), None), (bytes(32), 33), (bytes(32), -1)])
def test_unpacking_more_than_is_there_is_refused(words, count):
    with pytest.raises(InputError):
        unpack_elements(words, ElementType.I8, count)


@pytest.mark.parametrize(
    ("start", "words", "expected"),
    [(0, 1, 0), (5, 1, 5), (5, 2, 6), (5, 3, 8), (5, 9, 16), (17, 1000, 32), (16, 16, 16)],
)
def test_alignment_is_the_next_power_of_two_up_to_sixteen(start, words, expected):
    assert align(start, words) == expected


def test_words_needed_rounds_up():
    assert [words_needed(n, ElementType.I64) for n in (1, 4, 5)] == [1, 1, 2]


def test_descriptor_of_a_node_is_laid_out_as_documented():
    expected = (
        bytes([2, 2, 0, 9]) + b"".join(x.to_bytes(4, "big") for x in (1, 1, 3, 2, 0)) + bytes(8)
        + bytes([1, 0, 0, 0]) + bytes(28)
        + bytes([2, 1, 0, 0]) + b"".join(x.to_bytes(4, "big") for x in (2, 3, 5, 7)) + bytes(12)
        + bytes([1, 0, 0, 0]) + bytes(28)
        + b"".join(x.to_bytes(8, "big", signed=True) for x in (-1, 2, -(1 << 63))) + bytes(8)
        + b"".join(x.to_bytes(8, "big", signed=True) for x in (-5, 6)) + bytes(16)
    )  # fmt: skip
    assert NODE.encode() == expected
    assert Node.decode(expected) == NODE


@pytest.mark.parametrize(
    "change",
    [
        {"op": Op.MATMUL},
        {"a": ABSENT},
        {"c": ABSENT},
        {"shift": 63},
        {"flags": 1},
        {"k": 1},
        {"n": 0},
        {"n": 9},
        {"cols": 0},
        {"leaves": 0},
        {"leaves": 1 << 25},
        {"start": 1 << 32},
        {"m0": 1 << 63},
        {"lo": 7},
    ],
)
def test_node_with_a_field_out_of_place_is_refused(change):
    with pytest.raises(ModelError) as caught:
        dataclasses.replace(NODE, **change)
    assert caught.value.code == "BadNode"


@pytest.mark.parametrize(
    ("op", "fields"),
    [
        (Op.INPUT, {"cols": 2}),
        (Op.INPUT, {"a": TRACE}),
        (Op.MAX, {"a": TRACE}),
        (Op.MAX, {"a": TRACE, "k": 257}),
        (Op.SUM, {"a": TRACE, "k": 1, "lo": -1}),
        (Op.SELECT, {"a": TRACE, "flags": 5}),
        (Op.SELECT, {"a": TRACE, "b": TRACE, "add": 1}),
        (Op.TABLE, {"a": TRACE, "b": TRACE}),
        (Op.TABLE, {"a": TRACE, "b": WEIGHTS, "hi": 4096}),
        (Op.GATHER, {"a": TRACE, "b": TRACE}),
        (Op.GATHER, {"a": TRACE, "b": WEIGHTS, "shift": 1}),
        (Op.AFFINE, {"a": TRACE, "m1": 1}),
    ],
)
def test_node_with_an_operand_or_constant_that_its_operation_lacks_is_refused(op, fields):
    with pytest.raises(ModelError):
        Node(op=op, out_type=ElementType.I8, start=1, leaves=1, n=1, **fields)


@pytest.mark.parametrize("place", [28, 34, 57, 63, 152, 191])
def test_descriptor_with_reserved_bytes_set_is_refused(place):
    data = bytearray(NODE.encode())
    data[place] = 1
    with pytest.raises(ModelError):
        Node.decode(bytes(data))


@pytest.mark.parametrize(
    "operand", [{"start": 1}, {"type": ElementType.I64}, {"space": Space.TRACE, "row": -1}, {"base": 1 << 32}]
)
def test_operand_that_is_absent_but_not_zero_or_out_of_range_is_refused(operand):
    with pytest.raises(ModelError):
        Operand(**operand)


@pytest.mark.parametrize("seed", range(40))
def test_program_file_of_any_graph_reads_back_the_same(seed):
    graph = random_graph(seed)
    data = graph.to_bytes()
    again = Graph.from_bytes(data)
    assert again == graph
    assert hash(again) == hash(graph)
    assert again.to_bytes() == data
    assert int.from_bytes(data[16:20], "big") == graph.trace_depth


def test_layout_with_a_gap_an_overlap_or_a_second_input_is_refused():
    second = dataclasses.replace(NODE, b=ABSENT)
    assert _graph(INPUT, second).trace_depth == 1
    for nodes in (
        (INPUT, dataclasses.replace(second, start=2, leaves=2)),
        (dataclasses.replace(INPUT, leaves=2), dataclasses.replace(second, start=2, leaves=2)),
        (INPUT, dataclasses.replace(second, start=0)),
        (INPUT, dataclasses.replace(second, leaves=3)),
        (dataclasses.replace(INPUT, leaves=2), second),
        (INPUT, dataclasses.replace(INPUT, start=1)),
        (second,),
    ):
        with pytest.raises(ModelError):
            _graph(*nodes)


@pytest.mark.parametrize(
    "change",
    [{"output_node": 2}, {"output_node": -1}, {"output_elements": 2}, {"input_elements": 2}, {"weights": bytes(31)}],
)
def test_graph_whose_header_contradicts_its_nodes_is_refused(change):
    graph = _graph(INPUT, dataclasses.replace(NODE, b=ABSENT))
    with pytest.raises(ModelError):
        dataclasses.replace(graph, **change)


def test_commitment_follows_from_roots_and_dimensions():
    graph = random_graph(8)
    commitment = graph.commitment(sha256(b"manifest"), keccak256(b"native"))
    leaves = [keccak256(node.encode()) for node in graph.nodes]
    leaves += [ZERO32] * ((1 << graph.program_depth) - len(leaves))
    assert commitment.program_root == MerkleTree(leaves, graph.program_depth).root
    assert commitment.weights_root == MerkleTree.of_words(graph.weights, graph.weights_depth).root
    dimensions = Dimensions.unpack(commitment.dimensions)
    assert dimensions == graph.dimensions()
    assert dimensions.output_start == graph.output.start
    assert dimensions.input_leaves == words_needed(graph.input_elements, graph.nodes[0].out_type)


def test_every_byte_of_a_trace_belongs_to_the_node_whose_region_holds_it():
    graph = random_graph(3)
    for index, node in enumerate(graph.nodes):
        first, last = 32 * node.start, 32 * (node.start + node.leaves) - 1
        assert graph.element_at(first) == (index, 0)
        assert graph.element_at(last) == (index, node.leaves * node.out_type.per_word - 1)
