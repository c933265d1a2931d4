"""Evidence policies: algebra, canonical form, and agreement with what the contract computes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from concordat.primitives.errors import PolicyError
from concordat.protocol.evidence import (
    AllOf,
    AnyOf,
    ClientRelease,
    EvidenceKind,
    FraudProvable,
    Native,
    Policy,
    decode_policy,
    encode_policy,
    kinds_in,
    mask_of,
    satisfied,
)

VECTORS = Path(__file__).parents[2] / "vectors" / "protocol" / "policies.json"

clauses = st.frozensets(st.sampled_from(EvidenceKind), min_size=1)
policies = st.builds(Policy, st.frozensets(clauses, min_size=1, max_size=6))
gathered = st.frozensets(st.sampled_from(EvidenceKind)).map(mask_of)


def met(policy: Policy, mask: int) -> bool:
    """What a policy means, in words of sets."""
    return any(clause <= kinds_in(mask) for clause in policy.clauses)


@given(policies, policies, gathered)
def test_any_of_is_met_when_one_part_is(one, other, mask):
    assert met(AnyOf(one, other), mask) == (met(one, mask) or met(other, mask))


@given(policies, policies, gathered)
def test_all_of_is_met_when_both_parts_are(one, other, mask):
    assume(len(one.clauses) * len(other.clauses) <= 32)
    assert met(AllOf(one, other), mask) == (met(one, mask) and met(other, mask))


@given(policies, gathered)
def test_encoded_policy_is_met_by_the_same_evidence(policy, mask):
    assert satisfied(encode_policy(policy), mask) == met(policy, mask)


@given(policies)
def test_encoded_policy_decodes_to_itself(policy):
    assert decode_policy(encode_policy(policy)) == policy


@given(st.binary(min_size=32, max_size=32).filter(any), gathered)
def test_any_32_bytes_mean_what_their_canonical_form_means(encoded, mask):
    assert satisfied(encoded, mask) == satisfied(encode_policy(decode_policy(encoded)), mask)


@given(policies)
def test_canonical_form_is_sorted_without_implied_clauses(policy):
    masks = encode_policy(policy).rstrip(b"\0")
    assert list(masks) == sorted(set(masks))
    assert not any(a != b and a & b == a for a in masks for b in masks)


def test_more_evidence_never_unmakes_a_policy():
    policy = AnyOf(Native(), AllOf(FraudProvable(), ClientRelease()))
    for mask in range(256):
        if satisfied(encode_policy(policy), mask):
            assert all(satisfied(encode_policy(policy), mask | 1 << kind) for kind in EvidenceKind)


def test_policy_that_nothing_can_meet_is_refused():
    for empty in (frozenset(), frozenset({frozenset()})):
        with pytest.raises(PolicyError) as caught:
            Policy(empty)
        assert caught.value.code == "EmptyPolicy"
    with pytest.raises(PolicyError):
        decode_policy(bytes(32))


def test_policy_of_more_clauses_than_fit_is_refused():
    pairs = frozenset(frozenset({a, b, c, d}) for a in range(8) for b in range(a) for c in range(b) for d in range(c))
    with pytest.raises(PolicyError) as caught:
        Policy(frozenset(frozenset(map(EvidenceKind, clause)) for clause in pairs))
    assert caught.value.code == "PolicyTooLarge"


def test_policy_reads_as_a_sentence():
    assert str(AnyOf(Native(), AllOf(FraudProvable(), ClientRelease()))) == (
        "native or fraud-provable and client-release"
    )


@pytest.mark.parametrize("vector", json.loads(VECTORS.read_text())["vectors"], ids=lambda v: v["text"])
def test_policy_vectors_are_reproduced(vector):
    policy = Policy(frozenset(frozenset(EvidenceKind[kind] for kind in clause) for clause in vector["clauses"]))
    assert encode_policy(policy).hex() == vector["encoded"][2:]
    assert str(policy) == vector["text"]
    assert [mask for mask in range(256) if satisfied(encode_policy(policy), mask)] == vector["satisfied_by"]
