"""The Rust prover and verifier against the plain ones: the same bytes, the same judgements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concordat.graph.execute import run
from concordat.graph.ir import Graph
from concordat.graph.onnx import import_onnx
from concordat.primitives.errors import ModelError, StorageError
from concordat.storage.commitments import open_weights, save_weights
from concordat.testing.credit import train_credit
from concordat.testing.graphs import random_graph, random_input
from concordat.testing.proofs import Layer, layer, secret
from concordat.zk.circuit import Disclosure, compile_graph
from concordat.zk.parameters import choose
from concordat.zk.prover import (
    Witness,
    commit_input,
    commit_weights,
    keeping,
    native,
    prove,
    weights_of_words,
    words_of_weights,
)
from concordat.zk.prover import commit as plain_commit
from concordat.zk.prover.prove import prove as plain_prove
from concordat.zk.statement import Statement
from concordat.zk.verifier import verify

pytestmark = pytest.mark.skipif(not native.available(), reason="the Rust twins are not installed")


def both(made: Layer) -> tuple[Statement, bytes, bytes]:
    """A statement with its proofs by the door and by the plain prover."""
    relation, p = made.relation, made.parameters
    fast: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    if made.private_weights:
        fast["weights"] = commit_weights(relation, p, made.weights, secret("weights"))
        plain["weights"] = plain_commit.commit_weights(relation, p, made.weights, secret("weights"))
    if made.private_input:
        fast["taken"] = commit_input(p, made.inputs, secret("input"))
        plain["taken"] = plain_commit.commit_input(p, made.inputs, secret("input"))
    public = {key: value.commitment for key, value in fast.items()}
    assert public == {key: value.commitment for key, value in plain.items()}
    statement = made.statement(**public)
    proofs = (
        prove(statement, made.witness, seed=secret("proof"), **fast),
        plain_prove(statement, made.witness, seed=secret("proof"), **plain),
    )
    return statement, *proofs


@pytest.mark.parametrize("private_weights", [True, False])
@pytest.mark.parametrize("private_input", [True, False])
@pytest.mark.parametrize("batch", [1, 3])
def test_twins_prove_a_layer_with_the_same_bytes(private_weights: bool, private_input: bool, batch: int) -> None:
    statement, fast, plain = both(layer(batch=batch, private_weights=private_weights, private_input=private_input))
    assert fast == plain
    verify(statement, fast)


def test_twins_prove_with_work_and_without_the_same_bytes() -> None:
    made = layer()
    for bits in (0, 9):
        parameters = choose(made.relation, proofs=8, grinding=bits)
        weights = commit_weights(made.relation, parameters, made.weights, secret("weights"))
        taken = commit_input(parameters, made.inputs, secret("input"))
        plain = (
            plain_commit.commit_weights(made.relation, parameters, made.weights, secret("weights")),
            plain_commit.commit_input(parameters, made.inputs, secret("input")),
        )
        object.__setattr__(made, "parameters", parameters)
        statement = made.statement(weights.commitment, taken.commitment)
        fast = prove(statement, made.witness, seed=secret("proof"), weights=weights, taken=taken)
        assert fast == plain_prove(statement, made.witness, seed=secret("proof"), weights=plain[0], taken=plain[1])
        verify(statement, fast)


def prove_graph(
    graph: Graph, inputs: list[Any], disclosure: Disclosure | None = None
) -> tuple[Statement, bytes, bytes]:
    """The same for a graph on inputs."""
    circuit = compile_graph(graph, batch=len(inputs), disclosure=disclosure)
    done = [run(graph, one) for one in inputs]
    a, b = circuit.witness(done)
    relation, parameters = circuit.relation, choose(circuit.relation, proofs=8)
    proofs = []
    for commit, make in (((commit_weights, commit_input), prove), (PLAIN, plain_prove)):
        weights = commit[0](relation, parameters, circuit.weights, secret("weights")) if relation.weight_rows else None
        taken = commit[1](parameters, circuit.inputs(done), secret("input"))
        statement = Statement(
            chain_id=1,
            contract=bytes(20),
            order=bytes(32),
            model=bytes(32),
            version=1,
            relation=relation,
            parameters=parameters,
            weights=weights and weights.commitment,
            input=taken.commitment,
            publics=circuit.publics(done),
        )
        proofs.append(make(statement, Witness(a=a, b=b), seed=secret("proof"), weights=weights, taken=taken))
    return statement, proofs[0], proofs[1]


PLAIN: Any = (plain_commit.commit_weights, plain_commit.commit_input)


@pytest.mark.parametrize("kind", ["logistic", "network"])
def test_twins_prove_credit_decisions_with_the_same_bytes(kind: str) -> None:
    example = train_credit(kind)
    graph = import_onnx(example.onnx, calibration=example.training).graph
    shown = Disclosure(kind="threshold", element=1, threshold=500_000)
    for inputs, disclosure in (([0], shown), ([1, 2, 3], None)):
        statement, fast, plain = prove_graph(graph, [random_input(graph, i) for i in inputs], disclosure)
        assert fast == plain
        verify(statement, fast)


@pytest.mark.parametrize("seed", range(6))
def test_twins_prove_random_graphs_with_the_same_bytes(seed: int) -> None:
    graph = random_graph(seed)
    try:
        compile_graph(graph)
    except ModelError:
        pytest.skip("the random graph has no relation")
    statement, fast, plain = prove_graph(graph, [random_input(graph, seed)])
    assert fast == plain
    verify(statement, fast)


def test_kept_weights_prove_the_same_after_a_restart(tmp_path: Path) -> None:
    made = layer()
    weights = commit_weights(made.relation, made.parameters, made.weights, secret("weights"))
    taken = commit_input(made.parameters, made.inputs, secret("input"))
    path = tmp_path / "weights"
    save_weights(path, weights)
    assert path.stat().st_mode & 0o777 == 0o600
    opened = open_weights(path, made.relation, made.parameters)
    statement = made.statement(weights.commitment, taken.commitment)
    first, second = (
        prove(statement, made.witness, seed=secret("proof"), weights=w, taken=taken) for w in (weights, opened)
    )
    assert first == second


def test_words_of_either_twin_are_read_by_both() -> None:
    made = layer()
    wide = made.weights.copy()
    wide[1, 3] = -(1 << 40)
    plain = plain_commit.commit_weights(made.relation, made.parameters, wide, secret("weights"))
    fast = commit_weights(made.relation, made.parameters, wide, secret("weights"))
    for words in (words_of_weights(plain), words_of_weights(fast)):
        again = weights_of_words(made.relation, made.parameters, words)
        assert again.commitment == plain.commitment
        assert keeping.opened(made.relation, made.parameters, words).commitment == plain.commitment


def test_damaged_words_are_refused() -> None:
    made = layer()
    words = words_of_weights(commit_weights(made.relation, made.parameters, made.weights, secret("weights")))
    for broken in (words[:-1], words[:20], words[:0], np.concatenate([words, words[:1]]), words + np.uint64(1)):
        with pytest.raises(ModelError):
            weights_of_words(made.relation, made.parameters, broken)


def test_missing_file_of_weights_is_refused(tmp_path: Path) -> None:
    made = layer()
    with pytest.raises(StorageError):
        open_weights(tmp_path / "none", made.relation, made.parameters)
