"""The prover's side of the hub."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from concordat.zk.challenges import Tag
from concordat.zk.field import K
from concordat.zk.multilinear import eq_table
from concordat.zk.parameters import Parameters, segment_lengths
from concordat.zk.prover.code import ColumnTree, encode_rows
from concordat.zk.prover.message import Messages
from concordat.zk.prover.vector import (
    Vector,
    add,
    broadcast,
    column_sum,
    double,
    halves,
    mul,
    random_base,
    sub,
    to_k,
)
from concordat.zk.relation import Relation
from concordat.zk.verifier.sumcheck import fold_messages

__all__ = ["Hub"]


class Hub:
    """Folded rows, committed; see `concordat.zk.verifier.hub`.

    Parameters
    ----------
    segments : iterable of arrays over K
        Folded weights, folded witness, hidden scalars, input, each with its tail.
    seed : bytes
        The proof's secret.
    """

    def __init__(self, relation: Relation, parameters: Parameters, segments: Iterable[Vector], seed: bytes) -> None:
        p = parameters
        self._parameters = p
        self.width = 1 << p.hub_log_width
        flat = np.concatenate(list(segments))
        self.offsets = np.cumsum([0, *segment_lengths(relation, p)])[:4].tolist()
        self.rows = -(-len(flat) // self.width)
        self._bits = (self.rows - 1).bit_length()
        self.elements = np.zeros(((1 << self._bits) * self.width, 3), dtype=np.uint64)
        self.elements[: len(flat)] = flat
        tail = p.hub_queries
        hidden = random_base(seed, b"hub", 3 * ((self.rows + 1) * tail + self.width + 2 * (2 * self._bits + tail)))
        hidden = hidden.reshape(-1, 3)
        at = self.rows * tail
        tails = hidden[:at].reshape(self.rows, tail, 3)
        body = self.elements.reshape(-1, self.width, 3)[: self.rows]
        self._matrix = np.concatenate([body, tails], axis=1)
        self._mask = hidden[at : at + self.width + tail]
        at += self.width + tail
        self._pads = hidden[at : at + 2 * self._bits + tail]
        self._pad_mask = hidden[at + 2 * self._bits + tail :]
        self.tree = ColumnTree(self._encoded(), seed + b"hub")

    def _encoded(self) -> Vector:
        """Columns: the rows, the mask, the pads, the pads' mask, each element as three of F."""
        full = np.zeros((self.rows + 3, self.width + self._parameters.hub_queries, 3), dtype=np.uint64)
        full[: self.rows] = self._matrix
        full[self.rows] = self._mask
        full[self.rows + 1, : len(self._pads)] = self._pads
        full[self.rows + 2, : len(self._pad_mask)] = self._pad_mask
        flat = full.transpose(0, 2, 1).reshape(3 * (self.rows + 3), -1)
        return encode_rows(flat, self._parameters.hub_log_domain).T

    def open(self, messages: Messages, factors: Vector) -> None:
        """Send what shows that the hub's product with `factors` is what the verifier knows it has to be."""
        transcript, p = messages.transcript, self._parameters
        left, right = self.elements.reshape(-1, self.width, 3), factors.reshape(-1, self.width, 3)
        point: list[K] = []
        sent: list[list[K]] = []
        for i in range(self._bits):
            low, step = halves(left)
            low2, step2 = halves(right)
            ends = [(low, low2), (add(low, double(step)), add(low2, double(step2)))]
            values = [column_sum(mul(x, y).reshape(-1, 3)) for x, y in ends]
            padded = [to_k(add(v, self._pads[2 * i + k])) for k, v in enumerate(values)]
            messages.say(Tag.HUB_ROUND, padded)
            r = transcript.challenge()
            left = add(low, mul(step, broadcast(r)))
            right = add(low2, mul(step2, broadcast(r)))
            point.append(r)
            sent.append(padded)
        pad_factors = fold_messages(sent, point, 2).pads
        # the mask's share
        sigma = column_sum(mul(self._mask[: self.width], right[0]))
        if pad_factors:
            hidden = mul(self._pad_mask[: len(pad_factors)], np.array(pad_factors, dtype=np.uint64))
            sigma = sub(sigma, column_sum(hidden))
        messages.say(Tag.HUB_MASK, [to_k(sigma)])
        e = broadcast(transcript.challenge())
        weights = np.array(eq_table(point)[: self.rows], dtype=np.uint64)
        folded = column_sum(mul(self._matrix, weights[:, None, :]))
        row = add(self._mask, mul(folded, e))
        pads = add(self._pad_mask, mul(self._pads, e))
        messages.say(Tag.HUB_ROW, [to_k(v) for v in np.concatenate([row, pads])])
        messages.grind(p.grinding)
        messages.parts.append(self.tree.open(transcript.positions(p.hub_queries, p.hub_log_domain)))
