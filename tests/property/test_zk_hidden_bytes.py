"""Evidence and files of hidden models with any number changed: read, or refused with a typed error."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concordat.graph.elements import ElementType
from concordat.primitives.errors import VerificationError
from concordat.testing.proofs import layer
from concordat.zk.hidden import Answer, HiddenModel, read_evidence
from concordat.zk.statement import InputCommitment, WeightCommitment

MADE = layer(batch=1)
MODEL = HiddenModel(
    relation=MADE.relation,
    parameters=MADE.parameters,
    weights=WeightCommitment(root=b"\x07" * 32),
    version=1,
    input_type=ElementType.I32,
)
EVIDENCE = MODEL.evidence(
    b"\x01" * 32, Answer(input=InputCommitment(root=bytes(32), outside=(1, 2, 3)), proof=b"proof")
)
HUGE = [n.to_bytes(8, "big", signed=True) for n in (-(1 << 63), -1, 1 << 31, 1 << 33, (1 << 63) - 1)]


def reads(data: bytes) -> bool:
    try:
        read_evidence(data)
    except VerificationError:
        return False
    return True


def test_evidence_with_a_number_replaced_or_cut_anywhere_is_read_or_refused() -> None:
    dice, refused = Random(1), 0
    assert reads(EVIDENCE)
    relation = EVIDENCE.index(b"CCZKREL")
    places = [*range(0, relation, 7), *range(relation, relation + 8 * 60, 8)]
    places += [dice.randrange(len(EVIDENCE) - 8) for _ in range(200)]
    for place in places:
        word = dice.choice(HUGE)
        refused += not reads(EVIDENCE[:place] + word + EVIDENCE[place + 8 :])
        refused += not reads(EVIDENCE[:place])
    assert refused > len(places)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(data=st.binary(max_size=600), kept=st.integers(0, 120))
def test_random_bytes_are_no_evidence_and_no_hidden_model(data: bytes, kept: int) -> None:
    assert not reads(EVIDENCE[:kept] + data)
    for start in (data, MODEL.encode()[:kept] + data):
        with pytest.raises(VerificationError):
            HiddenModel.decode(start)
