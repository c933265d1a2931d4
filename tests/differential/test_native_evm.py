"""Whole programs run by the contract against the reference executor: every byte of the trace, outputs, gas."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest

from concordat.chain.contracts import custom_error
from concordat.chain.rpc import Refusal
from concordat.graph.builder import GraphBuilder
from concordat.graph.elements import ElementType, pack_elements
from concordat.graph.evm import chunks, encode_native_proof, estimate_gas, native_digest, pack_native
from concordat.graph.execute import run
from concordat.graph.ir import Comparison, Graph, Op
from concordat.primitives.encoding import ZERO32, to_hex
from concordat.primitives.errors import InputError, ModelError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Amount, Bytes32, ModelId, Seconds, Timestamp
from concordat.protocol.execution import input_root
from concordat.protocol.order import Order
from concordat.testing.graphs import random_graph, random_input

SALT = keccak256(b"salt of the input")
I8, I16, I32, I64 = ElementType
BATCH = 20


def _same_traces(harness: Any, cases: list[tuple[Graph, bytes]]) -> None:
    """The contract's traces are the reference's, and take no more gas than estimated."""
    arguments = [(graph.to_bytes(), words, 32 * graph.trace_words) for graph, words in cases]
    for at in range(0, len(cases), BATCH):
        answers = harness.calls("run", arguments[at : at + BATCH])
        for (graph, words), answer in zip(cases[at : at + BATCH], answers, strict=True):
            trace, used = answer
            expected = run(graph, words, reference=True)
            for place, node in enumerate(graph.nodes):
                span = slice(32 * node.start, 32 * (node.start + node.words))
                assert trace[span] == expected.trace[span], (place, node)
            assert trace == expected.trace
            assert used <= estimate_gas(graph), graph.nodes


@pytest.mark.parametrize("part", range(6))
def test_trace_of_random_programs_is_the_references(harness: Any, part: int) -> None:
    graphs = [random_graph(1000 * part + i, max_nodes=12, max_elements=90) for i in range(40)]
    _same_traces(harness, [(graph, random_input(graph, i)) for i, graph in enumerate(graphs)])


@pytest.mark.parametrize("op", [op for op in Op if op is not Op.INPUT])
def test_trace_of_one_operation_is_the_references(harness: Any, op: Op) -> None:
    graphs = [random_graph(7000 + 100 * op + i, ops=[op], max_nodes=5, max_elements=70) for i in range(25)]
    _same_traces(harness, [(graph, random_input(graph, i)) for i, graph in enumerate(graphs)])


def _extreme(random: Random, kind: ElementType, shape: tuple[int, ...]) -> np.ndarray:
    """Mostly the ends of a type, where lanes are fullest."""
    values = [kind.minimum, kind.maximum, kind.minimum, kind.maximum, 0, -1, 1]
    return np.array([random.choice(values) for _ in range(int(np.prod(shape)))], dtype=np.int64).reshape(shape)


@pytest.mark.parametrize("kind", [I8, I16])
@pytest.mark.parametrize("weights", [I8, I16])
def test_product_of_extreme_rows_never_overflows_its_lanes(
    harness: Any, kind: ElementType, weights: ElementType
) -> None:
    random = Random(int(kind) * 2 + int(weights))
    cases = []
    for width in (1, 3, 4, 15, 16, 17, 31, 32, 33, 64, 65, 96, 100, 128, 129, 255, 256, 300, 600):
        builder = GraphBuilder()
        x = builder.input(width, kind)
        matrix = _extreme(random, weights, (5, width))
        matrix[0], matrix[1] = weights.minimum, weights.maximum
        graph = builder.build(builder.matmul(x, builder.weights(matrix, weights) if width <= 256 else matrix))
        rows = [np.full(width, kind.minimum), np.full(width, kind.maximum), _extreme(random, kind, (width,))]
        cases += [(graph, pack_elements(row, kind)) for row in rows]
    _same_traces(harness, cases)


@pytest.mark.parametrize("seed", range(8))
def test_affine_of_many_shapes_rounds_and_clamps_like_the_reference(harness: Any, seed: int) -> None:
    """Four elements at a time: second factors and summands of every type, shifts up to the largest, bounds far out."""
    random = Random(seed)
    cases: list[tuple[Graph, bytes]] = []
    while len(cases) < 25:
        kind, size = random.choice([I8, I16, I32, I64]), random.choice([8, 9, 15, 16, 33])
        builder = GraphBuilder()
        x = builder.input(size, kind)
        summand, factor = random.choice([I8, I16, I32, I64, None]), random.choice([I8, I16, I32, None])
        shift = random.choice([1, 2, 7, 15, 31, 40, 61, 62])
        ends = sorted(random.choice([-(1 << 62), -40000, -129, -5, 0, 3, 127, 40000, 1 << 62]) for _ in range(2))
        scale = 1 << random.randint(0, 40)
        try:
            y = builder.affine(
                x if kind is not I64 else builder.affine(x, lo=-(1 << 40), hi=1 << 40, out_type=I64),
                m0=random.randint(-scale, scale),
                b=None if factor is None else builder.weights(_extreme(random, factor, (size,)), factor),
                c=None if summand is None else builder.weights(_extreme(random, summand, (size,)) >> 2, summand),
                m1=random.randint(-9, 9),
                add=random.randint(-(1 << 50), 1 << 50),
                shift=shift,
                lo=ends[0],
                hi=ends[1],
                out_type=random.choice([I8, I16, I32, I64]),
            )
            graph = builder.build(y)
        except ModelError:
            continue
        cases.append((graph, random_input(graph, seed)))
    _same_traces(harness, cases)


# -- through the executor itself ---------------------------------------------------------------------------------------


def _network(sizes: tuple[int, ...], weights: ElementType, seed: int) -> Graph:
    """A dense network with random weights."""
    random = np.random.default_rng(seed)
    builder = GraphBuilder()
    x = builder.input(sizes[0], I16)
    for width, outputs in pairwise(sizes):
        sums = builder.matmul(x, builder.weights(random.integers(-127, 128, (outputs, width)), weights))
        bias = builder.weights(random.integers(-(2**20), 2**20, outputs))
        x = builder.affine(sums, m0=23170, c=bias, m1=23170, shift=24, lo=0, out_type=I16)
    return builder.build(x)


def _stump() -> Graph:
    """A decision stump with two leaves: all the small operations in a row."""
    builder = GraphBuilder()
    x = builder.input(3, I32)
    tested = builder.select(builder.gather(x, [2, 0]), Comparison.LESS_EQUAL, builder.weights([7, -3]), out_type=I8)
    return builder.build(builder.argmax(builder.table(tested, [[5, 9], [8, 2]], lo=0)))


def _publish(executor: Any, graph: Graph, salt: int = 0) -> ModelId:
    model = graph.commitment(Bytes32(salt.to_bytes(32, "big")), native_digest(graph))
    receipt = executor.send(executor.contract.call("publish", model, chunks(pack_native(graph))))
    assert receipt["status"] == "0x1"
    return model.model_id()


def _order(model: ModelId, graph: Graph, words: bytes) -> Order:
    return Order(
        client=Address(b"\1" * 20), provider=Address(b"\2" * 20), price=Amount(5), bond=Amount(20),
        accept_by=Timestamp(9), deliver_by=Timestamp(99), window=Seconds(60), model=model,
        input=input_root(words, SALT, graph.input_depth), evidence=ZERO32, salt=ZERO32,
    )  # fmt: skip


@pytest.mark.parametrize(
    "graph",
    [_stump(), _network((6, 5, 2), I8, 1), _network((30, 64, 64, 1), I8, 2), _network((40, 200, 120, 3), I16, 3)],
)
def test_executor_on_an_order_accepts_the_references_output_only(executor: Any, graph: Graph) -> None:
    model = _publish(executor, graph)
    for seed in range(3):
        words = random_input(graph, seed)
        output = run(graph, words, reference=True).output
        proof = encode_native_proof(words, SALT)
        order = _order(model, graph, words)
        other = bytes([output[0] ^ 1]) + output[1:]
        asked = [
            (order, output, proof),
            (order, other, proof),
            (order, output + bytes(32), proof),
            (order, output, proof[:-1] + bytes([proof[-1] ^ 1])),
            (order, output, bytes([proof[0] ^ 1]) + proof[1:]),
            (order, output, proof[32:]),
            (_order(ModelId(SALT), graph, words), output, proof),
        ]
        said = executor.calls("verify", [(ZERO32, *one) for one in asked])
        assert said == [True, False, False, False, False, False, False]
        assert executor.calls("execute", [(model, words)]) == [output]


def test_executor_on_a_file_of_another_model_refuses_it(executor: Any) -> None:
    graph, other = _network((6, 5, 2), I8, 1), _network((6, 5, 2), I8, 2)
    model, file = graph.commitment(keccak256(b"other"), native_digest(graph)), pack_native(graph)
    mixed = graph.commitment(ZERO32, native_digest(other))
    _publish(executor, graph, salt=1)
    again = graph.commitment(Bytes32((1).to_bytes(32, "big")), native_digest(graph))
    asked = [
        ((model, [pack_native(other)]), "WrongDigest"),
        ((model, [file, b"\0"]), "WrongDigest"),
        ((model, []), "WrongDigest"),
        ((model, [file, b""]), "BadChunk"),
        ((model, [file + bytes(24_576)]), "BadChunk"),
        ((mixed, [pack_native(other)]), "WrongProgram"),
        ((again, [file]), "AlreadyRegistered"),
    ]
    answers = executor.calls("publish", [arguments for arguments, _ in asked])
    assert all(isinstance(answer, Refusal) for answer in answers)
    assert [custom_error(answer.data).name for answer in answers] == [error for _, error in asked]


def test_executor_on_a_strangers_contract_does_not_take_it_for_a_chunk(executor: Any, harness: Any) -> None:
    model = _stump().commitment(keccak256(b"strangers"), native_digest(_stump()))
    for address in (harness.address, to_hex(b"\x77" * 20)):
        (answer,) = executor.calls("register", [(model, [bytes.fromhex(address[2:])])])
        assert custom_error(answer.data).name == "BadChunk"


def test_network_of_6k_weights_takes_less_than_100k_gas(executor: Any) -> None:
    graph = _network((30, 64, 64, 1), I8, 5)
    model = _publish(executor, graph)
    words = random_input(graph, 0)
    output, proof = run(graph, words).output, encode_native_proof(words, SALT)
    data = executor.contract.call("verify", ZERO32, _order(model, graph, words), output, proof)
    extra = output + proof
    spent = int(executor.send(data)["gasUsed"], 16) - 21_000 - _calldata(data)
    assert spent + _calldata(extra) <= 100_000
    assert spent <= estimate_gas(graph)


def _calldata(data: bytes) -> int:
    return sum(16 if byte else 4 for byte in data)


# -- packing ----------------------------------------------------------------------------------------------------------


def test_native_form_is_the_program_file() -> None:
    graph = _stump()
    assert pack_native(graph) == graph.to_bytes()
    assert native_digest(graph) == keccak256(graph.to_bytes())
    assert b"".join(chunks(pack_native(graph))) == graph.to_bytes()


@pytest.mark.parametrize("sizes", [(256, 256, 256, 256, 256, 256), (200, 1200)])
def test_native_form_of_a_large_model_does_not_exist(sizes: tuple[int, ...]) -> None:
    graph = _network(sizes, I8, 1)
    with pytest.raises(ModelError) as caught:
        pack_native(graph)
    assert caught.value.code == "NotNative"
    assert "other evidence" in caught.value.hint
    assert native_digest(graph) == ZERO32


def test_native_proof_of_part_of_a_word_is_refused() -> None:
    with pytest.raises(InputError):
        encode_native_proof(bytes(31), SALT)
    with pytest.raises(InputError):
        encode_native_proof(bytes(32), b"short")
