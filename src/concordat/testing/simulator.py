"""Proofs without a witness: what shows that a proof tells nothing but its statement.

The simulator knows the statement's public part and chooses the challenges before it speaks. All that it sends is drawn
at random, but for what the verifier's equations determine: the masks at the opened columns, and their share.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from importlib import import_module
from unittest.mock import patch

from concordat.primitives.errors import VerificationError
from concordat.testing.frozen import Frozen, settle
from concordat.zk.field import ZERO, K, P, add, dot_base, encode, mul, root_of_unity, sub, total
from concordat.zk.multilinear import eq_table
from concordat.zk.parameters import segment_lengths
from concordat.zk.prover.code import ColumnTree
from concordat.zk.prover.vector import Vector, random_base
from concordat.zk.statement import InputCommitment, Statement
from concordat.zk.transcript import Transcript
from concordat.zk.verifier import hub as opening
from concordat.zk.verifier import verify
from concordat.zk.verifier.hub import point_powers

__all__ = ["checked_with", "programmed", "simulate"]

_CHECKING = import_module("concordat.zk.verifier.verify")


def programmed(seed: bytes) -> type[Transcript]:
    """A random oracle whose answers are chosen: they follow from a seed, whatever is asked."""

    class Programmed(Frozen):
        """Answers by seed."""

        def __init__(self) -> None:
            self.state = sha256(seed).digest()

    return Programmed


@contextmanager
def checked_with(oracle: type[Transcript]) -> Iterator[None]:
    """The plain verifier asks this oracle."""
    with patch.object(_CHECKING, "Transcript", oracle):
        yield


def simulate(shape: Statement, seed: bytes, oracle: type[Transcript]) -> tuple[Statement, bytes]:
    """A statement with a fresh input commitment, and a proof of it that this oracle's verifier accepts.

    Parameters
    ----------
    shape : Statement
        Of public weights and a committed input; everything but the commitment is kept.
    """
    return _Simulator(shape, seed, oracle()).run()


class _Simulator:
    def __init__(self, shape: Statement, seed: bytes, transcript: Transcript) -> None:
        self.shape, self.seed, self.transcript = shape, seed, transcript
        self.drawn = 0

    def run(self) -> tuple[Statement, bytes]:
        relation, p, transcript = self.shape.relation, self.shape.parameters, self.transcript
        # challenges of the sumchecks come before the columns
        transcript.challenges(2 + 5)
        transcript.challenges(relation.product_rounds + 4 + relation.log_rows + 2)
        first = settle(transcript, p.grinding)
        at = transcript.positions(p.queries, p.log_domain)
        input_at = transcript.positions(p.input_queries, p.input_log_domain)
        witness = self._committed(p.log_domain, 2 * p.blocks(relation) + 3)
        inverse = self._committed(p.log_domain, 3 * p.inverse_blocks(relation))
        taken = self._committed(p.input_log_domain, 1)
        transcript.challenge()
        rows = -(-sum(segment_lengths(relation, p)) >> p.hub_log_width)
        point = transcript.challenges((rows - 1).bit_length())
        mask = transcript.challenge()
        second = settle(transcript, p.grinding)
        hub_at = transcript.positions(p.hub_queries, p.hub_log_domain)
        row, pads = (
            self._elements((1 << p.hub_log_width) + p.hub_queries),
            self._elements(2 * len(point) + p.hub_queries),
        )
        hub = self._hub(rows, point, mask, row, pads, hub_at)
        products = 1 if relation.matmuls else 0
        before = [
            witness.root,
            inverse.root,
            encode(self._elements(3 * products + 2 * relation.product_rounds + 4 * relation.log_rows + 3)),
            hub.root,
            first,
            witness.open(at),
            inverse.open(at),
            taken.open(input_at),
            encode(self._elements(2 * len(point))),
        ]
        after = [encode(row + pads), second, hub.open(hub_at)]
        commitment = InputCommitment(root=taken.root, outside=self._elements(1)[0])
        statement = replace(self.shape, input=commitment)
        head, tail = b"".join(before), b"".join(after)
        return statement, head + encode([self._share(statement, head, tail)]) + tail

    def _words(self, count: int) -> Vector:
        self.drawn += 1
        return random_base(self.seed, b"simulated %d" % self.drawn, count)

    def _elements(self, count: int) -> list[K]:
        flat = self._words(3 * count).reshape(-1, 3).tolist()
        return [(a, b, c) for a, b, c in flat]

    def _committed(self, log_size: int, height: int) -> ColumnTree:
        """Columns of nothing but noise."""
        self.drawn += 1
        return ColumnTree(self._words(height << log_size).reshape(-1, height), self.seed + b"%d" % self.drawn)

    def _hub(self, rows: int, point: list[K], mask: K, row: list[K], pads: list[K], at: list[int]) -> ColumnTree:
        """Noise, with masks that fit what is shown in the columns that are opened."""
        log_domain = self.shape.parameters.hub_log_domain
        columns = self._words(3 * (rows + 3) << log_domain).reshape(1 << log_domain, rows + 3, 3)
        weights, generator = eq_table(point)[:rows], root_of_unity(log_domain)
        for position in sorted(set(at)):
            ladder = point_powers(pow(generator, position, P), len(row))
            held = [(a, b, c) for a, b, c in columns[position].tolist()]
            folded = total(mul(w, e) for w, e in zip(weights, held[:rows], strict=True))
            columns[position, rows] = sub(_at(row, ladder), mul(mask, folded))
            columns[position, rows + 2] = sub(_at(pads, ladder[: len(pads)]), mul(mask, held[rows + 1]))
        return ColumnTree(columns.reshape(1 << log_domain, -1), self.seed + b"hub")

    def _share(self, statement: Statement, head: bytes, tail: bytes) -> K:
        """What the verifier's last equation lacks when the masks' share is zero."""
        left: list[K] = []
        right: list[K] = []

        def seen(found: list[K], value: K) -> K:
            found.append(value)
            return value

        oracle = type(self.transcript)
        with (
            checked_with(oracle),
            patch.object(opening, "sub", lambda x, y: seen(left, sub(x, y))),
            patch.object(opening, "add", lambda x, y: seen(right, add(x, y))),
        ):
            try:
                verify(statement, head + encode([ZERO]) + tail)
            except VerificationError:
                return sub(left[-1], right[-1])
        return ZERO


def _at(values: list[K], ladder: list[int]) -> K:
    return dot_base(([v[0] for v in values], [v[1] for v in values], [v[2] for v in values]), ladder)
