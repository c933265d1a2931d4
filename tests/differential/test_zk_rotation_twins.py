"""Registrations and rotations: the same bytes from both twins of the prover, the same verdicts from both verifiers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, replace
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest

from concordat.primitives.errors import VerificationError
from concordat.testing.proofs import layer, secret
from concordat.zk.field import P
from concordat.zk.parameters import Parameters
from concordat.zk.prover import commit, native
from concordat.zk.prover.keeping import plain
from concordat.zk.prover.register import register
from concordat.zk.prover.rotate import rotate
from concordat.zk.rotation import Rotation
from concordat.zk.statement import WeightCommitment
from concordat.zk.verification import registration_refusal, rotation_refusal
from concordat.zk.verifier import reader
from concordat.zk.verifier.registration import Registration, verify_registration
from concordat.zk.verifier.rotation import verify_rotation

pytestmark = pytest.mark.skipif(not native.available(), reason="the Rust twins are not installed")


@pytest.mark.parametrize("wide", [False, True])
def test_twins_register_and_rotate_a_commitment_with_the_same_bytes(wide: bool) -> None:
    made = layer()
    relation, p, weights = made.relation, made.parameters, made.weights.copy()
    if wide:
        weights[1, 3], weights[2, 0] = -(1 << 40), 1 << 62
    rotations, registrations = [], []
    for twin in (commit, native):
        pair = [twin.commit_weights(relation, p, weights, secret(name)) for name in ("old", "new")]
        registrations.append(register(relation, p, pair[0], secret("registration")))
        rotations.append(
            rotate(relation, p, pair[0], p, pair[1], model=b"\x33" * 32, version=2, seed=secret("rotation"))
        )
    assert registrations[0] == registrations[1]
    assert rotations[0] == rotations[1]
    verify_registration(registrations[1])
    verify_rotation(rotations[1])


def test_compiled_twins_commitment_looked_at_where_it_lies_is_the_plain_twins() -> None:
    made = layer()
    fast = native.commit_weights(made.relation, made.parameters, made.weights, secret("weights"))
    slow = commit.commit_weights(made.relation, made.parameters, made.weights, secret("weights"))
    seen = plain(made.relation, made.parameters, fast)
    assert (seen.coefficients == slow.coefficients).all()
    assert (seen.commitment, seen.tail) == (slow.commitment, slow.tail)
    for seed in range(3):
        positions = np.random.default_rng(seed).integers(0, 1 << slow.tree.log_size, 40).tolist()
        assert seen.tree.open(positions) == slow.tree.open(positions)


@cache
def honest() -> tuple[Registration, Rotation]:
    """A registration, and a rotation from its commitment to another."""
    made = layer()
    relation, p = made.relation, made.parameters
    old, new = (native.commit_weights(relation, p, made.weights, secret(name)) for name in ("old", "new"))
    rotation = rotate(relation, p, old, p, new, model=b"\x33" * 32, version=2, seed=secret("rotation"))
    return register(relation, p, old, secret("registration")), rotation


def plainly_refused(case: Registration | Rotation) -> bool:
    try:
        verify_registration(case) if isinstance(case, Registration) else verify_rotation(case)
    except VerificationError:
        return True
    return False


def refused(case: Registration | Rotation) -> bool:
    found = registration_refusal(case) if isinstance(case, Registration) else rotation_refusal(case)
    return found is not None


def parts(case: Registration | Rotation) -> list[int]:
    """Where each thing that the plain verifier reads begins, and the end."""
    starts, take = [0], reader.ProofReader.take

    def noted(self: reader.ProofReader, count: int) -> bytes:
        starts.append(starts[-1] + count)
        return take(self, count)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reader.ProofReader, "take", noted)
        assert not plainly_refused(case)
    assert starts[-1] == len(case.proof)
    return starts


def changed_proofs(proof: bytes, starts: list[int], dice: Random) -> Iterator[bytes]:
    """Every part with a bit flipped, left out, sent twice or exchanged with the next; numbers that are none of F."""
    regions = list(pairwise(starts))
    for start, end in regions[:40] + dice.sample(regions, min(len(regions), 500)):
        place = dice.randrange(start, end)
        yield proof[:place] + bytes([proof[place] ^ 1 << dice.randrange(8)]) + proof[place + 1 :]
    for start, end in dice.sample(regions, 40):
        yield proof[:start] + proof[end:]
        yield proof[:end] + proof[start:]
        yield proof[:start] + proof[end : 2 * end - start] + proof[start:end] + proof[2 * end - start :] + b"\0"
    for _ in range(40):
        place = dice.randrange(len(proof) - 8)
        yield proof[:place] + dice.choice([P, P + 1, (1 << 64) - 1]).to_bytes(8, "big") + proof[place + 8 :]
        yield proof[:place]
        yield proof[:place] + dice.randbytes(dice.randrange(1, 5000)) + proof[place:]
    yield from (b"", proof + b"\0", proof + proof, bytes(len(proof)), dice.randbytes(len(proof)))
    yield proof + bytes(reader.MAX_PROOF_BYTES)


@pytest.mark.parametrize("which", [0, 1], ids=["registration", "rotation"])
def test_changed_registrations_and_rotations_are_refused_by_both_verifiers(which: int) -> None:
    """Hundreds by the compiled one; the plain one, which takes its time, judges a sample of them."""
    case, dice = honest()[which], Random(which)
    assert not refused(case)
    mutants = [m for m in changed_proofs(case.proof, parts(case), dice) if m != case.proof]
    assert len(mutants) > 700
    for mutant in mutants:
        assert refused(replace(case, proof=mutant))
    for mutant in dice.sample(mutants, 12):
        assert plainly_refused(replace(case, proof=mutant))


def _parameters(p: Parameters) -> Iterator[Parameters]:
    """One number replaced, by its neighbours or by one that makes no sense."""
    for name, value in zip(Parameters.__slots__, astuple(p), strict=True):
        for other in {value + 1, max(value - 1, 0), 0, 1, 27, 31, 64, 4097, (1 << 31) - 1, (1 << 32) - 1} - {value}:
            yield replace(p, **{name: other})


def test_statements_with_other_numbers_are_refused_by_both_verifiers() -> None:
    """Also where they ask for gigabytes: nothing is made room for that was not sent."""
    registration, rotation = honest()
    changed: list[Any] = [
        replace(registration, commitment=WeightCommitment(root=root)) for root in (bytes(32), b"", b"x")
    ]
    for parameters in _parameters(registration.parameters):
        changed.append(replace(registration, parameters=parameters))
        changed.append(replace(rotation, old_parameters=parameters))
        changed.append(replace(rotation, new_parameters=parameters))
    changed += [replace(registration, relation=layer(batch=3).relation), replace(rotation, model=bytes(32))]
    changed += [replace(rotation, version=number) for number in (0, 1, 3, 1 << 32)]
    changed += [replace(rotation, queries=n) for n in (0, 60, rotation.queries + 1, 4096, 4097, 1 << 32)]
    changed += [replace(rotation, old=rotation.new), replace(rotation, new=WeightCommitment(root=b"short"))]
    for case in changed:
        assert refused(case), case
    for case in changed[::4]:
        assert plainly_refused(case), case


def test_rotation_between_domains_of_two_sizes_is_judged_alike() -> None:
    made = layer()
    p = made.parameters
    larger = replace(p, weight_log_domain=p.weight_log_domain + 1, weight_tail=p.weight_tail + 32)
    small, large = (native.commit_weights(made.relation, code, made.weights, secret("other")) for code in (p, larger))
    for old, new in (((p, small), (larger, large)), ((larger, large), (p, small))):
        rotation = rotate(made.relation, *old, *new, model=bytes(32), version=2, seed=secret("rotation"))
        assert not plainly_refused(rotation)
        assert not refused(rotation)
        assert refused(replace(rotation, queries=rotation.queries - 1))


def test_random_weights_of_any_kind_are_registered_and_rotated_for_both_verifiers() -> None:
    made, dice = layer(), np.random.default_rng(5)
    relation, p = made.relation, made.parameters
    for scale in (1, 1 << 31, 1 << 62):
        weights = dice.integers(-scale, scale, made.weights.shape, endpoint=True)
        old, new = (native.commit_weights(relation, p, weights, dice.bytes(32)) for _ in range(2))
        registration = register(relation, p, old, dice.bytes(32))
        rotation = rotate(relation, p, old, p, new, model=bytes(32), version=9, seed=dice.bytes(32))
        assert not refused(registration)
        assert not refused(rotation)
        weights[0, 0] ^= 1
        other = native.commit_weights(relation, p, weights, dice.bytes(32))
        assert refused(replace(registration, commitment=other.commitment))
        assert refused(replace(rotation, new=other.commitment))
        assert not plainly_refused(rotation)
