"""A proof taken apart: which of its bytes say what. For tests that change, compare or exchange parts of proofs.

Written from the protocol's text and apart from the verifier: it follows the transcript, and checks nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from concordat.zk.challenges import Tag
from concordat.zk.parameters import segment_lengths
from concordat.zk.statement import InputCommitment, Statement, WeightCommitment
from concordat.zk.transcript import Transcript

__all__ = ["Region", "anatomy"]


@dataclass(frozen=True, slots=True)
class Region:
    """Consecutive bytes that mean one thing."""

    name: str
    """What they are; regions of one kind share a name."""
    start: int
    """First byte."""
    end: int
    """Byte after the last."""


def anatomy(statement: Statement, proof: bytes) -> list[Region]:
    """All regions of a proof of a statement, from front to back; together they are the whole proof."""
    return list(_Reader(statement, proof).regions())


class _Reader:
    def __init__(self, statement: Statement, proof: bytes) -> None:
        self.statement, self.proof, self.at = statement, proof, 0
        self.transcript = Transcript()

    def regions(self) -> Iterator[Region]:
        relation, p, transcript = self.statement.relation, self.statement.parameters, self.transcript
        transcript.absorb(Tag.STATEMENT, self.statement.encode())
        yield self._said("witness root", 32, Tag.WITNESS)
        transcript.challenges(2)
        yield self._said("inverse root", 32, Tag.INVERSES)
        transcript.challenges(5)
        products = bool(relation.matmuls)
        yield from self._elements("product claim", Tag.PRODUCT_CLAIM, 1, products)
        for _ in range(relation.product_rounds):
            yield from self._elements("product round", Tag.PRODUCT_ROUND, 2)
            transcript.challenge()
        yield from self._elements("product values", Tag.PRODUCT_VALUES, 2, products)
        transcript.challenges(4)
        for _ in range(relation.log_rows):
            yield from self._elements("constraint round", Tag.CONSTRAINT_ROUND, 4)
            transcript.challenge()
        yield from self._elements("constraint values", Tag.CONSTRAINT_VALUES, 3)
        transcript.challenges(2)
        yield self._said("hub root", 32, Tag.HUB)
        yield from self._columns()
        transcript.challenge()
        yield from self._hub(-(-sum(segment_lengths(relation, p)) >> p.hub_log_width))
        assert self.at == len(self.proof)

    def _columns(self) -> Iterator[Region]:
        statement, relation, p = self.statement, self.statement.relation, self.statement.parameters
        yield self._nonce(p.grinding)
        private = isinstance(statement.weights, WeightCommitment)
        at = self.transcript.positions(p.queries, p.log_domain)
        weights_at = self.transcript.positions(p.weight_queries, p.weight_log_domain) if private else []
        input_at = self.transcript.positions(p.input_queries, p.input_log_domain) if p.input_log_domain else []
        yield from self._opened("witness", at, p.log_domain, 2 * p.blocks(relation) + 3)
        yield from self._opened("inverse", at, p.log_domain, 3 * p.inverse_blocks(relation))
        if private:
            yield from self._opened("weight", weights_at, p.weight_log_domain, relation.weight_rows)
        if isinstance(statement.input, InputCommitment):
            yield from self._opened("input", input_at, p.input_log_domain, 1)

    def _hub(self, rows: int) -> Iterator[Region]:
        p, bits = self.statement.parameters, (rows - 1).bit_length()
        for _ in range(bits):
            yield from self._elements("hub round", Tag.HUB_ROUND, 2)
            self.transcript.challenge()
        yield from self._elements("hub mask", Tag.HUB_MASK, 1)
        self.transcript.challenge()
        row, pads = (1 << p.hub_log_width) + p.hub_queries, 2 * bits + p.hub_queries
        first = self._piece("hub row", 24 * row)
        second = self._piece("hub pads", 24 * pads)
        self.transcript.absorb(Tag.HUB_ROW, self.proof[first.start : second.end])
        yield from (first, second, self._nonce(p.grinding))
        at = self.transcript.positions(p.hub_queries, p.hub_log_domain)
        yield from self._opened("hub", at, p.hub_log_domain, 3 * (rows + 3))

    def _piece(self, name: str, count: int) -> Region:
        self.at += count
        return Region(name, self.at - count, self.at)

    def _said(self, name: str, count: int, tag: Tag) -> Region:
        piece = self._piece(name, count)
        self.transcript.absorb(tag, self.proof[piece.start : piece.end])
        return piece

    def _elements(self, name: str, tag: Tag, count: int, present: bool = True) -> Iterator[Region]:
        if present:
            yield self._said(name, 24 * count, tag)
        else:
            self.transcript.absorb(tag, bytes(24 * count))

    def _nonce(self, bits: int) -> Region:
        piece = self._piece("nonce", 8)
        self.transcript.grinds(int.from_bytes(self.proof[piece.start : piece.end], "big"), bits)
        return piece

    def _opened(self, name: str, positions: list[int], log_size: int, height: int) -> Iterator[Region]:
        level = sorted(set(positions))
        for _ in level:
            yield self._piece(f"{name} column", 8 * height)
            yield self._piece(f"{name} salt", 16)
        for _ in range(log_size):
            families = [list(group) for _, group in groupby(level, key=lambda at: at >> 1)]
            yield self._piece(f"{name} siblings", 27 * sum(len(family) == 1 for family in families))
            level = [family[0] >> 1 for family in families]
