"""Proofs of what is not so: every one is refused. Tests are named after the attack."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from concordat.primitives.errors import VerificationError
from concordat.testing.inference import ProvenCase, prove_inference, small_case
from concordat.testing.relations import violations
from concordat.testing.small import small_graph
from concordat.zk.field import P
from concordat.zk.parameters import choose, soundness
from concordat.zk.prover.code import ColumnTree, encode_rows
from concordat.zk.prover.register import register
from concordat.zk.relation import LookupKind, TermKind
from concordat.zk.statement import InputCommitment, PublicWeights, Statement, WeightCommitment
from concordat.zk.verifier import verify
from concordat.zk.verifier.registration import verify_registration


def accepted(statement: Statement, proof: bytes) -> bool:
    try:
        verify(statement, proof)
    except VerificationError:
        return False
    return True


@pytest.fixture(scope="module")
def case() -> ProvenCase:
    return small_case()


@pytest.fixture(scope="module")
def proof(case: ProvenCase) -> bytes:
    return case.prove()


def test_honest_proof_is_accepted(case: ProvenCase, proof: bytes) -> None:
    verify(case.statement, proof)


def test_any_changed_field_of_the_statement_breaks_the_proof(case: ProvenCase, proof: bytes) -> None:
    statement, relation = case.statement, case.statement.relation
    assert isinstance(statement.weights, WeightCommitment)
    assert isinstance(statement.input, InputCommitment)
    parameters = statement.parameters
    other = replace(relation.families[0], constant=relation.families[0].constant + 1)
    changed = {
        "chain_id": statement.chain_id + 1,
        "contract": b"\x12" * 20,
        "order": b"\x23" * 32,
        "model": b"\x34" * 32,
        "version": 2,
        "relation": replace(relation, families=(other, *relation.families[1:])),
        "parameters": replace(parameters, hub_queries=parameters.hub_queries + 1),
        "weights": WeightCommitment(root=bytes(32)),
        "input": replace(statement.input, outside=(1, 2, 3)),
        "publics": ((statement.publics[0][0] + 1, *statement.publics[0][1:]),),
    }
    assert set(changed) == set(Statement.__slots__)
    for name, value in changed.items():
        assert not accepted(replace(statement, **{name: value}), proof), name


def test_flipped_bits_anywhere_in_the_proof_break_it(case: ProvenCase, proof: bytes) -> None:
    dice = Random(5)
    for _ in range(150):
        mutant = bytearray(proof)
        mutant[dice.randrange(len(proof))] ^= 1 << dice.randrange(8)
        assert not accepted(case.statement, bytes(mutant))


@pytest.mark.parametrize("cut", [1, 8, 24, 1000])
def test_proof_cut_short_or_with_more_behind_it_is_refused(case: ProvenCase, proof: bytes, cut: int) -> None:
    assert not accepted(case.statement, proof[:-cut])
    assert not accepted(case.statement, proof + bytes(cut))


@pytest.mark.parametrize("data", [b"", bytes(100), b"\xff" * 80_000])
def test_garbage_instead_of_a_proof_is_refused(case: ProvenCase, data: bytes) -> None:
    assert not accepted(case.statement, data)


def test_forged_output_is_refused(case: ProvenCase) -> None:
    lie = case.stating(publics=((case.statement.publics[0][0] ^ 1, *case.statement.publics[0][1:]),))
    assert not accepted(lie, case.prove(statement=lie))


def test_invented_input_is_refused(case: ProvenCase) -> None:
    """Cells of another input, with the commitment of the agreed one."""
    other = prove_inference(small_graph(hidden=6), seed=9)
    lie = case.stating(publics=other.statement.publics)
    assert not accepted(lie, case.prove(statement=lie, columns=other.columns))


def test_exchanged_model_is_refused(case: ProvenCase) -> None:
    """Another model's cells and weights against the registered commitment."""
    other = prove_inference(small_graph(seed=2, hidden=6))
    assert len(other.columns[0]) == len(case.columns[0])
    lie = case.stating(publics=other.statement.publics)
    assert not accepted(lie, case.prove(statement=lie, columns=other.columns))
    assert not accepted(case.statement, case.prove(weights=replace(other.weights, commitment=case.weights.commitment)))


def test_second_solution_of_a_requantisation_is_refused(case: ProvenCase) -> None:
    """The rounded result one higher, the rest one unit of it lower: the rest is out of its range."""
    relation = case.statement.relation
    columns, changed = case.columns, (case.columns[0].copy(), case.columns[1].copy())
    family = next(f for f in relation.families if sum(t.coefficient == -1 for t in f.terms) and _shift_of(f))
    unit = _shift_of(family)
    result = next(t for t in family.terms if t.coefficient == -unit)
    rest = next(t for t in family.terms if t.kind is TermKind.CELLS and t.coefficient == -1)
    for term, change in ((result, 1), (rest, -unit)):
        row = term.start if term.indices is None else term.indices[0]
        changed[term.column][row] = np.uint64((int(columns[term.column][row]) + change) % P)
    assert list(violations(relation, changed, case.circuit.weights, case.statement.publics))
    assert not accepted(case.statement, case.prove(columns=changed))


def _shift_of(family: object) -> int:
    powers = [-t.coefficient for t in family.terms if t.coefficient < -1]  # type: ignore[attr-defined]
    return next((p for p in powers if p & (p - 1) == 0), 0)


@pytest.mark.parametrize("forgery", ["minus one", "out of range", "multiple of P", "shifted multiplicity"])
def test_forged_lookup_is_refused(case: ProvenCase, forgery: str) -> None:
    relation = case.statement.relation
    look = next(x for x in relation.lookups if x.kind is LookupKind.PAIR)
    table = next(t for t in relation.tables if t.number == look.table_a)
    value = {"minus one": P - 1, "out of range": 1 << look.table_a, "multiple of P": P // 2}
    if forgery == "shifted multiplicity":
        cell = (table.column, table.start, (int(case.columns[table.column][table.start]) - 1) % P)
    else:
        cell = (0, look.start, value[forgery])
    assert not accepted(case.statement, case.prove(columns=case.with_cell(*cell)))


def test_cells_changed_one_at_a_time_are_refused(case: ProvenCase) -> None:
    relation, dice = case.statement.relation, Random(11)
    refused = 0
    for trial in range(12):
        column, row = dice.randrange(2), dice.randrange(relation.used_rows)
        columns = case.with_cell(column, row, (int(case.columns[column][row]) + 1 + trial) % P)
        if list(violations(relation, columns, case.circuit.weights, case.statement.publics)):
            refused += 1
            assert not accepted(case.statement, case.prove(columns=columns, seed=trial))
    assert refused > 3


def test_proof_replayed_for_another_order_chain_or_market_is_refused(case: ProvenCase, proof: bytes) -> None:
    for replay in (case.stating(order=b"\x99" * 32), case.stating(chain_id=1), case.stating(contract=b"\x77" * 20)):
        assert not accepted(replay, proof)


def test_parts_of_two_proofs_of_one_statement_do_not_mix(case: ProvenCase, proof: bytes) -> None:
    """Frozen challenges: the later messages answer other challenges."""
    other = case.prove(seed=1)
    for cut in (32, 64, 64 + 24, len(proof) // 2, len(proof) - 400):
        assert not accepted(case.statement, proof[:cut] + other[cut : cut + len(proof) - cut])


def test_other_input_polynomial_behind_the_same_root_is_refused(case: ProvenCase) -> None:
    """The value outside the domain pins one polynomial; another value is another input."""
    taken = replace(case.taken, coefficients=case.taken.coefficients.copy())
    taken.coefficients[0] = np.uint64((int(taken.coefficients[0]) + 1) % P)
    assert not accepted(case.statement, case.prove(taken=taken))


def test_public_weights_cannot_stand_in_for_a_commitment(case: ProvenCase, proof: bytes) -> None:
    assert not accepted(case.stating(weights=PublicWeights(case.circuit.weights.tolist())), proof)
    assert not accepted(case.stating(weights=None), proof)


@pytest.mark.parametrize("field", ["queries", "hub_queries", "weight_queries", "weight_audits", "input_queries"])
def test_parameters_worth_less_than_a_hundred_bits_are_refused(case: ProvenCase, field: str) -> None:
    weak = replace(case.statement.parameters, **{field: getattr(case.statement.parameters, field) // 2})
    assert soundness(case.statement.relation, weak)["total"] < 100
    with pytest.raises(VerificationError, match="bits of soundness"):
        verify(case.stating(parameters=weak), b"")


@pytest.mark.parametrize(("private_weights", "private_input"), [(True, True), (True, False), (False, True)])
def test_chosen_parameters_are_worth_a_hundred_bits_in_every_component(
    case: ProvenCase, private_weights: bool, private_input: bool
) -> None:
    relation = case.statement.relation
    for grinding in (0, 16):
        chosen = choose(relation, private_weights=private_weights, private_input=private_input, grinding=grinding)
        assert min(soundness(relation, chosen).values()) >= 100


def test_registration_of_weights_is_accepted_and_any_change_is_refused(case: ProvenCase) -> None:
    done = register(case.statement.relation, case.statement.parameters, case.weights, b"r" * 32)
    verify_registration(done)
    dice = Random(2)
    for _ in range(4):
        mutant = bytearray(done.proof)
        mutant[dice.randrange(len(mutant))] ^= 1
        with pytest.raises(VerificationError):
            verify_registration(replace(done, proof=bytes(mutant)))
    with pytest.raises(VerificationError):
        verify_registration(replace(done, commitment=WeightCommitment(root=bytes(32))))


def test_registration_of_half_one_model_half_another_is_refused(case: ProvenCase) -> None:
    """A commitment that could answer for either of two models: no codeword is near it."""
    p = case.statement.parameters
    other = case.weights.coefficients.copy()
    other[:, 0] = 7
    words = encode_rows(case.weights.coefficients, p.weight_log_domain)
    words[:, ::8] = encode_rows(other, p.weight_log_domain)[:, ::8]
    tree = ColumnTree(words.T, b"w" * 32)
    forged = replace(case.weights, tree=tree, commitment=WeightCommitment(root=tree.root))
    with pytest.raises(VerificationError, match="codeword"):
        verify_registration(register(case.statement.relation, p, forged, b"r" * 32))
