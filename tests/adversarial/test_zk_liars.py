"""A prover that lies in one primitive and is consistent ever after: every verifier refuses. Named after the lies."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from hashlib import sha256
from unittest.mock import patch

import numpy as np
import pytest

import concordat.zk.prover.prove as _prove  # noqa: F401 (the module; the package has a function of the name)
from concordat.graph.builder import GraphBuilder
from concordat.graph.elements import ElementType, pack_elements
from concordat.graph.ir import Comparison, Graph, Op
from concordat.primitives.errors import VerificationError
from concordat.testing.graphs import random_input
from concordat.testing.inference import ProvenCase, small_case
from concordat.testing.proofs import layer
from concordat.testing.provers import Liar, deviating_circuit
from concordat.testing.relations import violations
from concordat.testing.tiny import tiny_graph
from concordat.zk import verification
from concordat.zk.circuit import Disclosure, compile_graph
from concordat.zk.field import P, embed, mul
from concordat.zk.prover.code import ColumnTree
from concordat.zk.prover.vector import Vector
from concordat.zk.relation import LookupKind, Relation, TermKind
from concordat.zk.statement import Statement
from concordat.zk.verifier import verify
from concordat.zk.verifier.reader import NODE_BYTES, ProofReader

Columns = tuple[Vector, Vector]


def refused(statement: Statement, proof: bytes) -> bool:
    """By the plain verifier; the compiled one agrees."""
    try:
        verify(statement, proof)
    except VerificationError:
        plain = True
    else:
        plain = False
    if verification.available():
        assert (verification.refusal(statement, proof) is not None) == plain
    return plain


@cache
def liar(name: str) -> Liar:
    graph = GRAPHS[name]()
    return Liar.of(graph, random_input(graph, 3))


def selecting(comparison: Comparison, *, against: int) -> Graph:
    builder = GraphBuilder()
    x = builder.input(3, ElementType.I8)
    return builder.build(builder.affine(builder.select(x, comparison, against), m0=3, add=1))


def longest() -> Graph:
    """A maximum of five, which is found in three levels."""
    builder = GraphBuilder()
    x = builder.input(5, ElementType.I8)
    return builder.build(builder.affine(builder.max(x), m0=2))


def rounding() -> Graph:
    builder = GraphBuilder()
    x = builder.input(4, ElementType.I16)
    return builder.build(builder.affine(x, m0=7, add=3, shift=5, lo=-500, hi=500))


def rooted() -> Graph:
    """Bounds so far apart that the distance to one times what lies beyond the other exceeds P, as under a root."""
    builder = GraphBuilder()
    x = builder.input(4, ElementType.I16)
    wide = builder.affine(x, m0=1 << 33, add=3, lo=1, hi=1 << 44, out_type=ElementType.I64)
    return builder.build(builder.affine(wide, shift=20))


GRAPHS: dict[str, Callable[[], Graph]] = {
    "everything": tiny_graph,
    "at least": lambda: selecting(Comparison.GREATER_EQUAL, against=5),
    "less": lambda: selecting(Comparison.LESS, against=-3),
    "equal": lambda: selecting(Comparison.EQUAL, against=0),
    "longest": longest,
    "rounding": rounding,
    "rooted": rooted,
}


@pytest.mark.parametrize("name", GRAPHS)
def test_liar_when_honest_is_believed_and_has_the_honest_relation(name: str) -> None:
    graph = GRAPHS[name]()
    assert liar(name).circuit.relation == compile_graph(graph).relation
    assert not refused(*liar(name).prove({}))


def test_lies_in_every_primitive_are_refused() -> None:
    """INPUT, MATMUL, AFFINE, TABLE, SELECT, GATHER, SUM, MAX and ARGMAX, one too high and one too low."""
    told = liar("everything")
    graph, seen = told.circuit.graph, set()
    for place, node in enumerate(graph.nodes):
        for change in (1, -1):
            assert refused(*told.prove({(place, 0): change})), (node.op.name, place, change)
        seen.add(node.op)
    assert seen == set(Op)


def test_lies_in_every_primitive_but_the_input_break_the_relation_itself() -> None:
    told = liar("everything")
    for place in range(1, len(told.circuit.graph.nodes)):
        changed = {(place, 0): 1}
        publics = told.circuit.publics([told.execution(changed)])
        assert list(violations(told.circuit.relation, told.columns(changed), told.circuit.weights, publics)), place


@pytest.mark.parametrize("name", ["at least", "less", "equal"])
def test_attack_comparison_decided_the_other_way_is_refused(name: str) -> None:
    told = liar(name)
    answers = told.execution({}).elements(1)
    for element, answer in enumerate(answers):
        assert refused(*told.prove({(1, element): 1 - 2 * int(answer)})), element


@pytest.mark.parametrize("change", [1, -1, 2, 40])
def test_attack_larger_or_smaller_maximum_is_refused(change: int) -> None:
    assert refused(*liar("longest").prove({(1, 0): change}))


@pytest.mark.parametrize("count", [2, 3, 5])
def test_attack_tie_decided_for_any_index_but_the_first_is_refused(count: int) -> None:
    builder = GraphBuilder()
    x = builder.input(count, ElementType.I8)
    graph = builder.build(builder.convert(builder.argmax(x), ElementType.I32))
    told = Liar.of(graph, pack_elements([7] * count, ElementType.I8))
    assert not refused(*told.prove({}))
    for index in range(1, count):
        assert refused(*told.prove({(1, 0): index})), index


def test_attack_smaller_value_named_as_the_greatest_is_refused() -> None:
    graph = _outputs([5, 9, 9, -3])
    shown = Disclosure(kind="argmax")
    told = Liar.of(graph, pack_elements([5, 9, 9, -3], ElementType.I8), shown)
    statement, proof = told.prove({})
    assert statement.publics == ((1,),)
    assert not refused(statement, proof)
    for index in (0, 2, 3):
        assert refused(replace(statement, publics=((index,),)), proof)


def _outputs(values: list[int]) -> Graph:
    builder = GraphBuilder()
    return builder.build(builder.affine(builder.input(len(values), ElementType.I8), m0=1, add=1))


@pytest.mark.parametrize("change", [1, -1])
def test_attack_requantisation_quotient_plus_or_minus_one_is_refused(change: int) -> None:
    """The prover that gives the next quotient, and the one that also moves the remainder by 2**shift the other way."""
    told = liar("rounding")
    assert refused(*told.prove({(1, 0): change}))
    relation, columns = told.circuit.relation, told.columns({(1, 0): change})
    family = next(f for f in relation.families if any(t.coefficient == -32 for t in f.terms))
    rest = next(t for t in family.terms if t.coefficient == -1 and t.kind is TermKind.CELLS)
    moved = _moved(columns, rest.column, rest.start, -32 * change)
    publics = told.circuit.publics([told.execution({(1, 0): change})])
    broken = list(violations(relation, moved, told.circuit.weights, publics))
    assert broken
    assert not any("family" in line for line in broken), "only the range of the remainder is broken"
    assert refused(*told.prove({(1, 0): change}, moved))


def test_requantisation_has_one_solution_at_every_remainder_tie_and_clamp() -> None:
    """Every remainder, tie and clamp: the honest cells hold, and neighbours of every result do not."""
    builder = GraphBuilder()
    x = builder.input(512, ElementType.I16)
    graph = builder.build(builder.affine(x, m0=3, add=-7, shift=4, lo=-90, hi=70))
    circuit = deviating_circuit(graph)
    for first in (-32768, -1024, -256, 0, 256, 32256):
        told = _filled(circuit.graph, range(first, first + 512))
        publics = told.circuit.publics([told.execution({})])
        assert not list(violations(told.circuit.relation, told.columns({}), told.circuit.weights, publics))
        rounded = (3 * np.arange(first, first + 512) - 7 + 8) >> 4
        assert publics[0] == tuple(np.clip(rounded, -90, 70).tolist())
        for change in (1, -1):
            changed = {(1, e): change for e in range(512)}
            wrong = told.circuit.publics([told.execution(changed)])
            assert list(violations(told.circuit.relation, told.columns(changed), told.circuit.weights, wrong))


@pytest.mark.parametrize("number", [-32768, -1, 0, 1, 2047, 2048, 2049, 32767])
def test_attack_number_within_wide_bounds_clamped_or_out_of_them_let_through_is_refused(number: int) -> None:
    graph = rooted()
    told = Liar.of(graph, pack_elements([number, 5, 0, -5], ElementType.I16))
    honest, free = int(told.execution({}).elements(1)[0]), (number << 33) + 3
    assert honest == min(max(free, 1), 1 << 44)
    publics = told.circuit.publics([told.execution({})])
    assert not list(violations(told.circuit.relation, told.columns({}), told.circuit.weights, publics))
    for said in {free, 1, 1 << 44, 1 << 43, honest + 1, honest - 1} - {honest}:
        changed = {(1, 0): said - honest}
        wrong = told.circuit.publics([told.execution(changed)])
        assert list(violations(told.circuit.relation, told.columns(changed), told.circuit.weights, wrong)), said


@cache
def _shared(graph: Graph) -> Liar:
    return Liar.of(graph, pack_elements([0] * graph.input_elements, ElementType.I16))


def _filled(graph: Graph, values: range) -> Liar:
    return replace(_shared(graph), input_words=pack_elements(list(values), ElementType.I16))


# -- limbs, multiplicities, the modulus ------------------------------------------------------------------------------


def _moved(columns: Columns, column: int, row: int, by: int) -> Columns:
    out = (columns[0].copy(), columns[1].copy())
    out[column][row] = np.uint64((int(out[column][row]) + by) % P)
    return out


@pytest.mark.parametrize("sign", [1, -1])
def test_attack_limb_plus_its_size_with_the_next_limb_less_one_is_refused(sign: int) -> None:
    """The number that the limbs add up to stays the same."""
    told = liar("everything")
    relation, columns = told.circuit.relation, told.columns({})
    look = next(x for x in relation.lookups if x.kind is LookupKind.PAIR)
    forged = _moved(columns, 0, look.start, sign << look.table_a)
    forged = _moved(forged, 1, look.start, -sign)
    assert refused(*told.prove({}, forged))


@pytest.mark.parametrize("multiple", [1, -1])
def test_attack_multiple_of_the_modulus_added_to_a_public_number_is_refused(multiple: int) -> None:
    statement, proof = liar("everything").prove({})
    first, *others = statement.publics[0]
    assert refused(replace(statement, publics=((first + multiple * P, *others),)), proof)


def test_attack_multiple_of_the_modulus_added_to_a_word_of_the_proof_is_refused() -> None:
    """The same element of the field in another encoding."""
    statement, proof = liar("everything").prove({})
    words = [at for at in range(64, len(proof) - 8, 8) if int.from_bytes(proof[at : at + 8], "big") < 2**32 - 1]
    for at in words[:20]:
        word = int.from_bytes(proof[at : at + 8], "big") + P
        assert refused(statement, proof[:at] + word.to_bytes(8, "big") + proof[at + 8 :])


@pytest.mark.parametrize("forgery", ["minus one", "plus P over two", "moved to a neighbour", "none at all"])
def test_attack_forged_multiplicity_is_refused(forgery: str) -> None:
    told = liar("everything")
    relation, columns = told.circuit.relation, told.columns({})
    table = next(t for t in relation.tables if t.number == relation.lookups[0].table_a)
    counts = columns[table.column][table.start : table.start + table.size]
    used = table.start + int(np.argmax(counts))
    by = {"minus one": -1, "plus P over two": P // 2, "moved to a neighbour": -1, "none at all": -int(counts.max())}
    forged = _moved(columns, table.column, used, by[forgery])
    if forgery == "moved to a neighbour":
        forged = _moved(forged, table.column, table.start + (used - table.start + 1) % table.size, 1)
    assert refused(*told.prove({}, forged))


def test_attack_padding_rows_cannot_hold_what_a_lookup_lacks() -> None:
    """Rows after the used ones take no part: an out-of-range limb stays refused whatever is said elsewhere."""
    told = liar("everything")
    relation, columns = told.circuit.relation, told.columns({})
    look = relation.lookups[0]
    forged = _moved(columns, 0, look.start, 1 << look.table_a)
    table = next(t for t in relation.tables if t.number == look.table_a)
    for entry in (0, table.size - 1):
        assert refused(*told.prove({}, _moved(forged, table.column, table.start + entry, 1)))


def test_attack_first_lookup_set_off_against_the_first_family_is_refused() -> None:
    """The zeroth powers of two challenges once shared a monomial: a wrong inverse could pay for a wrong element."""
    case = small_case()
    relation = case.statement.relation
    limb = next(t for t in relation.families[0].terms if t.coefficient == -1)
    table = next(t for t in relation.tables if t.number == 8)
    old = int(case.columns[limb.column][limb.start])
    columns = _moved(case.columns, limb.column, limb.start, (old ^ 1) - old)
    columns = _moved(columns, table.column, table.start + old, -1)
    columns = _moved(columns, table.column, table.start + (old ^ 1), 1)
    broken = list(violations(relation, columns, case.circuit.weights, case.statement.publics))
    assert broken == ["family 0 at element 0"]
    error = old - (old ^ 1)
    paid = next(t for t in relation.tables if t.number == relation.lookups[0].table_a)
    columns = _moved(columns, paid.column, paid.start + int(columns[0][0]), -error)
    assert refused(case.statement, _with_first_inverse(case, columns, 1 - error))


def _with_first_inverse(case: ProvenCase, columns: Columns, factor: int) -> bytes:
    """A proof whose first inverse is multiplied."""
    module = sys.modules["concordat.zk.prover.prove"]
    honest = module.inverse_column

    def forged(*arguments: object) -> Vector:
        h: Vector = honest(*arguments)
        first = (int(h[0][0]), int(h[0][1]), int(h[0][2]))
        h[0] = np.array(mul(first, embed(factor)), dtype=np.uint64)
        return h

    with patch.object(module, "inverse_column", forged):
        return case.prove(columns=columns)


# -- hints -----------------------------------------------------------------------------------------------------------


def test_attack_any_committed_cell_as_an_unconstrained_hint_is_refused() -> None:
    """Every cell that the relation has is held by it: none can be changed alone."""
    made = layer(batch=1)
    relation = made.relation
    columns = (_field(made.a), _field(made.b))
    free = set(_cells(relation))
    for column, row in sorted(free):
        changed = _moved(columns, column, row, 1)
        assert list(violations(relation, changed, made.weights, (made.public,))), (column, row)
    assert len(free) > 500


def _field(values: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Vector:
    return np.array([int(n) % P for n in values], dtype=np.uint64)


def _cells(relation: Relation) -> list[tuple[int, int]]:
    """What look-ups, tables and families read."""
    cells = [(0, r) for look in relation.lookups for r in range(look.start, look.start + look.count)]
    cells += [(t.column, t.start + j) for t in relation.tables for j in range(t.size)]
    for family in relation.families:
        for term in family.terms:
            if term.kind is TermKind.CELLS:
                rows = term.indices or tuple(range(term.start, term.start + family.count))
                cells += [(term.column, row) for row in rows]
    return cells


# -- trees -----------------------------------------------------------------------------------------------------------


def test_attack_inner_node_shown_as_a_leaf_and_leaf_as_a_node_are_refused() -> None:
    """A tree of one level more or less: the depth comes from the statement, and leaves have a tag of their own."""
    columns = np.arange(64, dtype=np.uint64).reshape(16, 4)
    tree = ColumnTree(columns, b"salts")
    assert ProofReader(tree.open([5])).columns(tree.root, [5], 4, 4) == {5: [20, 21, 22, 23]}
    opened, salt = tree.open([5]), 16
    leaf = sha256(b"\x00" + opened[32 : 32 + salt] + opened[:32]).digest()[:NODE_BYTES]
    sibling = opened[32 + salt : 32 + salt + NODE_BYTES]
    pair = sibling + leaf  # what the parent of leaves 4 and 5 hashes
    for height in (4, 5, 6, 7):
        shown = pair[: 8 * height].ljust(8 * height + salt, b"\0") + opened[32 + salt + NODE_BYTES :]
        with pytest.raises(VerificationError):
            ProofReader(shown).columns(tree.root, [2], 3, height)
    for depth in (3, 5):
        with pytest.raises(VerificationError):
            ProofReader(opened + bytes(NODE_BYTES)).columns(tree.root, [5], depth, 4)


def test_attack_column_shown_at_another_position_is_refused() -> None:
    columns = np.arange(64, dtype=np.uint64).reshape(16, 4)
    tree = ColumnTree(columns, b"salts")
    for position in range(16):
        if position != 5:
            with pytest.raises(VerificationError):
                ProofReader(tree.open([5])).columns(tree.root, [position], 4, 4)
