"""Write vectors/graph/*.json: golden programs with an input, its trace root, its output, and the model id.

Run it after a deliberate change of the integer graph; a test compares the files with what it would write.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from concordat.graph.builder import GraphBuilder
from concordat.graph.elements import ElementType, pack_elements
from concordat.graph.execute import run
from concordat.graph.ir import Comparison, Graph
from concordat.graph.trace import commit
from concordat.primitives.encoding import to_hex
from concordat.primitives.hashing import keccak256, sha256
from concordat.protocol.execution import input_root
from concordat.testing.graphs import random_graph, random_input

FOLDER = Path(__file__).parent.parent / "vectors" / "graph"
SALT = keccak256(b"salt of the vectors")
MANIFEST = sha256(b"manifest of the vectors")
NATIVE = keccak256(b"native form of the vectors")
RANDOM_SEEDS = (28, 111, 142, 234)


def perceptron() -> tuple[Graph, bytes]:
    """Two dense layers with a long first row, a ReLU and a decision."""
    random = Random(1)

    def matrix(rows: int, cols: int, most: int) -> list[list[int]]:
        return [[random.randint(-most, most) for _ in range(cols)] for _ in range(rows)]

    builder = GraphBuilder()
    x = builder.input(300, ElementType.I16)
    hidden = builder.matmul(x, matrix(16, 300, 20))
    hidden = builder.affine(hidden, c=builder.weights(matrix(1, 16, 999)), shift=9, lo=0, hi=32767)
    scores = builder.matmul(hidden, matrix(3, 16, 127))
    graph = builder.build(builder.concatenate([builder.argmax(scores), scores]))
    return graph, pack_elements(matrix(1, 300, 3000), ElementType.I16)


def stumps() -> tuple[Graph, bytes]:
    """Comparisons, a table, a selection and a vote: what trees become."""
    builder = GraphBuilder()
    x = builder.input(5, ElementType.I8)
    chosen = builder.gather(x, [4, 0, 0, 3])
    flags = builder.select(chosen, Comparison.LESS_EQUAL, builder.weights([10, -5, 60, 0]))
    votes = builder.select(flags, Comparison.EQUAL, 1, c=builder.weights([100, -30, 7, 55]))
    curve = builder.table(builder.sum(votes), [i * i // 16 - 7 * i for i in range(-128, 128)], lo=-128)
    graph = builder.build(builder.concatenate([curve, builder.max(votes)]))
    return graph, pack_elements([3, -7, 90, 0, 11], ElementType.I8)


def vector(name: str, graph: Graph, words: bytes) -> dict[str, Any]:
    """One golden execution."""
    execution = run(graph, words, reference=True)
    model = graph.commitment(MANIFEST, NATIVE)
    return {
        "name": name,
        "program": to_hex(graph.to_bytes()),
        "manifest_digest": to_hex(MANIFEST),
        "native_digest": to_hex(NATIVE),
        "program_root": to_hex(model.program_root),
        "weights_root": to_hex(model.weights_root),
        "dimensions": to_hex(model.dimensions),
        "model_id": to_hex(model.model_id()),
        "input": to_hex(words),
        "input_salt": to_hex(SALT),
        "input_root": to_hex(input_root(words, SALT, graph.input_depth)),
        "trace": to_hex(execution.trace),
        "trace_root": to_hex(commit(execution)),
        "output": to_hex(execution.output),
    }


def vectors() -> dict[str, str]:
    """File name and text of each."""
    cases = {"perceptron": perceptron(), "stumps": stumps()}
    for seed in RANDOM_SEEDS:
        graph = random_graph(seed)
        cases[f"random_{seed}"] = graph, random_input(graph, seed)
    return {
        f"{name}.json": json.dumps(vector(name, graph, words), indent=1) + "\n"
        for name, (graph, words) in cases.items()
    }


def main() -> None:
    """Write them all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in vectors().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
