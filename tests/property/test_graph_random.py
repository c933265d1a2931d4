"""Random programs: all executors agree, validation is sound, honest traces are never judged wrong, others always."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concordat.graph.execute import run
from concordat.graph.intervals import validate
from concordat.graph.ir import Graph, Op
from concordat.graph.trace import (
    ElementFault,
    TraceView,
    commit,
    element_proof,
    find_fault,
    judge_element,
    judge_output,
    output_proof,
)
from concordat.primitives.encoding import ZERO32
from concordat.primitives.hashing import keccak256
from concordat.primitives.native import rust
from concordat.protocol.execution import carried_output, input_root
from concordat.testing.graphs import random_graph, random_input
from concordat.testing.interpreter import interpret

SEEDS = st.integers(0, 2**32 - 1)
SALT = keccak256(b"salt of the input")


def _case(seed: int, **options) -> tuple[Graph, bytes]:
    graph = random_graph(seed, **options)
    return graph, random_input(graph, seed)


@settings(max_examples=300, deadline=None)
@given(SEEDS)
def test_executor_of_any_program_equals_the_naive_interpreter(seed):
    graph, words = _case(seed)
    execution = run(graph, words, reference=True)
    expected = interpret(graph.to_bytes(), words)
    assert execution.trace == expected[: 32 * graph.trace_words]
    assert not any(expected[32 * graph.trace_words :])


@pytest.mark.native
@pytest.mark.skipif(rust is None, reason="the compiled twins are not here")
@settings(max_examples=200, deadline=None)
@given(SEEDS)
def test_compiled_twin_of_any_program_equals_the_reference(seed):
    graph, words = _case(seed, max_nodes=20)
    assert run(graph, words) == run(graph, words, reference=True)


@pytest.mark.parametrize("op", [op for op in Op if op is not Op.INPUT])
@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_executor_of_programs_of_one_operation_equals_the_naive_interpreter(op, seed):
    graph, words = _case(seed, ops=[op], max_nodes=5, max_elements=40)
    assert run(graph, words, reference=True).trace == interpret(graph.to_bytes(), words)[: 32 * graph.trace_words]


@settings(max_examples=200, deadline=None)
@given(SEEDS)
def test_interval_of_any_node_holds_its_elements(seed):
    graph, words = _case(seed)
    execution = run(graph, words, reference=True)
    for index, interval in enumerate(validate(graph)):
        elements = execution.elements(index)
        assert interval.low <= elements.min()
        assert elements.max() <= interval.high


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_honest_trace_is_never_judged_wrong_at_any_element(seed):
    graph, words = _case(seed, max_elements=24)
    execution = run(graph, words, reference=True)
    model, root = graph.commitment(ZERO32), input_root(words, SALT, graph.input_depth)
    view = TraceView.whole(graph, execution.trace)
    for index, node in enumerate(graph.nodes):
        last = node.leaves * node.out_type.per_word - 1
        for element in {*range(node.n), min(node.n, last), last}:
            proof = element_proof(graph, view, index, element, words, SALT)
            assert not judge_element(model, root, view.tree.root, proof), (index, element)
    assert find_fault(graph, execution.trace, words, carried_output(view.tree.root, execution.output)) is None


@settings(max_examples=200, deadline=None)
@given(SEEDS)
def test_corrupted_element_is_found_and_judged_wrong(seed):
    graph, words = _case(seed)
    execution = run(graph, words, reference=True)
    trace = bytearray(execution.trace.ljust(32 << graph.trace_depth, b"\0"))
    place = Random(seed).randrange(len(trace))
    trace[place] ^= Random(seed + 1).randint(1, 255)
    fault = find_fault(graph, bytes(trace), words, execution.output)
    assert fault == ElementFault(*graph.element_at(place))
    proof = element_proof(graph, bytes(trace), *fault, words, SALT)
    root = TraceView.whole(graph, bytes(trace)).tree.root
    assert judge_element(graph.commitment(ZERO32), input_root(words, SALT, graph.input_depth), root, proof)


@settings(max_examples=100, deadline=None)
@given(SEEDS)
def test_output_that_differs_from_an_honest_trace_is_judged_wrong(seed):
    graph, words = _case(seed)
    execution = run(graph, words, reference=True)
    random = Random(seed)
    place = random.randrange(len(execution.output))
    changed = bytearray(execution.output)
    changed[place] ^= random.randint(1, 255)
    for output in (bytes(changed), execution.output + bytes(32), execution.output[:-1], b""):
        fault = find_fault(graph, execution.trace, words, output)
        assert fault == (place // 32 if output == changed else 0,)
        proof = output_proof(graph, execution.trace, output)
        assert judge_output(graph.commitment(ZERO32), commit(execution), proof)
