"""The court's judge of one element (Solidity) against the reference (Python), on the elements of random programs."""

from __future__ import annotations

import dataclasses
from random import Random
from typing import Any

import pytest

from concordat.chain.contracts import custom_error
from concordat.chain.rpc import Refusal
from concordat.graph.execute import run
from concordat.graph.ir import Graph, Op
from concordat.graph.trace import TraceView, element_proof, judge_element, judge_output
from concordat.primitives.encoding import ZERO32
from concordat.primitives.errors import DisputeError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Bytes32
from concordat.protocol.artifact import ModelCommitment
from concordat.protocol.execution import input_root
from concordat.protocol.messages import ElementProof, Opening, OutputProof
from concordat.testing.graphs import random_graph, random_input

SALT = keccak256(b"salt of the input")
BATCH = 100

Case = tuple[ModelCommitment, Bytes32, Bytes32, ElementProof]


def _expected(case: Case) -> bool | str:
    try:
        return judge_element(*case)
    except DisputeError as error:
        return error.code


def _said(answer: Any) -> bool | str:
    return custom_error(answer.data).name if isinstance(answer, Refusal) else bool(answer)


def _agree(harness: Any, cases: list[Case]) -> list[bool | str]:
    """The common verdicts of both judges."""
    expected = [_expected(case) for case in cases]
    said = []
    for at in range(0, len(cases), BATCH):
        said += [_said(answer) for answer in harness.calls("isWrong", cases[at : at + BATCH])]
    differing = [i for i, (x, y) in enumerate(zip(expected, said, strict=True)) if x != y]
    assert not differing, [(expected[i], said[i], cases[i][3].node, cases[i][3].element) for i in differing[:3]]
    return said


def _elements(graph: Graph, random: Random, most: int) -> list[tuple[int, int]]:
    """All elements of all regions, padding included; some of them where there are many."""
    found = []
    for place, node in enumerate(graph.nodes):
        size = node.leaves * node.out_type.per_word
        found += [(place, element) for element in {*random.sample(range(size), min(size, most)), node.n - 1}]
    return found


def _case(graph: Graph, words: bytes, trace: bytes, node: int, element: int) -> Case:
    view = TraceView.whole(graph, trace)
    root = input_root(words, SALT, graph.input_depth)
    proof = element_proof(graph, view, node, element, words, SALT)
    return graph.commitment(ZERO32), root, view.tree.root, proof


def _damaged(graph: Graph, trace: bytes, node: int, element: int, random: Random) -> bytes:
    """A trace with another value in that element and nowhere else."""
    kind = graph.nodes[node].out_type
    at = 32 * graph.nodes[node].start + element * kind.bytes
    words = bytearray(trace.ljust(32 << graph.trace_depth, b"\0"))
    words[at + random.randrange(kind.bytes)] ^= random.randint(1, 255)
    return bytes(words)


@pytest.mark.parametrize("seed", range(12))
def test_element_of_an_honest_trace_is_never_wrong(harness: Any, seed: int) -> None:
    random = Random(seed)
    graph = random_graph(seed, max_nodes=9, max_elements=40)
    words = random_input(graph, seed)
    trace = run(graph, words).trace
    cases = [_case(graph, words, trace, *place) for place in _elements(graph, random, 10)]
    assert not any(_agree(harness, cases))


@pytest.mark.parametrize("seed", range(12, 24))
def test_element_that_was_changed_is_always_wrong(harness: Any, seed: int) -> None:
    random = Random(seed)
    graph = random_graph(seed, max_nodes=9, max_elements=40)
    words = random_input(graph, seed)
    trace = run(graph, words).trace
    places = random.sample(_elements(graph, random, 6), 12) if len(graph.nodes) > 2 else [(0, 0)]
    cases = [_case(graph, words, _damaged(graph, trace, *place, random), *place) for place in places]
    assert all(verdict is True for verdict in _agree(harness, cases))


@pytest.mark.parametrize("op", [op for op in Op if op is not Op.INPUT])
def test_element_of_a_lying_trace_is_judged_alike(harness: Any, op: Op) -> None:
    """Operands are whatever the provider wrote: random words, far outside every interval."""
    random = Random(int(op))
    graph = random_graph(300 + op, ops=[op, op, Op.AFFINE], max_nodes=7, max_elements=60)
    words = random_input(graph, int(op))
    trace = random.randbytes(32 << graph.trace_depth)
    cases = [_case(graph, words, trace, *place) for place in _elements(graph, random, 8)]
    _agree(harness, cases)


def _changed_opening(opening: Opening, random: Random) -> Opening:
    words, path = list(opening.words), list(opening.path)
    target = random.choice([words, path])
    match random.randrange(4):
        case 0 if target:
            target.pop(random.randrange(len(target)))
        case 1 if target:
            place = random.randrange(len(target))
            target[place] = Bytes32(bytes([target[place][0] ^ 1]) + target[place][1:])
        case 2:
            words, path = path, words
        case _:
            target.insert(random.randint(0, len(target)), keccak256(b"more"))
    return Opening(words=tuple(words), path=tuple(path))


def _changed(proof: ElementProof, random: Random) -> ElementProof:
    match random.randrange(6):
        case 0:
            return dataclasses.replace(proof, node=random.choice([proof.node ^ 1, proof.node + (1 << 20)]))
        case 1:
            return dataclasses.replace(proof, element=random.choice([proof.element ^ 1, proof.element + (1 << 12)]))
        case 2:
            return dataclasses.replace(
                proof, descriptor=random.choice([proof.descriptor[:-1], proof.descriptor + b"\0"])
            )
        case 3:
            changed = _changed_opening(Opening(path=proof.descriptor_path), random)
            return dataclasses.replace(proof, descriptor_path=changed.path)
        case 4:
            return dataclasses.replace(proof, a=proof.b, b=proof.a)
        case _:
            name = random.choice(["claimed", "a", "b", "c"])
            return dataclasses.replace(proof, **{name: _changed_opening(getattr(proof, name), random)})


@pytest.mark.parametrize("seed", range(40, 50))
def test_proof_that_was_changed_is_refused_alike(harness: Any, seed: int) -> None:
    random = Random(seed)
    graph = random_graph(seed, max_nodes=9, max_elements=60)
    words = random_input(graph, seed)
    trace = run(graph, words).trace
    honest = [_case(graph, words, trace, *place) for place in _elements(graph, random, 2)]
    cases = [(*case[:3], _changed(case[3], random)) for case in honest for _ in range(5)]
    verdicts = _agree(harness, cases)
    assert True not in verdicts
    assert "BadOpening" in verdicts


@pytest.mark.parametrize("seed", range(60, 66))
def test_output_changed_or_not_is_judged_alike(harness: Any, seed: int) -> None:
    random = Random(seed)
    graph = random_graph(seed, max_nodes=9, max_elements=90)
    execution = run(graph, random_input(graph, seed))
    view = TraceView.whole(graph, execution.trace)
    model, node = graph.commitment(ZERO32), graph.output
    cases = []
    for output in (
        execution.output,
        execution.output[:-1],
        execution.output + b"\0",
        random.randbytes(32 * node.words),
    ):
        for word in range(node.words + 1):
            opening = view.opening(min(node.start + word, (1 << graph.trace_depth) - 1), 1)
            for claimed in (opening, Opening(), _changed_opening(opening, random)):
                cases.append((model, view.tree.root, OutputProof(output=output, word=word, claimed=claimed)))

    def expected(case: tuple[ModelCommitment, Bytes32, OutputProof]) -> bool | str:
        try:
            return judge_output(*case)
        except DisputeError as error:
            return error.code

    said = [_said(answer) for answer in harness.calls("outputIsWrong", cases)]
    assert said == [expected(case) for case in cases]
    assert {True, False, "BadOpening"} <= set(said)
