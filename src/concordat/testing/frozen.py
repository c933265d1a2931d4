"""Challenges that do not listen: what a prover could do who knew them beforehand.

With a frozen transcript every challenge is known before the first message. Forgeries that use this have to succeed
under it, which shows that tests of them have teeth, and to fail under the real one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from unittest.mock import patch

from concordat.zk.field import ONE, K, P, add, inverse, mul, scale
from concordat.zk.parameters import Parameters, segment_lengths
from concordat.zk.prover import message
from concordat.zk.relation import Relation
from concordat.zk.transcript import Transcript
from concordat.zk.verifier.sumcheck import lagrange

__all__ = ["Edit", "Frozen", "Known", "carry", "combination", "edited", "frozen", "known", "settle"]

Edit = Callable[[list[K]], list[K]]
"""From the honest elements of a message to others."""
_PROVING = import_module("concordat.zk.prover.prove")
_CHECKING = import_module("concordat.zk.verifier.verify")


class Frozen(Transcript):
    """Draws the same whatever is said."""

    def absorb(self, tag: int, data: bytes) -> None:
        """Nothing is taken in."""


@contextmanager
def frozen() -> Iterator[None]:
    """Both the plain prover and the plain verifier draw from a frozen transcript."""
    with patch.object(message, "Transcript", Frozen), patch.object(_CHECKING, "Transcript", Frozen):
        yield


@contextmanager
def edited(edits: Mapping[tuple[int, int], Edit]) -> Iterator[None]:
    """The plain prover sends, and goes on from, other messages: edits by tag and number among those of the tag."""

    class Forger(message.Messages):
        """Says something else."""

        def __init__(self) -> None:
            super().__init__()
            self.said: dict[int, int] = {}

        def say(self, tag: int, values: Sequence[K]) -> None:
            number = self.said.get(tag, 0)
            self.said[tag] = number + 1
            edit = edits.get((int(tag), number))
            super().say(tag, values if edit is None else edit(list(values)))

    with patch.object(_PROVING, "Messages", Forger):
        yield


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """All that a frozen transcript draws, of a statement with public weights and a public input."""

    keys: list[K]
    """alpha and beta."""
    batching: list[K]
    """theta, tau, eta, zeta and xi."""
    products: list[K]
    """Point of the product sumcheck."""
    lambdas: list[K]
    """Factors of the claims that it leaves."""
    rows: list[K]
    """Point of the constraint sumcheck."""
    balance: K
    """Factor of the product sumcheck's end."""
    hub: list[K]
    """Point of the hub's sumcheck."""
    mask: K
    """Factor of the folded row of the hub."""
    opened: list[int]
    """Columns of the hub that are opened."""


def known(relation: Relation, p: Parameters) -> Known:
    """What is drawn; the least nonce does each piece of work."""
    transcript = Frozen()
    keys, batching = transcript.challenges(2), transcript.challenges(5)
    products, lambdas = transcript.challenges(relation.product_rounds), transcript.challenges(4)
    rows = transcript.challenges(relation.log_rows)
    _, balance = transcript.challenges(2)
    settle(transcript, p.grinding)
    transcript.positions(p.queries, p.log_domain)
    transcript.challenge()
    height = -(-sum(segment_lengths(relation, p)) >> p.hub_log_width)
    hub = transcript.challenges((height - 1).bit_length())
    mask = transcript.challenge()
    settle(transcript, p.grinding)
    opened = sorted(set(transcript.positions(p.hub_queries, p.hub_log_domain)))
    return Known(
        keys=keys,
        batching=batching,
        products=products,
        lambdas=lambdas,
        rows=rows,
        balance=balance,
        hub=hub,
        mask=mask,
        opened=opened,
    )


def settle(transcript: Transcript, bits: int) -> bytes:
    """Do the work with the least nonce, which is given as a proof holds it."""
    state, nonce = transcript.state, 0
    while not transcript.grinds(nonce, bits):
        transcript.state, nonce = state, nonce + 1
    return nonce.to_bytes(8, "big")


def carry(point: Sequence[K], degree: int) -> K:
    """What a sumcheck makes of an error in its first claim."""
    product = ONE
    for r in point:
        product = mul(product, lagrange(r, degree)[1])
    return product


def combination(factors: Sequence[K], wanted: K) -> list[int]:
    """Numbers of F, the first of which is 1 if there are more than three, so that ``Σ factors * numbers = wanted``."""
    free = factors[:-3]
    for factor in free:
        wanted = add(wanted, scale(factor, P - 1))
    rows = [[f[i] for f in factors[-3:]] + [wanted[i]] for i in range(3)]
    for i in range(3):
        pivot = next(r for r in range(i, 3) if rows[r][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        unit = inverse((rows[i][i], 0, 0))[0]
        rows[i] = [x * unit % P for x in rows[i]]
        for r in range(3):
            if r != i:
                rows[r] = [(x - rows[r][i] * y) % P for x, y in zip(rows[r], rows[i], strict=True)]
    return [1] * len(free) + [row[3] for row in rows]
