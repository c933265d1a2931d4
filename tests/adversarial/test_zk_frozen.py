"""Forgeries by a prover who knows the challenges of one phase: accepted with frozen challenges, refused without.

The first half shows that the test has teeth: these are the very forgeries that Fiat-Shamir is there to stop.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from concordat.primitives.errors import VerificationError
from concordat.testing.frozen import Edit, Known, carry, combination, edited, frozen, known
from concordat.testing.proofs import Layer, layer, secret
from concordat.testing.relations import violations
from concordat.zk.challenges import KeyChallenges, Tag, family_offsets
from concordat.zk.field import ONE, ZERO, K, P, add, embed, inverse, mul, neg, power, root_of_unity, scale, sub
from concordat.zk.prover.prove import prove
from concordat.zk.prover.vector import Vector, from_ints
from concordat.zk.relation import TermKind
from concordat.zk.verifier import hub as opening
from concordat.zk.verifier import verify
from concordat.zk.verifier.sumcheck import lagrange

MADE = layer(batch=1, private_weights=False, private_input=False)
RELATION = MADE.relation
KNOWN: Known = known(RELATION, MADE.parameters)
OFFSETS = family_offsets(RELATION)


@dataclass(frozen=True, kw_only=True)
class Forgery:
    """A false statement, cells for it, and messages that a knowing prover changes."""

    made: Layer = MADE
    edits: dict[tuple[int, int], Edit] = field(default_factory=dict)
    inverses: Callable[[Vector], Vector] | None = None

    def accepted(self, challenges: Any) -> bool:
        """Whether the proof is believed where both sides draw from a frozen or a real transcript."""
        statement = self.made.statement()
        module = sys.modules["concordat.zk.prover.prove"]
        honest = module.inverse_column
        with ExitStack() as stack:
            stack.enter_context(challenges)
            stack.enter_context(edited(self.edits))
            stack.enter_context(patch.object(module, "proof_secret", lambda _, seed: seed))
            if self.inverses is not None:
                change = self.inverses
                stack.enter_context(patch.object(module, "inverse_column", lambda *given: change(honest(*given))))
            try:
                verify(statement, prove(statement, self.made.witness, seed=secret("forger")))
            except VerificationError:
                return False
        return True

    @property
    def false(self) -> bool:
        """Whether the statement or its cells are wrong."""
        made = self.made
        columns = (from_ints(made.a), from_ints(made.b))
        return bool(list(violations(made.relation, columns, made.weights, (made.public,))))


def shifted(values: list[K], at: int, by: K) -> list[K]:
    """One value plus something."""
    return [add(v, by) if k == at else v for k, v in enumerate(values)]


def publics_with_error(error: K) -> Layer:
    """Other public numbers, whose sum in the batched constraint is off by `error`."""
    theta, count = KNOWN.batching[0], len(MADE.public)
    factors = [neg(power(theta, OFFSETS[-1] + e)) for e in range(count)]
    changes = combination(factors, error)
    numbers = [(n + d) % P for n, d in zip(MADE.public, changes, strict=True)]
    return replace(MADE, public=tuple(n - P if 2 * n > P else n for n in numbers))


def simple_error() -> tuple[Layer, K]:
    """One public number too high, and what that does to the batched constraint."""
    made = replace(MADE, public=(MADE.public[0] + 1, *MADE.public[1:]))
    return made, neg(power(KNOWN.batching[0], OFFSETS[-1]))


def other_quotient(change: int) -> Layer:
    """Element 0 rounded to another quotient, with the remainder that balances it if the change is negative.

    The rest of the cells and the public number follow.
    """
    looked, absolutes = (look.start for look in RELATION.lookups[:2])
    pair = next(t.start for f in RELATION.families for t in f.terms if t.kind is TermKind.PRODUCT)
    a, b, counts = MADE.a.copy(), MADE.b.copy(), {t.number: t.start for t in RELATION.tables}
    old, rest = int(b[looked]), int(a[looked])
    new, kept = old + change, rest - 16 * change if change < 0 else rest
    a[looked], b[looked], a[absolutes], b[absolutes] = kept, new, new - 128, abs(new - 128)
    a[pair], b[pair] = new - 128, kept
    product = next(t for t in RELATION.families[-1].terms if t.kind is TermKind.CELLS).start
    a[product] = (new - 128) * kept
    for table in (8, 64):
        a[counts[table] + old] -= 1
        a[counts[table] + new] += 1
    if kept != rest:
        a[counts[4] + rest] -= 1
    return replace(MADE, a=a, b=b, public=(int(a[product]), *MADE.public[1:]))


def alpha_known() -> Forgery:
    """A remainder out of its table, paid for with multiplicities that fit this alpha only."""
    alpha, beta = KNOWN.keys
    made = other_quotient(-1)
    base = sub(alpha, scale(beta, 4))
    start = next(t.start for t in RELATION.tables if t.number == 4)
    stray = inverse(sub(base, embed(int(made.a[RELATION.lookups[0].start]))))
    counts = combination([inverse(sub(base, embed(j))) for j in range(3)], stray)
    a = np.array(made.a)
    for j, count in enumerate(counts):
        a[start + j] += count - P if 2 * count > P else count
    return Forgery(made=replace(made, a=a))


def tau_known() -> Forgery:
    """A remainder out of its table, paid for with a wrong inverse in another row."""
    alpha, beta = KNOWN.keys
    _, tau, eta, _, _ = KNOWN.batching
    made, row = other_quotient(-1), RELATION.lookups[0].start + 1
    u = sub(sub(alpha, scale(beta, 4)), embed(int(made.a[row])))
    v = sub(sub(alpha, scale(beta, 8)), embed(int(made.b[row])))
    lacking = inverse(sub(sub(alpha, scale(beta, 4)), embed(int(made.a[row - 1]))))
    factor = add(mul(power(tau, row), mul(u, v)), eta)
    change = np.array(neg(mul(mul(eta, lacking), inverse(factor))), dtype=np.uint64)

    def wrong(h: Vector) -> Vector:
        h[row] = [(int(x) + int(y)) % P for x, y in zip(h[row], change, strict=True)]
        return h

    return Forgery(made=made, inverses=wrong)


def theta_known() -> Forgery:
    """Public numbers whose errors cancel for this theta."""
    return Forgery(made=publics_with_error(ZERO))


def product_point_known() -> Forgery:
    """A quotient one too high, paid for by the sum of all products; the first message hides the difference."""
    off = scale(power(KNOWN.batching[0], OFFSETS[0]), 16)
    return Forgery(
        made=other_quotient(1),
        edits={
            (Tag.PRODUCT_CLAIM, 0): lambda values: shifted(values, 0, off),
            (Tag.PRODUCT_ROUND, 0): lambda values: shifted(values, 1, hidden(KNOWN.products[0], 2, off)),
        },
    )


def hidden(r: K, degree: int, off: K) -> K:
    """Change of the value at 2 that makes a polynomial with a claim too high by `off` right at `r`."""
    lag = lagrange(r, degree)
    return neg(mul(mul(lag[1], off), inverse(lag[2])))


def lambda_known() -> Forgery:
    """Two claims about the cells that are both wrong and add up."""
    first, second, *_ = KNOWN.lambdas
    slip, other = ONE, neg(mul(first, inverse(second)))
    shown: list[K] = []

    def look(values: list[K]) -> list[K]:
        shown[:] = values
        return values

    assert Forgery(edits={(Tag.PRODUCT_VALUES, 0): look}).accepted(frozen())
    f, x = shown
    gained = sub(mul(add(f, slip), add(x, other)), mul(f, x))
    claim = mul(gained, inverse(carry(KNOWN.products, 2)))
    return Forgery(
        made=publics_with_error(neg(claim)),
        edits={
            (Tag.PRODUCT_CLAIM, 0): lambda values: shifted(values, 0, claim),
            (Tag.PRODUCT_VALUES, 0): lambda values: [add(values[0], slip), add(values[1], other)],
        },
    )


def constraint_point_known() -> Forgery:
    """A public number too high; the first message of the constraint sumcheck hides it."""
    made, error = simple_error()
    slip = hidden(KNOWN.rows[0], 4, neg(error))
    return Forgery(made=made, edits={(Tag.CONSTRAINT_ROUND, 0): lambda values: shifted(values, 1, slip)})


def balance_known() -> Forgery:
    """A public number too high, set off against a wrong sum of all products."""
    made, error = simple_error()
    first, second = carry(KNOWN.rows, 4), mul(KNOWN.balance, carry(KNOWN.products, 2))
    claim = mul(mul(first, error), inverse(sub(second, first)))
    return Forgery(made=made, edits={(Tag.PRODUCT_CLAIM, 0): lambda values: shifted(values, 0, claim)})


def hub_error(error: K) -> K:
    """What an error of the batched constraint is in the last equation."""
    return mul(mul(KNOWN.mask, carry(KNOWN.hub, 2)), mul(carry(KNOWN.rows, 4), error))


def hub_point_known() -> Forgery:
    """A public number too high; the first message over the hub's rows hides it."""
    made, error = simple_error()
    slip = hidden(KNOWN.hub[0], 2, mul(carry(KNOWN.rows, 4), error))
    return Forgery(made=made, edits={(Tag.HUB_ROUND, 0): lambda values: shifted(values, 1, slip)})


def mask_known() -> Forgery:
    """A public number too high; the share of the masks takes it up."""
    made, error = simple_error()
    return Forgery(made=made, edits={(Tag.HUB_MASK, 0): lambda values: shifted(values, 0, neg(hub_error(error)))})


def positions_known() -> Forgery:
    """A public number too high; the shown row is wrong everywhere but in the columns that are looked at."""
    made, error = simple_error()
    generator = root_of_unity(MADE.parameters.hub_log_domain)
    vanishing = [1]
    for position in KNOWN.opened:
        point = pow(generator, position, P)
        vanishing = [(x - point * y) % P for x, y in zip([0, *vanishing], [*vanishing, 0], strict=True)]

    def added(factor: K) -> Edit:
        return lambda values: (
            [add(v, scale(factor, z)) for v, z in zip(values, vanishing, strict=False)] + values[len(vanishing) :]
        )

    seen: list[K] = []
    with patch.object(opening, "sub", lambda x, y: seen.append(sub(x, y)) or seen[-1]):  # type: ignore[func-returns-value]
        for factor in (ZERO, ONE):
            Forgery(edits={(Tag.HUB_ROW, 0): added(factor)}).accepted(frozen())
    wanted = mul(hub_error(error), inverse(sub(seen[1], seen[0])))
    return Forgery(made=made, edits={(Tag.HUB_ROW, 0): added(wanted)})


PHASES = {
    "alpha": alpha_known,
    "tau and eta": tau_known,
    "theta": theta_known,
    "product point": product_point_known,
    "lambda": lambda_known,
    "constraint point": constraint_point_known,
    "balance": balance_known,
    "hub point": hub_point_known,
    "mask": mask_known,
    "positions": positions_known,
}


def test_honest_prover_is_believed_with_frozen_challenges_and_with_real_ones() -> None:
    assert not Forgery().false
    assert Forgery().accepted(frozen())
    assert Forgery().accepted(ExitStack())


@pytest.mark.parametrize("phase", PHASES)
def test_attack_with_challenges_known_beforehand_succeeds_only_where_they_are_frozen(phase: str) -> None:
    forgery = PHASES[phase]()
    assert forgery.false
    assert forgery.accepted(frozen()), "the test has no teeth"
    assert not forgery.accepted(ExitStack())


def test_attack_challenge_that_makes_a_denominator_zero_is_refused() -> None:
    """Alpha equal to a key of a table would make its inverse free; honest transcripts never meet it."""
    statement = MADE.statement()
    proof = prove(statement, MADE.witness, seed=secret("forger"))
    beta = KNOWN.keys[1]
    struck = KeyChallenges(add(scale(beta, 4), embed(3)), beta)
    with patch.object(KeyChallenges, "draw", lambda _: struck), pytest.raises(VerificationError, match="denominator"):
        verify(statement, proof)
