"""The proof court on other relations: a batch, a convolution, a tree with hidden thresholds; and lies anywhere in them.

A relation with public weights has no claims: the contract takes committed weights only.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from random import Random

import pytest

from concordat.chain.anvil import AnvilNode
from concordat.graph.builder import GraphBuilder
from concordat.graph.elements import ElementType
from concordat.graph.ir import Comparison, Graph
from concordat.testing.claims import ClaimStage, flipped
from concordat.testing.inference import ProvenCase, prove_inference, small_case
from concordat.testing.small import small_graph
from concordat.zk.parameters import Parameters, choose
from concordat.zk.relation import Relation
from concordat.zk.steps import Step, claim_data, steps

pytestmark = pytest.mark.chain
SHAPES = ("batch", "convolution", "tree")
MUTANTS = 8


def convolution() -> Graph:
    """Four by four numbers, two kernels of two by two, the sum of each place."""
    builder = GraphBuilder()
    image = builder.affine(builder.input(16, ElementType.I32), m0=1, shift=20, lo=-50, hi=50)
    corners = [4 * r + c for r in range(3) for c in range(3)]
    patches = builder.gather(image, [[at, at + 1, at + 4, at + 5] for at in corners])
    bent = builder.affine(builder.matmul(patches, [[1, -2, 3, 1], [2, 2, -1, 0]]), m0=1, shift=3, lo=0, hi=63)
    return builder.build(builder.convert(builder.sum(bent), ElementType.I32))


def tree() -> Graph:
    """Hidden thresholds, a table, two choices and the greater branch: no matrix product."""
    builder = GraphBuilder()
    x = builder.affine(builder.input(4, ElementType.I32), m0=1, shift=22, lo=-32, hi=31)
    bent = builder.table(x, [i * i // 16 - 5 for i in range(-32, 32)], lo=-32)
    above = builder.select(x, Comparison.GREATER_EQUAL, builder.weights([[3, -7, 0, 11]]), bent)
    leaves = builder.convert(above, ElementType.I32)
    parts = [builder.convert(builder.argmax(leaves), ElementType.I32), builder.max(leaves), leaves]
    return builder.build(builder.concatenate([builder.convert(part, ElementType.I32) for part in parts]))


def compact(relation: Relation) -> Parameters:
    """The shortest proofs, so that all data fits a blob."""
    return choose(relation, proofs=8, limit=0, grinding=16)


@cache
def case(shape: str) -> ProvenCase:
    graphs = {"batch": lambda: small_graph(hidden=4), "convolution": convolution, "tree": tree}
    return prove_inference(graphs[shape](), batch=2 if shape == "batch" else 1, parameters=compact)


@pytest.fixture(scope="module", params=SHAPES)
def shaped(request: pytest.FixtureRequest) -> Iterator[ClaimStage]:
    with AnvilNode() as node:
        yield ClaimStage.build(node, case(request.param))


def test_honest_claim_of_another_shape_is_not_refuted_in_any_kind_of_step(shaped: ClaimStage) -> None:
    snapshot = shaped.endpoint.call("evm_snapshot")
    shaped.post()
    claim, last = shaped.claim(), {}
    for outcome in steps(shaped.statement, shaped.data):
        last[outcome.step] = outcome.index
    for step, index in last.items():
        assert shaped.judged(claim, shaped.data, step, index) == "NoFraud", step.name
    assert set(last) == set(Step)
    shaped.endpoint.call("evm_revert", snapshot)


def test_contract_convicts_random_mutants_by_the_step_that_the_twin_names(shaped: ClaimStage) -> None:
    dice = Random(7)
    for _ in range(MUTANTS):
        place, bits = dice.randrange(len(shaped.data)), dice.randrange(1, 256)
        lie = flipped(shaped.data, place, bits)
        failing = shaped.convicted(lie)
        before = [(o.step, o.index) for o in steps(shaped.statement, lie)]
        earlier = before[: before.index(failing)]
        if earlier:
            snapshot = shaped.endpoint.call("evm_snapshot")
            shaped.post(lie)
            assert shaped.judged(shaped.claim(), lie, *dice.choice(earlier)) == "NoFraud", (place, bits)
            shaped.endpoint.call("evm_revert", snapshot)


@pytest.mark.parametrize("shape", SHAPES)
def test_false_witness_proven_by_the_rules_fails_in_the_balance_alone(shape: str) -> None:
    proven = case(shape)
    data = claim_data(proven.statement, proven.prove(columns=proven.with_cell(0, 3, 5)))
    assert [o.step for o in steps(proven.statement, data) if not o.agrees(data)] == [Step.BALANCE]


def test_attack_false_witness_proven_by_the_rules_is_refuted_by_the_balance(stage: ClaimStage) -> None:
    """A prover who minds nothing: another output, every message as the protocol has it."""
    first = int.from_bytes(stage.output[:4], "big", signed=True)
    output = (first + 1).to_bytes(4, "big", signed=True) + stage.output[4:]
    lie = stage.stating(output)
    data = claim_data(lie, small_case().prove(statement=lie))
    assert stage.convicted(data, output) == (Step.BALANCE, 0)
