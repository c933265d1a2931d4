"""Whoever keeps all proofs of a commitment pools what they opened, and solves for the weights.

Within the limit that the journal keeps, every weight matrix is consistent with all that was opened. Past it, the
weights are coefficients of a polynomial through known points.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from concordat.primitives.errors import InputError
from concordat.storage.openings import Openings, proof_seed
from concordat.testing.proofs import layer, secret
from concordat.zk.field import P, root_of_unity
from concordat.zk.parameters import choose, soundness
from concordat.zk.prover import commit_input, commit_weights, prove
from concordat.zk.prover.code import encode_rows
from concordat.zk.prover.register import register
from concordat.zk.prover.vector import from_ints
from concordat.zk.rotation import ROTATION_COLUMNS, proof_limit
from concordat.zk.statement import Statement
from concordat.zk.verifier import verify
from concordat.zk.verifier.reader import ProofReader
from concordat.zk.verifier.registration import verify_registration

MADE = layer()
AUDITS, QUERIES, PROOFS = 150, 80, 2
CODE = replace(
    choose(MADE.relation, proofs=8),
    weight_audits=AUDITS,
    weight_queries=QUERIES,
    weight_tail=AUDITS + PROOFS * QUERIES + 2 * ROTATION_COLUMNS,
    weight_log_domain=14,
)
"""Few, long openings: a small system to solve, at the same 100 bits."""
WEIGHTS = commit_weights(MADE.relation, CODE, MADE.weights, secret("weights"))
TAKEN = commit_input(CODE, MADE.inputs, secret("input"))
ROOT = WEIGHTS.commitment.root


@dataclass
class Pool:
    """Columns of the commitment that somebody has seen."""

    columns: dict[int, list[int]] = field(default_factory=dict)
    """By position."""

    def watch(self, patched: pytest.MonkeyPatch) -> None:
        """Keep what verifiers read of the commitment."""
        read = ProofReader.columns

        def kept(reader: ProofReader, root: bytes, *rest: int) -> dict[int, list[int]]:
            columns = read(reader, root, *rest)
            if root == ROOT:
                self.columns |= columns
            return columns

        patched.setattr(ProofReader, "columns", kept)

    @property
    def points(self) -> list[int]:
        """Points of the domain at which every row's polynomial is known."""
        generator = root_of_unity(CODE.weight_log_domain)
        return [pow(generator, position, P) for position in self.columns]

    def values(self, row: int) -> list[int]:
        """What a row's polynomial is there."""
        return [column[row] for column in self.columns.values()]


def stated(number: int) -> Statement:
    statement = MADE.statement(WEIGHTS.commitment, TAKEN.commitment)
    return replace(statement, parameters=CODE, order=secret(f"order {number}"))


def make_proof(openings: Openings, number: int) -> None:
    """A proof of the next order, counted before, as a provider makes it; a verifier reads it."""
    statement = stated(number)
    digest = secret(statement.encode().hex())
    counted = openings.reserve(ROOT, proof_limit(CODE), digest)
    give(statement, proof_seed(secret("prover"), ROOT, counted, digest))


def give(statement: Statement, seed: bytes) -> None:
    verify(statement, prove(statement, MADE.witness, seed=seed, weights=WEIGHTS, taken=TAKEN))


def interpolated(points: list[int], values: list[int]) -> list[int]:
    """Coefficients of the polynomial through points: the Vandermonde system, eliminated in Newton's order."""
    differences = list(values)
    for step in range(1, len(points)):
        for i in range(len(points) - 1, step - 1, -1):
            apart = points[i] - points[i - step]
            differences[i] = (differences[i] - differences[i - 1]) * pow(apart, -1, P) % P
    coefficients = [0] * len(points)
    for point, difference in zip(reversed(points), reversed(differences), strict=True):
        shifted = [0, *coefficients[:-1]]
        coefficients = [(s - point * c) % P for s, c in zip(shifted, coefficients, strict=True)]
        coefficients[0] = (coefficients[0] + difference) % P
    return coefficients


def fitted(pool: Pool, weights: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """Rows that hold any weights one likes and agree with everything in the pool."""
    rows = np.zeros((len(weights), weights.shape[1] + CODE.weight_tail), dtype=np.uint64)
    for number, row in enumerate(from_ints(weights)):
        rest = []
        for point, value in zip(pool.points, pool.values(number), strict=True):
            message = sum(int(w) * pow(point, k, P) for k, w in enumerate(row)) % P
            rest.append((value - message) * pow(point, -len(row), P) % P)
        tail = interpolated(pool.points, rest)
        rows[number, : len(row)] = row
        rows[number, len(row) : len(row) + len(tail)] = tail
    return rows


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pool:
    """Everything that the commitment's life shows: its registration and all its proofs, until the journal refuses."""
    pool = Pool()
    pool.watch(monkeypatch)
    verify_registration(register(MADE.relation, CODE, WEIGHTS, secret("registration")))
    with Openings(tmp_path) as openings:
        for number in range(PROOFS):
            make_proof(openings, number)
        with pytest.raises(InputError) as spent:
            make_proof(openings, PROOFS)
    assert spent.value.code == "CommitmentSpent"
    return pool


def test_proofs_pooled_within_the_limit_fit_every_weight_matrix(pool: Pool) -> None:
    assert soundness(MADE.relation, CODE)["total"] >= 100
    assert len(pool.columns) + 2 * ROTATION_COLUMNS <= CODE.weight_tail
    dice = np.random.default_rng(5)
    others = [np.zeros_like(MADE.weights), dice.integers(-128, 128, MADE.weights.shape)]
    for weights in others:
        rows = fitted(pool, weights)
        words = encode_rows(rows, CODE.weight_log_domain)
        assert all([int(n) for n in words[:, at]] == column for at, column in pool.columns.items())


def test_proofs_pooled_past_the_limit_give_the_weights_away(pool: Pool) -> None:
    """The journal passed over: the same proofs under seeds of nobody's count."""
    length, number = MADE.relation.weight_width + CODE.weight_tail, PROOFS
    while len(pool.columns) < length:
        give(stated(number), secret(f"uncounted {number}"))
        number += 1
    points = pool.points[:length]
    for row, weights in enumerate(from_ints(MADE.weights)):
        solved = interpolated(points, pool.values(row)[:length])
        assert solved[: len(weights)] == [int(w) for w in weights]
