"""The processes that `prove.py` measures; they load what a prover needs and nothing else.

    python benchmarks/_prover.py commit FOLDER BATCH     compile, choose parameters, commit and save the weights
    python benchmarks/_prover.py prove FOLDER BATCH      open them again as a provider would, prove, verify
    python benchmarks/_prover.py once FOLDER BATCH       the same, one proof and no verifier: its memory is watched
    python benchmarks/_prover.py check FOLDER BATCH      register the commitment, and check that

A folder holds ``graph`` (the program) and ``words`` (packed inputs, one after another). Each prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from concordat.graph.execute import Execution, run
from concordat.graph.ir import Graph
from concordat.storage.commitments import open_weights, save_weights
from concordat.zk.circuit import Circuit, compile_graph
from concordat.zk.parameters import Parameters, choose, soundness
from concordat.zk.prover import Taken, Weights, Witness, commit_input, commit_weights, prove
from concordat.zk.statement import Statement

SECONDS = 3.0
"""About how long proofs are repeated."""
LEAST, MOST = 5, 60
"""Bounds of the repetitions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prover:
    """What a provider has before an order comes."""

    graph: Graph
    """The program."""
    circuit: Circuit
    """How it is proven."""
    parameters: Parameters
    """Of the commitment."""
    weights: Weights | None
    """Opened commitment."""

    def answer(self, words: list[bytes], taken: Taken, seed: bytes) -> tuple[Statement, bytes]:
        """What is timed: from the words of the inputs to the proof."""
        executions = [run(self.graph, one) for one in words]
        statement = self.statement(executions, taken)
        a, b = self.circuit.witness(executions)
        return statement, prove(statement, Witness(a=a, b=b), seed=seed, weights=self.weights, taken=taken)

    def statement(self, executions: list[Execution], taken: Taken) -> Statement:
        """A statement for an order that does not exist."""
        return Statement(
            chain_id=1,
            contract=bytes(20),
            order=bytes(32),
            model=bytes(32),
            version=1,
            relation=self.circuit.relation,
            parameters=self.parameters,
            weights=self.weights and self.weights.commitment,
            input=taken.commitment,
            publics=self.circuit.publics(executions),
        )


def seed(label: str) -> bytes:
    """Secrets that are none: two runs make the same proofs."""
    return sha256(label.encode()).digest()


def read(folder: Path, batch: int) -> tuple[Graph, list[bytes]]:
    """The program and the inputs of a batch."""
    graph = Graph.from_bytes((folder / "graph").read_bytes())
    size = 32 * graph.nodes[0].words
    data = (folder / "words").read_bytes()
    rows = [data[at : at + size] for at in range(0, len(data), size)]
    return graph, [rows[i % len(rows)] for i in range(batch)]


def commit(folder: Path, batch: int) -> dict[str, Any]:
    """Compile and commit."""
    graph, _ = read(folder, batch)
    started = time.perf_counter()
    circuit = compile_graph(graph, batch=batch)
    relation = circuit.relation
    parameters = choose(relation) if batch == 1 else choose(relation, limit=1 << 18)
    compiled, busy = time.perf_counter(), time.process_time()
    (folder / "parameters").write_bytes(parameters.encode())
    weights = commit_weights(relation, parameters, circuit.weights, seed("weights")) if relation.weight_rows else None
    committed, done = time.perf_counter(), time.process_time()
    if weights is not None:
        save_weights(folder / "weights", weights)
    return {
        "setup_s": committed - started,
        "compile_s": compiled - started,
        "commit_s": committed - compiled,
        "commit_cpu_s": done - busy,
        "weights": len(graph.weights),
        "rows": relation.used_rows,
        "lookup_rows": relation.lookup_rows,
        "multiply_adds": multiply_adds(graph) * batch,
        "soundness_bits": soundness(relation, parameters)["total"],
        "parameters": {name: getattr(parameters, name) for name in Parameters.__slots__},
    }


def multiply_adds(graph: Graph) -> int:
    """Products of a dense layer or a convolution, of one inference."""
    return sum(node.n * node.k for node in graph.nodes if node.op.name == "MATMUL")


def prepared(folder: Path, batch: int) -> tuple[Prover, list[bytes], Taken]:
    """Everything that is there before the clock starts: program, relation, mapped weights, the client's commitment."""
    graph, words = read(folder, batch)
    circuit = compile_graph(graph, batch=batch)
    parameters = Parameters.decode((folder / "parameters").read_bytes())
    path = folder / "weights"
    weights = open_weights(path, circuit.relation, parameters) if path.exists() else None
    prover = Prover(graph=graph, circuit=circuit, parameters=parameters, weights=weights)
    executions = [run(graph, one) for one in words]
    return prover, words, commit_input(parameters, circuit.inputs(executions), seed("input"))


def repeated(work: Callable[[int], Any]) -> tuple[list[float], list[float]]:
    """Seconds on the wall and of processors, of each repetition."""
    wall, processor = [], []
    ends = time.perf_counter() + SECONDS
    while len(wall) < LEAST or (time.perf_counter() < ends and len(wall) < MOST):
        started, busy = time.perf_counter(), time.process_time()
        work(len(wall))
        processor.append(time.process_time() - busy)
        wall.append(time.perf_counter() - started)
    return wall, processor


def measure(folder: Path, batch: int) -> dict[str, Any]:
    """Prove over and over, then verify."""
    prover, words, taken = prepared(folder, batch)
    prover.answer(words, taken, seed("warm"))
    found: list[tuple[Statement, bytes]] = []
    wall, processor = repeated(lambda i: found.append(prover.answer(words, taken, seed(f"proof {i}"))))
    statement, proof = max(found, key=lambda pair: len(pair[1]))
    from concordat.zk import verification  # not part of a prover
    from concordat.zk.verifier import verify

    verify_wall, verify_processor = repeated(lambda _: verification.verify(statement, proof))
    python_wall, python_processor = repeated(lambda _: verify(statement, proof))
    return {
        "prove_s": min(wall),
        "prove_median_s": sorted(wall)[len(wall) // 2],
        "prove_cpu_s": min(processor),
        "verify_s": min(verify_wall),
        "verify_cpu_s": min(verify_processor),
        "verify_python_s": min(python_wall),
        "verify_python_cpu_s": min(python_processor),
        "proof_bytes": len(proof),
        "zero_knowledge": True,
        "runs": len(wall),
    }


def once(folder: Path, batch: int) -> dict[str, Any]:
    """One proof, in a process that does nothing else."""
    prover, words, taken = prepared(folder, batch)
    _, proof = prover.answer(words, taken, seed("proof"))
    return {"proof_bytes": len(proof)}


def check(folder: Path, batch: int) -> dict[str, Any]:
    """What whoever relies on a commitment checks once: that it is close to a codeword."""
    prover, _, _ = prepared(folder, batch)
    if prover.weights is None:
        return {}
    from concordat.zk import verification  # not part of a prover
    from concordat.zk.prover.register import register
    from concordat.zk.verifier.registration import verify_registration

    made = register(prover.circuit.relation, prover.parameters, prover.weights, seed("registration"))
    wall, _ = repeated(lambda _: verification.verify_registration(made))
    started = time.perf_counter()
    verify_registration(made)
    return {
        "check_commitment_s": min(wall),
        "check_commitment_python_s": time.perf_counter() - started,
        "registration_bytes": len(made.proof),
    }


def main() -> None:
    """Do one of the four."""
    mode, folder, batch = sys.argv[1:]
    work = {"commit": commit, "prove": measure, "once": once, "check": check}[mode]
    print(json.dumps(work(Path(folder), int(batch))))


if __name__ == "__main__":
    main()
