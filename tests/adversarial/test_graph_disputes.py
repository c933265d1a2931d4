"""Attacks on the judge and on the dissection."""

from __future__ import annotations

import dataclasses
from random import Random

import pytest

from concordat.graph.builder import GraphBuilder
from concordat.graph.elements import ElementType, pack_elements
from concordat.graph.execute import Execution, run
from concordat.graph.ir import Graph, Node, Op, Operand, Space
from concordat.graph.judge import Reader, compute_element
from concordat.graph.trace import (
    Dissection,
    TraceView,
    commit,
    element_proof,
    find_fault,
    judge_element,
    judge_output,
    node_in_question,
    output_proof,
    revealed_children,
    trace_tree,
)
from concordat.primitives.encoding import ZERO32
from concordat.primitives.errors import DisputeError, InputError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Bytes32
from concordat.protocol.execution import input_root
from concordat.protocol.messages import ElementProof, Opening
from concordat.testing.graphs import random_graph, random_input

SALT = keccak256(b"salt of the input")
JUNK = Bytes32(b"\x5a" * 32)


def _case(seed: int, *, max_nodes: int = 14, max_elements: int = 40) -> tuple[Graph, bytes, Execution]:
    graph = random_graph(seed, max_nodes=max_nodes, max_elements=max_elements)
    words = random_input(graph, seed)
    return graph, words, run(graph, words, reference=True)


def _consistent_from(graph: Graph, trace: bytearray, first: int) -> None:
    """Recompute every node from `first` on from what the trace says, as a careful cheat would."""
    for node in graph.nodes[first:]:
        kind = node.out_type
        for element in range(node.n):
            value = compute_element(node, _reader(graph, trace, node, element)) % (1 << 8 * kind.bytes)
            at = 32 * node.start + element * kind.bytes
            trace[at : at + kind.bytes] = value.to_bytes(kind.bytes, "big")


def _reader(graph: Graph, trace: bytearray, node: Node, element: int) -> Reader:
    """What the operands of an element hold in a trace."""

    def read(which: int, offset: int, count: int) -> list[int]:
        operand = node.operands[which]
        memory, width = (trace if operand.space is Space.TRACE else graph.weights), operand.type.bytes
        at = 32 * operand.start + (node.index(operand, element) + offset) * width
        places = range(at, at + count * width, width)
        return [int.from_bytes(memory[place : place + width], "big", signed=True) for place in places]

    return read


def _corrupted(graph: Graph, honest: bytes, seed: int) -> bytes:
    """A trace that differs: anywhere, in one byte or many, with or without a consistent rest."""
    random = Random(seed)
    trace = bytearray(honest.ljust(32 << graph.trace_depth, b"\0"))
    for _ in range(random.choice([1, 1, 3])):
        trace[random.randrange(len(trace))] ^= random.randint(1, 255)
    place = next(i for i, (x, y) in enumerate(zip(trace, honest.ljust(len(trace), b"\0"), strict=True)) if x != y)
    if random.random() < 0.5:
        _consistent_from(graph, trace, graph.element_at(place)[0] + 1)
    return bytes(trace)


def _dissect(graph: Graph, words: bytes, honest: bytes, claimed: bytes) -> ElementProof:
    """The whole conversation with a provider who answers from his claimed trace."""
    tree = trace_tree(graph, claimed)
    dissection = Dissection(graph, honest, words, SALT)
    while dissection.place[0]:
        children = revealed_children(tree, dissection.picks)
        dissection = dissection.descend(children, dissection.leftmost_difference(children))
    leaf = node_in_question(graph.trace_depth, dissection.picks)[1]
    return dissection.proof(claimed[32 * leaf : 32 * leaf + 32])


@pytest.mark.parametrize("seed", range(150))
def test_cheat_with_any_corruption_is_convicted_from_the_published_and_from_the_withheld_trace(seed):
    graph, words, honest = _case(seed)
    model, root = graph.commitment(ZERO32), input_root(words, SALT, graph.input_depth)
    claimed = _corrupted(graph, honest.trace, seed)
    fault = find_fault(graph, claimed, words, honest.output, honest=honest)
    published = element_proof(graph, claimed, fault.node, fault.element, words, SALT)
    assert judge_element(model, root, trace_tree(graph, claimed).root, published)
    assert _dissect(graph, words, honest.trace, claimed) == published


@pytest.mark.parametrize("seed", range(20))
def test_cheat_in_a_deep_trace_is_convicted_after_several_reveals(seed):
    graph, words, honest = _case(seed, max_nodes=60, max_elements=600)
    claimed = _corrupted(graph, honest.trace, seed)
    proof = _dissect(graph, words, honest.trace, claimed)
    root = input_root(words, SALT, graph.input_depth)
    assert judge_element(graph.commitment(ZERO32), root, trace_tree(graph, claimed).root, proof)


@pytest.mark.parametrize("seed", range(40))
def test_cheat_in_every_single_word_is_found_by_dissection(seed):
    graph, words, honest = _case(1000 + seed)
    model, root = graph.commitment(ZERO32), input_root(words, SALT, graph.input_depth)
    whole = honest.trace.ljust(32 << graph.trace_depth, b"\0")
    for leaf in range(0, 1 << graph.trace_depth, max((1 << graph.trace_depth) // 24, 1)):
        claimed = (
            whole[: 32 * leaf] + bytes(x ^ 0xFF for x in whole[32 * leaf : 32 * leaf + 32]) + whole[32 * leaf + 32 :]
        )
        proof = _dissect(graph, words, honest.trace, claimed)
        assert judge_element(model, root, trace_tree(graph, claimed).root, proof)


def test_framing_an_honest_provider_by_any_change_of_a_proof_never_works():
    """Whatever is changed in an opening of an honest trace: refused, or found right."""
    refused = 0
    for seed in range(25):
        graph, words, honest = _case(seed)
        view = TraceView.whole(graph, honest.trace)
        random = Random(seed)
        for index, node in enumerate(graph.nodes):
            proof = element_proof(graph, view, index, random.randrange(node.n), words, SALT)
            for changed in _changes(proof, random):
                refused += _refused(graph, words, view, changed)
    assert refused > 1000


def _refused(graph: Graph, words: bytes, honest: TraceView, proof: ElementProof) -> bool:
    """Whether the judge refuses a proof against an honest provider; it must not find him guilty."""
    root = input_root(words, SALT, graph.input_depth)
    try:
        guilty = judge_element(graph.commitment(ZERO32), root, honest.tree.root, proof)
    except DisputeError as error:
        return error.code == "BadOpening"
    assert not guilty, proof
    return False


def _changes(proof: ElementProof, random: Random) -> list[ElementProof]:
    changes: list[dict[str, object]] = [
        {"node": proof.node + 1},
        {"node": -1},
        {"node": 1 << 40},
        {"element": proof.element + 1},
        {"element": -1},
        {"element": 1 << 40},
        {"descriptor": proof.descriptor[:-1]},
        {"descriptor": proof.descriptor[:-1] + b"\1"},
        {"descriptor": bytes(192)},
        {"descriptor_path": (*proof.descriptor_path, JUNK)},
        {"descriptor_path": (JUNK, *proof.descriptor_path[1:])},
        {"leaf_salt": JUNK},
        {"leaf_salt": b""},
    ]
    for name in ("claimed", "a", "b", "c"):
        opening: Opening = getattr(proof, name)
        changes += [{name: changed} for changed in _changed_openings(opening, random)]
    changes += [{"a": proof.b, "b": proof.a}, {"claimed": proof.a}, {"a": proof.claimed}]
    return [dataclasses.replace(proof, **change) for change in changes]


def _changed_openings(opening: Opening, random: Random) -> list[Opening]:
    words, path = opening.words, opening.path
    found = [
        Opening(),
        Opening(words=(*words, JUNK), path=path),
        Opening(words=(JUNK, *words), path=path),
        Opening(words=words, path=(*path, JUNK)),
        Opening(words=words, path=path[:-1]),
        Opening(words=words[:-1], path=path),
        Opening(words=tuple(reversed(words)), path=path),
        Opening(words=words, path=tuple(reversed(path))),
    ]
    if words:
        at = random.randrange(len(words))
        found.append(Opening(words=(*words[:at], JUNK, *words[at + 1 :]), path=path))
        found.append(Opening(words=(*words[:at], words[at] + bytes(32), *words[at + 1 :]), path=path))
    if words and path:  # passing off a node as a word of 64 bytes
        found.append(Opening(words=(Bytes32(words[0] + path[0]),), path=path[1:]))
    return found


def test_padding_that_is_shown_with_operands_is_refused():
    builder = GraphBuilder()
    x = builder.input(3, ElementType.I8)
    graph = builder.build(builder.affine(x, add=1, out_type=ElementType.I8))
    words = pack_elements([1, 2, 3], ElementType.I8)
    honest = run(graph, words, reference=True)
    model, root = graph.commitment(ZERO32), input_root(words, SALT, graph.input_depth)
    padding = element_proof(graph, honest.trace, 1, 3, words, SALT)
    assert not judge_element(model, root, commit(honest), padding)
    operands = element_proof(graph, honest.trace, 1, 2, words, SALT)
    with pytest.raises(DisputeError):
        judge_element(model, root, commit(honest), dataclasses.replace(padding, a=operands.a))


def test_gather_from_before_its_operand_is_not_judged():
    """Validation refuses such a program; the judge does not rely on it."""
    source = Operand(space=Space.TRACE, type=ElementType.I8, start=1)
    index = Operand(space=Space.WEIGHTS, type=ElementType.I8)
    nodes = [
        Node(op=Op.INPUT, out_type=ElementType.I8, start=0, leaves=2, n=64),
        Node(op=Op.GATHER, out_type=ElementType.I8, start=2, leaves=2, n=1, a=source, b=index),
    ]
    weights = pack_elements([-1], ElementType.I8)
    graph = Graph(nodes=tuple(nodes), weights=weights, input_elements=64, output_node=1, output_elements=1)
    trace, words = bytes(64) + b"\1" + bytes(63), bytes(64)
    proof = element_proof(graph, trace, 1, 0, words, SALT)
    with pytest.raises(DisputeError) as caught:
        judge_element(graph.commitment(ZERO32), input_root(words, SALT, 1), trace_tree(graph, trace).root, proof)
    assert caught.value.code == "BadOpening"


def test_opening_of_another_order_s_input_is_refused():
    graph, words, honest = _case(4)
    proof = element_proof(graph, honest.trace, 0, 0, words, keccak256(b"another salt"))
    with pytest.raises(DisputeError) as caught:
        judge_element(graph.commitment(ZERO32), input_root(words, SALT, graph.input_depth), commit(honest), proof)
    assert caught.value.code == "BadOpening"


def test_output_challenge_with_the_wrong_word_or_a_superfluous_one_is_refused():
    graph, _, honest = _case(6)
    model, root = graph.commitment(ZERO32), commit(honest)
    wrong = bytes(x ^ 1 for x in honest.output)
    proof = output_proof(graph, honest.trace, wrong)
    assert judge_output(model, root, proof)
    for change in (
        {"word": graph.output.words},
        {"word": -1},
        {"claimed": Opening()},
        {"claimed": Opening(words=(JUNK,), path=proof.claimed.path)},
        {"output": wrong + b"\0"},
    ):
        with pytest.raises(DisputeError):
            judge_output(model, root, dataclasses.replace(proof, **change))
    assert not judge_output(model, root, dataclasses.replace(proof, output=honest.output))
    with pytest.raises(DisputeError, match="output region"):
        output_proof(graph, honest.trace, honest.output)


def test_provider_who_reveals_children_of_another_node_is_not_followed():
    graph, words, honest = _deep_case()
    claimed = _corrupted(graph, honest.trace, 1)
    dissection = Dissection(graph, honest.trace, words, SALT)
    first = revealed_children(trace_tree(graph, claimed), ())
    assert dissection.descend(first, 15).picks == (15,)
    below = dissection.descend(first)
    children = revealed_children(trace_tree(graph, claimed), below.picks)
    for bad in (children[:-1], (*children, JUNK), (JUNK, *children[1:]), ()):
        with pytest.raises(DisputeError) as caught:
            below.descend(bad)
        assert caught.value.code == "BadChildren"
    with pytest.raises(DisputeError):
        below.descend(children, len(children))


def test_dissection_of_an_honest_trace_finds_nothing():
    graph, words, honest = _deep_case()
    dissection = Dissection(graph, honest.trace, words, SALT)
    with pytest.raises(DisputeError) as caught:
        dissection.descend(revealed_children(trace_tree(graph, honest.trace), ()))
    assert caught.value.code == "NoFraud"


def test_word_shown_too_early_or_not_the_leaf_s_is_refused():
    graph, words, honest = _deep_case()
    claimed = _corrupted(graph, honest.trace, 2)
    tree, dissection = trace_tree(graph, claimed), Dissection(graph, honest.trace, words, SALT)
    with pytest.raises(DisputeError) as caught:
        dissection.proof(bytes(32))
    assert caught.value.code == "WrongTurn"
    while dissection.place[0]:
        dissection = dissection.descend(revealed_children(tree, dissection.picks))
    for word in (JUNK, b"", claimed):
        with pytest.raises(DisputeError) as caught:
            dissection.proof(word)
        assert caught.value.code == "BadChildren"


@pytest.mark.parametrize("size", [31, 33])
def test_trace_that_is_no_trace_is_refused(size):
    graph, words, honest = _case(0)
    for trace in (bytes(size), bytes(64 << graph.trace_depth)):
        with pytest.raises(InputError):
            find_fault(graph, trace, words, honest.output)
        with pytest.raises(InputError):
            trace_tree(graph, trace)


def _deep_case() -> tuple[Graph, bytes, Execution]:
    """The first case whose trace takes more than one reveal."""
    return next(case for case in map(_case, range(100)) if case[0].trace_depth > 5)
