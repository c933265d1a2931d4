"""Hostile bytes where a proof, a relation, parameters or a statement is expected: refused, without much work.

Work is counted, not timed: how much of what was sent is looked at, and how much memory is asked for.
"""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concordat.primitives.errors import ConcordatError, ModelError, VerificationError
from concordat.primitives.native import rust
from concordat.testing.proofs import layer, prove_layer
from concordat.testing.tiny import tiny_graph
from concordat.zk import verification
from concordat.zk.circuit import compile_graph
from concordat.zk.parameters import Parameters
from concordat.zk.relation import Copy, Operand, Relation, TermKind
from concordat.zk.statement import Statement
from concordat.zk.verifier import verify
from concordat.zk.verifier.reader import MAX_PROOF_BYTES, ProofReader
from concordat.zk.wellformed import check_relation

MADE = layer(batch=1, private_weights=False, private_input=True)
STATEMENT, PROOF = prove_layer(MADE)
RELATION = MADE.relation.encode()
HUGE = (-(1 << 63), -2, -1, 2, 1 << 24, (1 << 28) + 1, 1 << 31, 1 << 32, 1 << 40, (1 << 63) - 1)
MOST_MEMORY = 64 << 20


def plain(statement: Statement, proof: bytes) -> str | None:
    try:
        verify(statement, proof)
    except VerificationError as refusal:
        return refusal.message
    return None


def compiled(statement: Statement, proof: bytes) -> str | None:
    return verification.refusal(statement, proof)


VERIFIERS = [
    pytest.param(plain, id="plain"),
    pytest.param(compiled, id="compiled", marks=pytest.mark.skipif(not verification.available(), reason="not here")),
]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.binary(max_size=4096))
def test_random_bytes_are_no_proof_no_relation_and_no_parameters(data: bytes) -> None:
    assert plain(STATEMENT, data) is not None
    assert not verification.available() or compiled(STATEMENT, data) is not None
    with pytest.raises(ModelError):
        Relation.decode(data)
    with pytest.raises(ModelError):
        Relation.decode(RELATION[:8] + data[: len(data) // 8 * 8])
    if len(data) != 52:
        with pytest.raises(VerificationError):
            Parameters.decode(data)


@pytest.mark.parametrize("judge", VERIFIERS)
def test_proofs_cut_anywhere_are_refused(judge: Callable[[Statement, bytes], str | None]) -> None:
    assert judge(STATEMENT, PROOF) is None
    dice = Random(1)
    for end in [0, 1, 31, 32, 33, 63, 64, *(dice.randrange(len(PROOF)) for _ in range(60)), len(PROOF) - 1]:
        assert judge(STATEMENT, PROOF[:end]) is not None, end
    assert judge(STATEMENT, PROOF + PROOF) is not None


@pytest.mark.parametrize("judge", VERIFIERS)
def test_proof_longer_than_any_is_not_looked_at(judge: Callable[[Statement, bytes], str | None]) -> None:
    long = PROOF + bytes(MAX_PROOF_BYTES)
    assert "at most" in (judge(STATEMENT, long) or "") or "too long" in (judge(STATEMENT, long) or "")


def test_garbage_after_its_first_roots_is_read_no_further_than_it_is_expected_to_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a proof may make a verifier read is what its statement leads it to expect."""
    asked: list[int] = []
    honest = ProofReader.take

    def counting(reader: ProofReader, count: int) -> bytes:
        asked.append(count)
        return honest(reader, count)

    monkeypatch.setattr(ProofReader, "take", counting)
    assert plain(STATEMENT, PROOF) is None
    expected = sum(asked)
    assert expected == len(PROOF)
    for size in (100, 10_000, 1 << 20):
        asked.clear()
        assert plain(STATEMENT, Random(size).randbytes(size)) is not None
        assert sum(asked) <= 2 * expected


def numbers_of(data: bytes) -> list[int]:
    return list(struct.unpack(f">{len(data) // 8 - 1}q", data[8:]))


def encoded(numbers: list[int]) -> bytes:
    return RELATION[:8] + struct.pack(f">{len(numbers)}q", *numbers)


def judged(data: bytes) -> bool:
    """Whether the plain side takes a relation; typed errors only, and little memory."""
    tracemalloc.start()
    try:
        relation = Relation.decode(data)
        check_relation(relation)
        taken = True
    except ConcordatError:
        taken = False
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < MOST_MEMORY
    return taken


@pytest.mark.parametrize("graph", [False, True])
def test_relations_with_huge_or_wrong_numbers_anywhere_are_refused_or_sane(graph: bool) -> None:
    """Any one number replaced: both sides take the same relations, and nothing else than typed errors comes out."""
    data = compile_graph(tiny_graph()).relation.encode() if graph else RELATION
    numbers, dice, refused = numbers_of(data), Random(5), 0
    places = sorted(
        {*range(60), *range(len(numbers) - 120, len(numbers)), *(dice.randrange(len(numbers)) for _ in range(100))}
    )
    for place in places:
        for value in dice.sample(HUGE, 3):
            mutant = encoded([*numbers[:place], value, *numbers[place + 1 :]])
            taken = judged(mutant)
            refused += not taken
            if verification.available():
                assert rust is not None
                try:
                    rust.ZkVerifier(mutant)
                except ValueError:
                    assert not taken, (place, value)
                else:
                    assert taken, (place, value)
    assert refused > 100


def test_parameters_with_huge_numbers_are_refused_by_both_verifiers() -> None:
    for name in Parameters.__slots__:
        for value in (0, 1, 27, 64, 1 << 16, (1 << 32) - 1):
            weird = replace(STATEMENT, parameters=replace(STATEMENT.parameters, **{name: value}))
            if weird == STATEMENT:
                continue
            assert plain(weird, PROOF) is not None, (name, value)
            assert not verification.available() or compiled(weird, PROOF) is not None, (name, value)


@pytest.mark.skipif(not verification.available(), reason="the compiled verifier is not here")
def test_statements_of_random_or_changed_bytes_are_refused_by_the_compiled_verifier() -> None:
    assert rust is not None
    verifier, dice, said = rust.ZkVerifier(RELATION), Random(6), STATEMENT.encode()
    weights = verification_weights()
    for _ in range(300):
        cut = dice.randrange(len(said))
        for statement in (
            said[:cut],
            said + bytes(1 + cut),
            dice.randbytes(cut),
            said[:cut] + dice.randbytes(len(said)),
        ):
            assert verifier.refusal(statement, PROOF, weights) is not None


def verification_weights() -> object:
    return MADE.weights.ravel()


MALFORMED: dict[str, Callable[[Relation], Relation]] = {
    "rows below zero": lambda r: replace(r, used_rows=-1),
    "more rows than memory": lambda r: replace(r, used_rows=1 << 40),
    "look-ups past the rows": lambda r: replace(r, lookup_rows=r.used_rows + 1),
    "look-ups that overlap": lambda r: replace(r, lookups=(r.lookups[0], replace(r.lookups[1], start=0), r.lookups[2])),
    "table of 2**63 entries": lambda r: replace(r, tables=(replace(r.tables[0], number=63), *r.tables[1:])),
    "table below zero": lambda r: replace(r, tables=(replace(r.tables[0], number=-3), *r.tables[1:])),
    "input outside": lambda r: replace(r, input_start=r.used_rows),
    "third column": lambda r: replace(r, input_column=2),
    "family without columns": lambda r: _family(r, cols=0),
    "stride of nothing": lambda r: _family(r, stride=1),
    "product of another shape": lambda r: replace(r, matmuls=(replace(r.matmuls[0], cols=3),)),
    "weights outside": lambda r: replace(r, weight_rows=1),
    "copy outside": lambda r: replace(r, copies=(Copy(row=9, column=0, start=0, count=4),)),
    "operand outside": lambda r: replace(
        r, matmuls=(replace(r.matmuls[0], left=Operand(column=0, start=r.used_rows - 2)),)
    ),
    "list of another length": lambda r: _cell_term(r, indices=(0,)),
    "list past the rows": lambda r: _cell_term(r, indices=tuple([r.used_rows] * r.families[0].count)),
    "wide slots": lambda r: replace(r, slot_bits=40),
    "public vector too long": lambda r: replace(r, publics=(1 << 40,)),
}


def _family(relation: Relation, **fields: int) -> Relation:
    first, *others = relation.families
    changed = replace(first, **fields)  # type: ignore[arg-type]
    return replace(relation, families=(changed, *others))


def _cell_term(relation: Relation, indices: tuple[int, ...]) -> Relation:
    first, *others = relation.families
    terms = tuple(replace(t, indices=indices) if t.kind is TermKind.CELLS else t for t in first.terms)
    return replace(relation, families=(replace(first, terms=terms), *others))


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_relation_is_refused_before_a_proof_is_looked_at(name: str) -> None:
    wrong = MALFORMED[name](MADE.relation)
    with pytest.raises(VerificationError, match="malformed"):
        check_relation(wrong)
    with pytest.raises(VerificationError):
        verify(replace(STATEMENT, relation=wrong), PROOF)
    if verification.available():
        assert rust is not None
        with pytest.raises(ValueError, match=r"."):
            rust.ZkVerifier(wrong.encode())
