"""Proofs and statements changed in every place and many ways: a hundred thousand mutants, none accepted.

The compiled verifier judges them all, the plain one a sample; without compiled code the plain one judges fewer.
"""

from __future__ import annotations

from dataclasses import astuple, replace
from functools import cache
from random import Random
from typing import Any

import numpy as np
import pytest

from concordat.primitives.errors import VerificationError
from concordat.primitives.native import rust
from concordat.testing.anatomy import anatomy
from concordat.testing.inference import prove_inference
from concordat.testing.proof_mutants import by_region, changed_proofs
from concordat.testing.proofs import layer, prove_layer
from concordat.testing.small import small_graph
from concordat.zk.circuit import Disclosure
from concordat.zk.parameters import Parameters
from concordat.zk.statement import PublicWeights, Statement
from concordat.zk.verification import available, refusal
from concordat.zk.verifier import verify

GRAPHS = {
    "whole output": None,
    "argmax": Disclosure(kind="argmax"),
    "threshold": Disclosure(kind="threshold", element=1, threshold=10),
}
LAYERS = {"public": (1, False, False), "private input": (1, False, True), "private": (2, True, True)}
EVERY_BYTE = ("public", "private input")
ROUNDS = 9
WANTED = 100_000
compiled = pytest.mark.skipif(not available(), reason="the compiled verifier is not installed")


@cache
def proven(name: str) -> tuple[Statement, bytes, bytes]:
    """A statement, its proof and another proof of it."""
    if name in GRAPHS:
        case = prove_inference(small_graph(hidden=6), disclosure=GRAPHS[name])
        return case.statement, case.prove(), case.prove(seed=1)
    batch, private_weights, private_input = LAYERS[name]
    made = layer(batch=batch, private_weights=private_weights, private_input=private_input)
    statement, proof = prove_layer(made)
    return statement, proof, prove_layer(made, "other")[1]


def plainly_refused(statement: Statement, proof: bytes) -> bool:
    try:
        verify(statement, proof)
    except VerificationError:
        return True
    return False


class Judge:
    """The compiled verifier of one statement."""

    def __init__(self, statement: Statement) -> None:
        assert rust is not None
        self.verifier = rust.ZkVerifier(statement.relation.encode())
        self.encoded = statement.encode()
        public = isinstance(statement.weights, PublicWeights)
        self.weights: Any = np.array(statement.weights.rows, dtype=np.int64).ravel() if public else None  # type: ignore[union-attr]

    def survivors(self, proof: bytes, dice: Random) -> list[int]:
        """Bytes that may be changed: each has one bit flipped, or several."""
        masks = bytes(dice.choice([1 << dice.randrange(8), dice.randrange(1, 256)]) for _ in proof)
        found: list[int] = self.verifier.survivors(self.encoded, proof, np.arange(len(proof)), masks, self.weights)
        return found

    def refuses(self, proof: bytes, statement: bytes | None = None) -> bool:
        return self.verifier.refusal(statement or self.encoded, proof, self.weights) is not None


def test_anatomy_of_a_proof_names_every_byte_of_it_once() -> None:
    for name in (*LAYERS, "argmax"):
        statement, proof, _ = proven(name)
        regions = anatomy(statement, proof)
        assert [r.start for r in regions] == [0, *(r.end for r in regions[:-1])]
        assert regions[-1].end == len(proof)


@compiled
def test_hundred_thousand_mutants_of_proofs_are_refused() -> None:
    judged = 0
    for name in EVERY_BYTE:
        statement, proof, _ = proven(name)
        judge = Judge(statement)
        assert not judge.refuses(proof)
        assert judge.survivors(proof, Random(1)) == [], name
        judged += len(proof)
    for name in (*LAYERS, *GRAPHS):
        statement, proof, other = proven(name)
        judge, dice = Judge(statement), Random(2)
        assert not judge.refuses(proof)
        for region, mutant in changed_proofs(anatomy(statement, proof), proof, other, dice, ROUNDS):
            assert judge.refuses(mutant), (name, region)
            judged += 1
    assert judged >= WANTED


@compiled
def test_mutants_of_every_byte_of_a_statement_are_refused() -> None:
    for name in (*LAYERS, "argmax"):
        statement, proof, _ = proven(name)
        judge, encoded = Judge(statement), statement.encode()
        for at in range(len(encoded)):
            for mask in (1, 128):
                mutant = encoded[:at] + bytes([encoded[at] ^ mask]) + encoded[at + 1 :]
                assert judge.refuses(proof, mutant), (name, at)


def test_sample_of_mutants_is_refused_by_the_plain_verifier_as_by_the_compiled() -> None:
    """A thousand where the bulk is judged by compiled code, and as many as fit the time where it is not."""
    judged, rounds = 0, {"public": 3, "private": 1}
    for name, count in rounds.items():
        statement, proof, other = proven(name)
        assert not plainly_refused(statement, proof)
        for region, mutant in changed_proofs(anatomy(statement, proof), proof, other, Random(3), count):
            assert plainly_refused(statement, mutant), (name, region)
            assert not available() or refusal(statement, mutant) is not None
            judged += 1
    print(f"{judged} mutants judged by the plain verifier")
    assert judged >= 1000


def test_every_number_of_the_parameters_when_changed_breaks_the_proof() -> None:
    statement, proof, _ = proven("private")
    for at, number in enumerate(astuple(statement.parameters)):
        for other in (number + 1, max(number - 1, 0) if number else 2, 0, (1 << 32) - 1, 1 << 32, -1):
            if other == number:
                continue
            numbers = [*astuple(statement.parameters)]
            numbers[at] = other
            changed = replace(statement, parameters=Parameters(**dict(zip(Parameters.__slots__, numbers, strict=True))))
            assert plainly_refused(changed, proof), (Parameters.__slots__[at], other)


def test_regions_of_every_kind_are_among_the_mutants() -> None:
    statement, proof, _ = proven("private")
    kinds = set(by_region(anatomy(statement, proof)))
    sides = ("witness", "inverse", "weight", "input", "hub")
    assert {f"{side} {part}" for side in sides for part in ("column", "salt", "siblings")} < kinds
    assert {"product round", "constraint round", "hub round", "hub row", "hub pads", "hub mask", "nonce"} < kinds
