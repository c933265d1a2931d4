"""Registrations and rotations of what either twin of the prover committed: the same bytes."""

from __future__ import annotations

import numpy as np
import pytest

from concordat.testing.proofs import layer, secret
from concordat.zk.prover import commit, native
from concordat.zk.prover.keeping import plain
from concordat.zk.prover.register import register
from concordat.zk.prover.rotate import rotate
from concordat.zk.verifier.registration import verify_registration
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
