"""Relations of random graphs: executions satisfy them, and nothing else near an execution does."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from concordat.graph.execute import run
from concordat.graph.ir import Op
from concordat.primitives.errors import ModelError
from concordat.testing.graphs import random_graph, random_input
from concordat.testing.relations import violations
from concordat.zk.circuit import Circuit, Disclosure, compile_graph
from concordat.zk.field import P
from concordat.zk.relation import LookupKind, Relation, TermKind

SEEDS = range(60)


def compiled(seed: int, **options: object) -> Circuit | None:
    try:
        return compile_graph(random_graph(seed), **options)  # type: ignore[arg-type]
    except ModelError as refusal:
        if refusal.code in ("ProofRange", "ProofSize"):
            return None
        raise


def executions(circuit: Circuit, seed: int) -> list[object]:
    return [run(circuit.graph, random_input(circuit.graph, seed + i)) for i in range(circuit.batch)]


def constrained(relation: Relation) -> list[tuple[int, int]]:
    """Cells that some look-up or family reads."""
    cells: set[tuple[int, int]] = set()
    for look in relation.lookups:
        rows = range(look.start, look.start + look.count)
        cells.update((0, row) for row in rows)
        if look.kind is not LookupKind.SINGLE:
            cells.update((1, row) for row in rows)
    for table in relation.tables:
        cells.update((table.column, table.start + j) for j in range(table.size))
    for family in relation.families:
        for term in family.terms:
            rows = range(term.start, term.start + family.count) if term.indices is None else term.indices
            if term.kind is TermKind.CELLS and term.coefficient:
                cells.update((term.column, row) for row in rows if row < relation.used_rows)
    return sorted(cells)


@pytest.mark.parametrize("seed", SEEDS)
def test_executions_of_random_graphs_satisfy_their_relations(seed: int) -> None:
    circuit = compiled(seed, batch=1 + seed % 3)
    if circuit is None:
        return
    done = executions(circuit, seed)
    found = list(violations(circuit.relation, circuit.witness(done), circuit.weights, circuit.publics(done)))
    assert found == []


@pytest.mark.parametrize("seed", SEEDS)
def test_any_changed_cell_of_a_witness_breaks_the_relation(seed: int) -> None:
    circuit = compiled(seed)
    if circuit is None:
        return
    done, dice = executions(circuit, seed), Random(seed)
    columns, publics = circuit.witness(done), circuit.publics(done)
    cells = constrained(circuit.relation)
    for column, row in dice.sample(cells, min(8, len(cells))):
        changed = (columns[0].copy(), columns[1].copy())
        offset = dice.choice([1, P - 1, 2**20, dice.randrange(1, P)])
        changed[column][row] = np.uint64((int(changed[column][row]) + offset) % P)
        assert list(violations(circuit.relation, changed, circuit.weights, publics)), (column, row)


@pytest.mark.parametrize("seed", SEEDS)
def test_another_output_never_satisfies_the_relation_of_an_execution(seed: int) -> None:
    circuit = compiled(seed)
    if circuit is None:
        return
    done, dice = executions(circuit, seed), Random(seed)
    publics = [list(vector) for vector in circuit.publics(done)]
    publics[0][dice.randrange(len(publics[0]))] += dice.choice([1, -1, 1 << 20])
    assert list(violations(circuit.relation, circuit.witness(done), circuit.weights, publics))


@pytest.mark.parametrize("op", [op for op in Op if op is not Op.INPUT])
def test_every_primitive_has_a_relation(op: Op) -> None:
    """Among random graphs of one primitive some compile and hold."""
    for seed in range(40):
        graph = random_graph(seed, ops=[op], max_nodes=3)
        if op not in {node.op for node in graph.nodes}:
            continue
        try:
            circuit = compile_graph(graph)
        except ModelError:
            continue
        done = [run(graph, random_input(graph, seed))]
        assert not list(violations(circuit.relation, circuit.witness(done), circuit.weights, circuit.publics(done)))
        return
    pytest.fail(f"no graph of {op.name} has a relation")


@pytest.mark.parametrize("seed", range(0, 60, 4))
def test_disclosures_show_their_part_of_the_output_and_no_more(seed: int) -> None:
    graph = random_graph(seed)
    for disclosure in (Disclosure(kind="argmax"), Disclosure(kind="threshold", element=0, threshold=3)):
        circuit = compiled(seed, disclosure=disclosure)
        if circuit is None:
            return
        done = executions(circuit, seed)
        publics = circuit.publics(done)
        output = done[0].elements(graph.output_node)  # type: ignore[attr-defined]
        expected = int(np.argmax(output)) if disclosure.kind == "argmax" else int(output[0] >= 3)
        assert publics == ((expected,),)
        assert not list(violations(circuit.relation, circuit.witness(done), circuit.weights, publics))
        wrong = ((expected + 1,),)
        assert list(violations(circuit.relation, circuit.witness(done), circuit.weights, wrong))


@pytest.mark.parametrize("seed", range(0, 60, 6))
def test_relations_when_encoded_and_decoded_are_the_same(seed: int) -> None:
    circuit = compiled(seed)
    if circuit is None:
        return
    data = circuit.relation.encode()
    assert Relation.decode(data) == circuit.relation
    for broken in (data[:-8], data + bytes(8), data[:40], b"x" + data[1:], b""):
        with pytest.raises(ModelError):
            Relation.decode(broken)
