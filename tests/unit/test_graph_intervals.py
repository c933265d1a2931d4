"""Validation: exact where it says so, and every refusal of the document with the node's number."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from concordat.graph.builder import GraphBuilder
from concordat.graph.elements import ElementType, align, pack_elements, words_needed
from concordat.graph.intervals import Interval, validate
from concordat.graph.ir import Graph, Node, Op, Operand, Space, fill_gaps
from concordat.primitives.errors import ModelError

I8, I16, I32, I64 = ElementType
EVERYTHING = {"lo": I64.minimum, "hi": I64.maximum}


def _operand(space: Space, kind: ElementType, **fields: int) -> Operand:
    return Operand(space=space, type=kind, **fields)


def _graph(nodes: list[dict[str, Any]], weights: bytes = b"") -> Graph:
    """Nodes laid out one after another; fields as in Node, types by ``t``."""
    laid: list[Node] = []
    for fields in nodes:
        words = words_needed(fields["n"], fields["out_type"])
        end = laid[-1].start + laid[-1].words if laid else 0
        laid.append(Node(start=align(end, words), leaves=words, **fields))
    return Graph(
        nodes=fill_gaps(laid), weights=weights, input_elements=laid[0].n,
        output_node=len(laid) - 1, output_elements=laid[-1].n,
    )  # fmt: skip


def _after_input(node: dict[str, Any], weights: bytes = b"", *, kind: ElementType = I8, n: int = 8) -> Graph:
    return _graph([{"op": Op.INPUT, "out_type": kind, "n": n}, node], weights)


def _refusal(graph: Graph) -> tuple[str, int]:
    with pytest.raises(ModelError) as caught:
        validate(graph)
    return caught.value.code, caught.value.fields["node"]


def test_interval_of_a_weighted_sum_is_exact_row_by_row():
    weights = np.array([[3, -2, 0], [-1, -1, -1]])
    a = _operand(Space.TRACE, I8)
    b = _operand(Space.WEIGHTS, I8, col=3)
    node = {"op": Op.MATMUL, "out_type": I16, "n": 2, "cols": 2, "k": 3, "a": a, "b": b}
    graph = _after_input(node, pack_elements(weights, I8))
    corners = [int(row @ (np.array(corner) * 255 - 128)) for row in weights for corner in np.ndindex(2, 2, 2)]
    assert validate(graph)[1] == Interval(min(corners), max(corners))


def test_sum_whose_parts_leave_the_limit_is_refused_even_if_the_whole_does_not():
    a = _operand(Space.TRACE, I32)
    node = {"op": Op.MATMUL, "out_type": I64, "n": 1, "k": 2, "a": a, "b": _operand(Space.WEIGHTS, I64)}
    assert validate(_after_input(node, pack_elements([1 << 30, 1 << 30], I64), kind=I32))[1].low == -(1 << 62)
    assert _refusal(_after_input(node, pack_elements([1 << 30, (1 << 30) + 1], I64), kind=I32)) == ("Overflow", 1)


def test_weighted_sum_of_huge_weights_is_refused_not_wrapped():
    node = {
        "op": Op.MATMUL, "out_type": I64, "n": 1, "k": 2,
        "a": _operand(Space.TRACE, I64), "b": _operand(Space.WEIGHTS, I64),
    }  # fmt: skip
    assert _refusal(_after_input(node, pack_elements([-(1 << 63), -(1 << 63)], I64), kind=I64)) == ("Overflow", 1)
    zero = _after_input(node, pack_elements([0, 0], I64), kind=I64)
    assert validate(zero)[1] == Interval(0, 0)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"m0": 1 << 55}, None),
        ({"m0": (1 << 55) + 1}, "Overflow"),
        ({"m0": 1 << 55, "add": -1}, "Overflow"),
        ({"m0": -(1 << 54), "add": 1 << 61}, None),
        ({"m0": -(1 << 54), "add": (1 << 61) + 1}, "Overflow"),
        ({"m0": 1, "add": (1 << 62) - 127 - 4, "shift": 3}, None),
        ({"m0": 1, "add": (1 << 62) - 127 - 3, "shift": 3}, "Overflow"),
    ],
)
def test_affine_is_accepted_exactly_up_to_the_limit(fields, code):
    node = {"op": Op.AFFINE, "out_type": I64, "n": 8, "cols": 8, "a": _operand(Space.TRACE, I8, col=1), **EVERYTHING}
    graph = _after_input({**node, **fields})
    if code is None:
        validate(graph)
    else:
        assert _refusal(graph) == (code, 1)


def test_affine_uses_each_channel_s_own_factor_and_summand():
    factors, summands = [100, -3, 0], [-25, 7, 1000]
    builder = GraphBuilder()
    x = builder.input(3, I8)
    y = builder.affine(x, b=builder.weights(factors), c=builder.weights(summands))
    ends = [f * v + s for f, s in zip(factors, summands, strict=True) for v in (-128, 127)]
    assert y.interval == Interval(min(ends), max(ends))


def test_affine_that_no_64_bit_number_holds_is_refused_with_python_numbers():
    node = {
        "op": Op.AFFINE, "out_type": I64, "n": 4, "cols": 4, "m0": I64.minimum, **EVERYTHING,
        "a": _operand(Space.TRACE, I64, col=1), "b": _operand(Space.TRACE, I64, col=1),
    }  # fmt: skip
    assert _refusal(_after_input(node, kind=I64)) == ("Overflow", 1)


def test_element_outside_its_type_is_refused():
    node = {"op": Op.SUM, "out_type": I8, "n": 1, "k": 2, "a": _operand(Space.TRACE, I8)}
    assert _refusal(_after_input(node)) == ("OutOfType", 1)
    assert validate(_after_input({**node, "out_type": I16}))[1] == Interval(-256, 254)


def test_reading_at_the_own_start_or_after_it_is_refused():
    node = {"op": Op.MAX, "out_type": I8, "n": 1, "k": 1, "a": _operand(Space.TRACE, I8, base=31)}
    validate(_after_input(node))
    assert _refusal(_after_input({**node, "a": _operand(Space.TRACE, I8, base=32)})) == ("BadReference", 1)
    assert _refusal(_after_input({**node, "k": 2})) == ("BadReference", 1)
    assert _refusal(_after_input({**node, "a": _operand(Space.TRACE, I8, start=2**31)})) == ("BadReference", 1)


def test_reading_padding_puts_zero_into_the_interval():
    shifted = {"op": Op.AFFINE, "out_type": I8, "n": 4, "cols": 4, "m0": 0, "add": 9, "lo": 9, "hi": 9,
               "a": _operand(Space.TRACE, I8, col=1)}  # fmt: skip
    largest = {"op": Op.MAX, "out_type": I8, "n": 1, "a": _operand(Space.TRACE, I8, start=1)}
    first = {"op": Op.INPUT, "out_type": I8, "n": 8}
    assert validate(_graph([first, shifted, {**largest, "k": 4}]))[2] == Interval(9, 9)
    assert validate(_graph([first, shifted, {**largest, "k": 5}]))[2] == Interval(0, 9)
    beyond = {**largest, "k": 2, "a": _operand(Space.TRACE, I8, start=1, base=4)}
    assert validate(_graph([first, shifted, beyond]))[2] == Interval(0, 0)


def test_reading_a_region_as_another_type_is_refused():
    node = {"op": Op.MAX, "out_type": I16, "n": 1, "k": 1, "a": _operand(Space.TRACE, I16)}
    assert _refusal(_after_input(node)) == ("BadReference", 1)


def test_reading_past_the_weights_is_refused():
    node = {
        "op": Op.AFFINE, "out_type": I64, "n": 2, "cols": 1, "m0": 1, **EVERYTHING,
        "a": _operand(Space.WEIGHTS, I8, row=31),
    }  # fmt: skip
    validate(_after_input(node, bytes(32)))
    assert _refusal(_after_input({**node, "a": _operand(Space.WEIGHTS, I8, row=32)}, bytes(32))) == ("BadReference", 1)
    assert _refusal(_after_input(node)) == ("BadReference", 1)


def test_table_must_be_there_from_end_to_end_whatever_is_looked_up():
    weights = pack_elements(list(range(32)), I8)
    node = {
        "op": Op.TABLE, "out_type": I8, "n": 8, "cols": 8,
        "a": _operand(Space.TRACE, I8, col=1), "b": _operand(Space.WEIGHTS, I8), "lo": 120, "hi": 151,
    }  # fmt: skip
    assert validate(_after_input(node, weights))[1] == Interval(0, 7)
    assert _refusal(_after_input({**node, "hi": 152}, weights)) == ("BadReference", 1)


@pytest.mark.parametrize(
    ("indexes", "base", "good"), [([0, 7], 0, True), ([-2, 5], 2, True), ([-3, 0], 2, False), ([32], 0, False)]
)
def test_gather_is_judged_by_its_actual_indexes(indexes, base, good):
    node = {
        "op": Op.GATHER, "out_type": I8, "n": len(indexes), "cols": len(indexes),
        "a": _operand(Space.TRACE, I8, base=base), "b": _operand(Space.WEIGHTS, I8, col=1),
    }  # fmt: skip
    graph = _after_input(node, pack_elements(indexes, I8))
    if good:
        assert validate(graph)[1] == Interval(-128, 127)
    else:
        assert _refusal(graph) == ("BadReference", 1)


def test_gather_from_far_outside_does_not_wrap_around():
    node = {
        "op": Op.GATHER, "out_type": I8, "n": 1,
        "a": _operand(Space.TRACE, I8, base=1), "b": _operand(Space.WEIGHTS, I64),
    }  # fmt: skip
    for index in (I64.maximum, I64.minimum):
        assert _refusal(_after_input(node, pack_elements([index], I64))) == ("BadReference", 1)


def test_argmax_and_comparison_have_their_own_intervals():
    argmax = {"op": Op.ARGMAX, "out_type": I8, "n": 1, "k": 5, "a": _operand(Space.TRACE, I8)}
    assert validate(_after_input(argmax))[1] == Interval(0, 4)
    select = {"op": Op.SELECT, "out_type": I8, "n": 1, "a": _operand(Space.TRACE, I64), "add": I64.minimum}
    assert validate(_after_input(select, kind=I64))[1] == Interval(0, 1)


def test_program_that_reads_or_holds_too_much_is_refused():
    huge = {"op": Op.INPUT, "out_type": I8, "n": (1 << 24) + 1}
    assert _refusal(_graph([huge])) == ("ProgramSize", 0)
    wide = {
        "op": Op.MATMUL, "out_type": I64, "n": 1 << 23, "cols": 1 << 23, "k": 256,
        "a": _operand(Space.TRACE, I8), "b": _operand(Space.TRACE, I8),
    }  # fmt: skip
    assert _refusal(_after_input(wide, n=256)) == ("ProgramSize", 1)
    tall = {**wide, "n": 1 << 17, "cols": 1, "a": _operand(Space.TRACE, I8, row=1)}
    assert _refusal(_after_input(tall, n=1 << 18)) == ("ProgramSize", 1)


def test_interval_of_a_large_model_is_exact_for_its_widest_row():
    rng = np.random.default_rng(5)
    weights = rng.integers(-127, 128, (1000, 250))
    builder = GraphBuilder()
    sums = builder.matmul(builder.input(250, I8), weights)
    gains, losses = np.maximum(weights, 0).sum(1), np.minimum(weights, 0).sum(1)
    assert sums.interval == Interval(int((-128 * gains + 127 * losses).min()), int((127 * gains - 128 * losses).max()))


def test_header_of_a_validated_graph_does_not_matter_to_its_intervals():
    graph = _after_input({"op": Op.SUM, "out_type": I16, "n": 1, "k": 2, "a": _operand(Space.TRACE, I8)})
    assert validate(dataclasses.replace(graph, output_node=0, output_elements=8)) == validate(graph)
