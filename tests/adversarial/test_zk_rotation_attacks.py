"""Rotations of commitments that do not hold the same weights, or are not what they say: every one is refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest

from concordat.primitives.errors import ModelError, VerificationError
from concordat.testing.proofs import Layer, layer, secret
from concordat.zk.field import P
from concordat.zk.parameters import Parameters
from concordat.zk.prover import rotate as rotating
from concordat.zk.prover.code import ColumnTree, encode_rows
from concordat.zk.prover.commit import CommittedWeights, commit_weights
from concordat.zk.prover.rotate import argue, rotate
from concordat.zk.rotation import ROTATION_COLUMNS, Rotation, rotation_queries, rotation_soundness
from concordat.zk.statement import WeightCommitment
from concordat.zk.verifier.reader import ProofReader
from concordat.zk.verifier.registration import Registration
from concordat.zk.verifier.rotation import check_registered, verify_rotation

MADE = layer()
FIELDS = {"relation", "model", "version", "old", "old_parameters", "new", "new_parameters", "queries", "proof"}


def committed(name: str, weights: np.ndarray | None = None, parameters: Parameters | None = None) -> CommittedWeights:
    values = MADE.weights if weights is None else weights
    return commit_weights(MADE.relation, parameters or MADE.parameters, values, secret(name))


def rotated(old: CommittedWeights, new: CommittedWeights, made: Layer = MADE, **changes: Any) -> Rotation:
    """An honest rotation, or with other fields what an owner who lies makes of it."""
    fields: dict[str, Any] = {
        "relation": made.relation,
        "model": b"\x33" * 32,
        "version": 2,
        "old": old.commitment,
        "old_parameters": made.parameters,
        "new": new.commitment,
        "new_parameters": made.parameters,
        "queries": rotation_queries(made.relation, made.parameters, made.parameters),
        "proof": b"",
    }
    return argue(Rotation(**{**fields, **changes}), old, new, secret("rotation"))


def accepted(rotation: Rotation) -> bool:
    try:
        verify_rotation(rotation)
    except VerificationError:
        return False
    return True


@pytest.fixture(scope="module")
def old() -> CommittedWeights:
    return committed("old")


@pytest.fixture(scope="module")
def new() -> CommittedWeights:
    return committed("new")


@pytest.fixture(scope="module")
def rotation(old: CommittedWeights, new: CommittedWeights) -> Rotation:
    made = rotate(
        MADE.relation, MADE.parameters, old, MADE.parameters, new,
        model=b"\x33" * 32, version=2, seed=secret("rotation"),
    )  # fmt: skip
    assert made == rotated(old, new)
    return made


def test_rotation_to_fresh_tails_is_accepted(rotation: Rotation) -> None:
    verify_rotation(rotation)
    bits = rotation_soundness(MADE.relation, MADE.parameters, MADE.parameters, rotation.queries)
    assert min(bits.values()) == bits["total"] >= 100
    assert rotation.queries == rotation_queries(MADE.relation, MADE.parameters, MADE.parameters) <= ROTATION_COLUMNS


@pytest.mark.parametrize("place", [(0, 0), (1, 9), (2, 3), (0, 15)])
def test_weights_that_differ_in_one_place_are_refused(old: CommittedWeights, place: tuple[int, int]) -> None:
    changed = MADE.weights.copy()
    changed[place] += 1
    other = committed("new", changed)
    with pytest.raises(VerificationError) as refused:
        verify_rotation(rotated(old, other))
    assert refused.value.code == "BadRotation"
    with pytest.raises(ModelError):
        rotate(
            MADE.relation, MADE.parameters, old, MADE.parameters, other, model=bytes(32), version=2, seed=bytes(32)
        )  # fmt: skip


def test_difference_hidden_in_the_message_part_of_the_mask_is_refused(
    old: CommittedWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mask may cancel a difference under one challenge; it is committed before the challenge is drawn."""
    changed = MADE.weights.copy()
    changed[1, 4] += 5
    honest = rotating.committed_mask

    def cheating(rotation: Rotation, seed: bytes) -> CommittedWeights:
        mask = honest(rotation, seed)
        rows = mask.coefficients.copy()
        rows[:, 4] = P - 5, 0, 0
        tree = ColumnTree(encode_rows(rows, rotation.log_domain).T, seed)
        return replace(mask, coefficients=rows, tree=tree, commitment=WeightCommitment(root=tree.root))

    monkeypatch.setattr(rotating, "committed_mask", cheating)
    assert not accepted(rotated(old, committed("new", changed)))


def test_columns_of_another_commitment_than_the_named_one_are_refused(
    old: CommittedWeights, new: CommittedWeights
) -> None:
    changed = MADE.weights.copy()
    changed[0, 0] += 1
    other = committed("new", changed)
    hidden = replace(new, tree=other.tree)  # says that it holds the same, and opens the other
    assert not accepted(rotated(old, hidden))
    assert not accepted(rotated(old, replace(hidden, commitment=other.commitment)))


def test_commitment_that_is_far_from_the_code_answers_for_neither_of_two_models(
    old: CommittedWeights, new: CommittedWeights
) -> None:
    """Half the columns of one model, half of another: even without its registration most queries tell."""
    changed = new.coefficients.copy()
    changed[:, 0] = 7
    words = encode_rows(new.coefficients, MADE.parameters.weight_log_domain)
    words[:, ::2] = encode_rows(changed, MADE.parameters.weight_log_domain)[:, ::2]
    tree = ColumnTree(words.T, secret("half"))
    assert not accepted(
        rotated(old, replace(new, tree=tree, commitment=WeightCommitment(root=tree.root)))
    )  # fmt: skip


def test_any_changed_field_of_a_rotation_breaks_it(rotation: Rotation, new: CommittedWeights) -> None:
    relation, p = rotation.relation, rotation.old_parameters
    family = replace(relation.families[0], constant=relation.families[0].constant + 1)
    changed = {
        "relation": replace(relation, families=(family, *relation.families[1:])),
        "model": b"\x34" * 32,
        "version": 3,
        "old": new.commitment,
        "old_parameters": replace(p, hub_queries=p.hub_queries + 1),
        "new": rotation.old,
        "new_parameters": replace(p, weight_audits=p.weight_audits + 1),
        "queries": rotation.queries + 1,
        "proof": rotation.proof + b"\0",
    }
    assert set(changed) == FIELDS == set(Rotation.__slots__)
    for name, value in changed.items():
        assert not accepted(replace(rotation, **{name: value})), name


def test_rotation_between_others_than_the_registered_commitments_is_refused(rotation: Rotation) -> None:
    old = Registration(relation=MADE.relation, parameters=MADE.parameters, commitment=rotation.old, proof=b"")
    new = replace(old, commitment=rotation.new)
    check_registered(rotation, old, new)
    weaker = replace(new, parameters=replace(MADE.parameters, weight_audits=MADE.parameters.weight_audits - 1))
    for pair in ((new, old), (old, old), (old, weaker), (replace(old, relation=layer(batch=3).relation), new)):
        with pytest.raises(VerificationError):
            check_registered(rotation, *pair)


@pytest.mark.parametrize(
    "change",
    [
        {"model": b"short"},
        {"version": 0},
        {"version": 1 << 32},
        {"queries": 0},
        {"queries": 60},
        {"queries": 5000},
        {"queries": 1 << 40},
        {"old": WeightCommitment(root=b"short")},
        {"new_parameters": replace(MADE.parameters, weight_tail=0, weight_log_domain=0)},
        {"old_parameters": replace(MADE.parameters, weight_audits=100)},
    ],
)
def test_rotation_with_numbers_that_make_no_sense_is_refused(rotation: Rotation, change: dict[str, Any]) -> None:
    assert not accepted(replace(rotation, **change))


def test_every_region_of_the_proof_when_changed_is_refused(rotation: Rotation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bit of every column, salt and sibling that the verifier reads, and of numbers at random."""
    starts = [0]
    take = ProofReader.take

    def noted(reader: ProofReader, count: int) -> bytes:
        starts.append(starts[-1] + count)
        return take(reader, count)

    with monkeypatch.context() as patched:
        patched.setattr(ProofReader, "take", noted)
        verify_rotation(rotation)
    dice = Random(3)
    places = {start + dice.randrange(end - start) for start, end in pairwise(starts)}
    places |= {dice.randrange(len(rotation.proof)) for _ in range(250)}
    assert len(places) > 1400
    survivors = []
    for place in places:
        mutant = bytearray(rotation.proof)
        mutant[place] ^= 1 << dice.randrange(8)
        if accepted(replace(rotation, proof=bytes(mutant))):
            survivors.append(place)
    assert not survivors


def test_file_of_a_rotation_when_read_is_the_rotation_and_any_other_is_refused(rotation: Rotation) -> None:
    packed = rotation.pack()
    assert Rotation.unpack(MADE.relation, packed) == rotation
    head = len(packed) - len(rotation.proof)
    for cut in (0, 7, head - 1):
        with pytest.raises(VerificationError):
            Rotation.unpack(MADE.relation, packed[:cut])
    with pytest.raises(VerificationError, match="another relation"):
        Rotation.unpack(layer(batch=3).relation, packed)
    for place in range(head):
        mutant = bytearray(packed)
        mutant[place] ^= 1
        with pytest.raises(VerificationError):
            verify_rotation(Rotation.unpack(MADE.relation, bytes(mutant)))


@pytest.mark.parametrize("cut", [1, 24, 5000])
def test_rotation_cut_short_is_refused(rotation: Rotation, cut: int) -> None:
    assert not accepted(replace(rotation, proof=rotation.proof[:-cut]))


def test_numbers_that_are_not_canonical_are_refused(rotation: Rotation) -> None:
    beyond = rotation.proof[:32] + P.to_bytes(8, "big") + rotation.proof[40:]
    with pytest.raises(VerificationError, match="canonical"):
        verify_rotation(replace(rotation, proof=beyond))


@pytest.mark.parametrize("which", ["old", "new"])
def test_rotation_between_domains_of_two_sizes_opens_their_common_points(old: CommittedWeights, which: str) -> None:
    p = MADE.parameters
    larger = replace(p, weight_log_domain=p.weight_log_domain + 1, weight_tail=p.weight_tail + 32)
    other = committed("larger", parameters=larger)
    pair = ((p, old), (larger, other)) if which == "new" else ((larger, other), (p, old))
    made = rotate(
        MADE.relation, pair[0][0], pair[0][1], pair[1][0], pair[1][1],
        model=b"\x33" * 32, version=2, seed=secret("rotation"),
    )  # fmt: skip
    verify_rotation(made)
    assert made.queries > rotation_queries(MADE.relation, p, p)
    changed = MADE.weights.copy()
    changed[2, 2] -= 1
    wrong = committed("larger", changed, larger)
    codes = {"old_parameters": pair[0][0], "new_parameters": pair[1][0], "queries": made.queries}
    before, after = (old, wrong) if which == "new" else (wrong, old)
    assert not accepted(rotated(before, after, **codes))


def test_rotation_between_domains_too_far_apart_is_refused_with_a_reason(old: CommittedWeights) -> None:
    p = MADE.parameters
    far = replace(p, weight_log_domain=p.weight_log_domain + 2)
    with pytest.raises((ModelError, VerificationError), match=r"set aside|bits of soundness"):
        rotate(MADE.relation, p, old, far, committed("far", parameters=far), model=bytes(32), version=2, seed=bytes(32))
