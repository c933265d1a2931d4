"""The verifier contract against the verifier in Python, on a real chain node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest

from concordat.chain.answers import Refusal
from concordat.chain.anvil import AnvilNode
from concordat.chain.proofs import check_on_chain, deploy_proof_verifier
from concordat.chain.rpc import Endpoint
from concordat.primitives.errors import VerificationError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address
from concordat.testing.inference import ProvenCase, prove_inference, small_case
from concordat.testing.small import small_graph
from concordat.zk.circuit import Disclosure
from concordat.zk.statement import InputCommitment, Statement, WeightCommitment
from concordat.zk.verifier import verify
from concordat.zk.verifier.reader import ProofReader

pytestmark = pytest.mark.chain


@dataclass
class Court:
    """A chain with the verifier on it."""

    endpoint: Endpoint
    verifier: Address

    def accepts(self, statement: Statement, proof: bytes) -> bool:
        try:
            check_on_chain(self.endpoint, self.verifier, statement, proof)
        except VerificationError:
            return False
        return True


@pytest.fixture(scope="module")
def court(anvil: AnvilNode) -> Iterator[Court]:
    with Endpoint(anvil.url) as endpoint:
        yield Court(endpoint, deploy_proof_verifier(endpoint, anvil.development_accounts()[0]))


@pytest.fixture(scope="module")
def case() -> ProvenCase:
    return small_case()


@pytest.fixture(scope="module")
def proof(case: ProvenCase) -> bytes:
    return case.prove()


def test_contract_accepts_what_the_verifier_accepts(court: Court, case: ProvenCase, proof: bytes) -> None:
    verify(case.statement, proof)
    assert court.accepts(case.statement, proof)


def test_contract_accepts_a_threshold_and_nothing_but_the_true_answer(court: Court) -> None:
    shown = prove_inference(small_graph(hidden=6), disclosure=Disclosure(kind="threshold", element=1, threshold=10))
    answer = shown.prove()
    verify(shown.statement, answer)
    assert court.accepts(shown.statement, answer)
    assert not court.accepts(shown.stating(publics=((1 - shown.statement.publics[0][0],),)), answer)


def test_contract_refuses_any_changed_field_of_the_statement(court: Court, case: ProvenCase, proof: bytes) -> None:
    statement = case.statement
    assert isinstance(statement.input, InputCommitment)
    changed: dict[str, Any] = {
        "chain_id": 1,
        "contract": b"\x12" * 20,
        "order": b"\x23" * 32,
        "model": b"\x34" * 32,
        "version": 2,
        "weights": WeightCommitment(root=bytes(32)),
        "input": replace(statement.input, outside=(1, 2, 3)),
        "relation": replace(statement.relation, input_start=statement.relation.input_start + 1),
        "publics": ((statement.publics[0][0] + 1, *statement.publics[0][1:]),),
        "parameters": replace(statement.parameters, queries=statement.parameters.queries // 2),
    }
    for name, value in changed.items():
        assert not court.accepts(replace(statement, **{name: value}), proof), name
    other = replace(statement, input=replace(statement.input, root=bytes(32)))
    assert not court.accepts(other, proof)


def test_contract_accepts_a_batch_and_none_of_its_answers_changed(court: Court) -> None:
    batch = prove_inference(small_graph(hidden=6), batch=3)
    answer = batch.prove()
    verify(batch.statement, answer)
    assert court.accepts(batch.statement, answer)
    numbers = batch.statement.publics[0]
    for place in range(0, len(numbers), 2):
        changed = (*numbers[:place], numbers[place] + 1, *numbers[place + 1 :])
        assert not court.accepts(batch.stating(publics=(changed,)), answer), place


def test_contract_refuses_a_changed_byte_in_every_section(
    court: Court, case: ProvenCase, proof: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    take = ProofReader.take

    def noted(reader: ProofReader, count: int) -> bytes:
        read.append(count)
        return take(reader, count)

    monkeypatch.setattr(ProofReader, "take", noted)
    verify(case.statement, proof)
    starts = [sum(read[:i]) for i in range(len(read))]
    assert sum(read) == len(proof)
    # where the size of what is read next changes a section begins: its first and its last piece, by size
    first = {count: i for i, count in reversed(list(enumerate(read)))}
    last = {count: i for i, count in enumerate(read)}
    pieces = sorted({*first.values(), *last.values()})
    assert len(pieces) >= 20
    for i in pieces:
        for place in {starts[i], starts[i] + read[i] - 1}:
            mutant = bytearray(proof)
            mutant[place] ^= 1
            assert not court.accepts(case.statement, bytes(mutant)), (i, read[i], place)


def test_contract_refuses_parameters_worth_too_little(court: Court, case: ProvenCase) -> None:
    parameters = case.statement.parameters
    for name in ("queries", "hub_queries", "weight_queries", "input_queries"):
        weaker = replace(parameters, **{name: getattr(parameters, name) - 4})
        statement = case.stating(parameters=weaker)
        with pytest.raises(VerificationError, match="bits of soundness"):
            verify(statement, b"")
        with pytest.raises(VerificationError) as refused:
            check_on_chain(court.endpoint, court.verifier, statement, b"")
        cause = refused.value.__cause__
        assert isinstance(cause, Refusal), name
        assert cause.data == keccak256(b"BadParameters()")[:4], name


def test_contract_refuses_flipped_bits_anywhere_in_the_proof(court: Court, case: ProvenCase, proof: bytes) -> None:
    dice = Random(8)
    for _ in range(12):
        mutant = bytearray(proof)
        mutant[dice.randrange(len(proof))] ^= 1 << dice.randrange(8)
        assert not court.accepts(case.statement, bytes(mutant))
    assert not court.accepts(case.statement, proof[:-1])
    assert not court.accepts(case.statement, proof + b"\0")
