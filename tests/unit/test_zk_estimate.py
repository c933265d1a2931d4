"""What a proof is said to cost before it is begun, and what a prover tells while it works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from concordat.primitives.errors import ModelError
from concordat.testing.proofs import Layer, layer, secret
from concordat.zk import prover
from concordat.zk.estimate import Estimate, estimate
from concordat.zk.prover import PHASES, Progress, native
from concordat.zk.prover import commit as plain_commit
from concordat.zk.prover.prove import prove as plain_prove

MEASURE = """
import ctypes, gc, sys
from pathlib import Path
from typing import Any
from concordat.graph.execute import run
from concordat.graph.onnx import import_onnx
from concordat.testing.credit import train_credit
from concordat.testing.graphs import random_input
from concordat.zk.circuit import compile_graph
from concordat.zk.estimate import estimate
from concordat.zk.parameters import choose
from concordat.zk.prover import Witness, commit_input, commit_weights, native, prove
from concordat.zk.statement import Statement

credit = train_credit("network")
graph = import_onnx(credit.onnx, calibration=credit.training).graph
circuit = compile_graph(graph, batch=24)
relation, parameters = circuit.relation, choose(circuit.relation, limit=1 << 18)
weights = commit_weights(relation, parameters, circuit.weights, bytes(32))
done = [run(graph, random_input(graph, i)) for i in range(24)]
taken = commit_input(parameters, circuit.inputs(done), bytes(32))
statement = Statement(
    chain_id=1, contract=bytes(20), order=bytes(32), model=bytes(32), version=1, relation=relation,
    parameters=parameters, weights=weights.commitment, input=taken.commitment, publics=circuit.publics(done),
)
statement.encode(), native._prover(relation, parameters)

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

gc.collect()
ctypes.CDLL(None).malloc_trim(0)
Path("/proc/self/clear_refs").write_text("5")
before = peak()
a, b = circuit.witness(done)
proof = prove(statement, Witness(a=a, b=b), seed=bytes(32), weights=weights, taken=taken)
said = estimate(relation, parameters)
print(peak() - before, said.memory_bytes, len(proof), said.proof_bytes)
"""


@pytest.mark.skipif(not native.available(), reason="the Rust twins are not installed")
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux forgets a peak")
def test_estimate_of_memory_and_size_is_close_to_what_a_proof_takes() -> None:
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    memory, said_memory, size, said_size = map(int, done.stdout.split())
    assert abs(memory - said_memory) < 0.2 * memory
    assert abs(size - said_size) < 0.05 * size


def test_estimate_that_exceeds_a_bound_is_refused_with_the_bound() -> None:
    cost = Estimate(prove_seconds=2.5, memory_bytes=300_000_000, proof_bytes=120_000)
    cost.require(seconds=3, memory_bytes=400_000_000, proof_bytes=126_976)
    for bound, said in (({"seconds": 2.0}, "2.5 seconds"), ({"memory_bytes": 10**8}, "300 MB")):
        with pytest.raises(ModelError, match=said):
            cost.require(**bound)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="120,000 bytes"):
        cost.require(proof_bytes=100_000)


def test_estimate_grows_with_the_relation() -> None:
    small, large = layer(), layer(batch=8)
    first, second = (estimate(made.relation, made.parameters) for made in (small, large))
    assert first.prove_seconds < second.prove_seconds
    assert first.memory_bytes < second.memory_bytes


def told(made: Layer, *, plain: bool, progress: Progress) -> None:
    commit: Any = plain_commit if plain else prover
    weights = commit.commit_weights(made.relation, made.parameters, made.weights, secret("weights"))
    taken = commit.commit_input(made.parameters, made.inputs, secret("input"))
    statement = made.statement(weights.commitment, taken.commitment)
    made_by: Any = plain_prove if plain else prover.prove
    made_by(statement, made.witness, seed=secret("proof"), weights=weights, taken=taken, progress=progress)


@pytest.mark.parametrize("plain", [True, False])
def test_prover_tells_every_phase_in_order(plain: bool) -> None:
    seen: list[tuple[str, float]] = []
    told(layer(), plain=plain, progress=lambda phase, share: seen.append((phase, share)))
    assert seen == list(PHASES.items())


@pytest.mark.parametrize("plain", [True, False])
def test_prover_ends_with_what_its_listener_raises(plain: bool) -> None:
    def stop(phase: str, share: float) -> None:
        if share > 0.6:
            raise KeyboardInterrupt(phase)

    with pytest.raises(KeyboardInterrupt, match="hub"):
        told(layer(), plain=plain, progress=stop)
