"""The golden programs: generated files are fresh, and every executor reproduces them."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from concordat.graph.execute import run
from concordat.graph.ir import Graph
from concordat.graph.trace import commit
from concordat.primitives.encoding import from_hex
from concordat.primitives.units import Bytes32
from concordat.testing.interpreter import interpret

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "vectors" / "graph").glob("*.json"))


def test_vectors_are_what_the_script_writes():
    script = runpy.run_path(str(ROOT / "scripts" / "make_graph_vectors.py"))
    assert {path.name: path.read_text() for path in FILES} == script["vectors"]()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_golden_program_gives_its_golden_trace_and_id(path):
    vector = {key: from_hex(value) for key, value in json.loads(path.read_text()).items() if key != "name"}
    graph = Graph.from_bytes(vector["program"])
    for reference in (True, False):
        execution = run(graph, vector["input"], reference=reference)
        assert execution.trace == vector["trace"]
        assert commit(execution) == vector["trace_root"]
        assert execution.output == vector["output"]
    assert interpret(vector["program"], vector["input"])[: len(vector["trace"])] == vector["trace"]
    model = graph.commitment(Bytes32(vector["manifest_digest"]), Bytes32(vector["native_digest"]))
    assert model.model_id() == vector["model_id"]
    assert model.dimensions == vector["dimensions"]
