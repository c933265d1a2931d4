"""Field, transcript and the closed sums of the proof system against their definitions."""

from __future__ import annotations

from hashlib import sha256
from random import Random

import numpy as np
import pytest

from concordat.primitives.errors import VerificationError
from concordat.zk import field
from concordat.zk.challenges import geometric
from concordat.zk.multilinear import EqSums, eq_form, eq_index, eq_table, expand, form_sum, power_form, times_form
from concordat.zk.prover import vector
from concordat.zk.transcript import Transcript
from concordat.zk.verifier.sumcheck import fold_messages, lagrange

P = field.P
EDGES = [0, 1, 2, P - 1, P - 2, 2**32 - 1, 2**32, 2**63, 2**64 - 2**32]


def elements(seed: int, count: int) -> list[field.K]:
    dice = Random(seed)
    return [(dice.randrange(P), dice.randrange(P), dice.randrange(P)) for _ in range(count)]


def polynomial_product(a: field.K, b: field.K) -> field.K:
    """Schoolbook, then x**3 = 2 and x**4 = 2x."""
    c = [0] * 5
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            c[i + j] += x * y
    return ((c[0] + 2 * c[3]) % P, (c[1] + 2 * c[4]) % P, c[2] % P)


def test_two_when_tested_is_no_cube_so_that_the_extension_is_a_field() -> None:
    assert pow(2, (P - 1) // 3, P) != 1


def test_products_when_computed_are_those_of_polynomials_modulo_the_cubic() -> None:
    numbers = [*elements(1, 60), *((x, y, 0) for x in EDGES for y in EDGES)]
    for a, b in zip(numbers, reversed(numbers), strict=True):
        assert field.mul(a, b) == polynomial_product(a, b)


def test_inverses_when_multiplied_give_one() -> None:
    numbers = elements(2, 40)
    assert all(field.mul(a, field.inverse(a)) == field.ONE for a in numbers)
    assert field.batch_inverse(numbers) == [field.inverse(a) for a in numbers]


def test_inverse_of_zero_is_refused() -> None:
    with pytest.raises(VerificationError):
        field.inverse(field.ZERO)


def test_numbers_of_a_proof_when_not_canonical_are_refused() -> None:
    assert field.read_base((P - 1).to_bytes(8, "big")) == [P - 1]
    with pytest.raises(VerificationError, match="canonical"):
        field.read_base(P.to_bytes(8, "big"))


def test_numpy_twin_of_the_field_computes_the_same() -> None:
    a = np.array([x for x in EDGES for _ in EDGES], dtype=np.uint64)
    b = np.array([y for _ in EDGES for y in EDGES], dtype=np.uint64)
    pairs = list(zip(a.tolist(), b.tolist(), strict=True))
    assert vector.base_mul(a, b).tolist() == [x * y % P for x, y in pairs]
    assert vector.base_add(a, b).tolist() == [(x + y) % P for x, y in pairs]
    assert vector.base_sub(a, b).tolist() == [(x - y) % P for x, y in pairs]
    k, m = elements(3, 30), elements(4, 30)
    product = vector.mul(np.array(k, dtype=np.uint64), np.array(m, dtype=np.uint64))
    assert [vector.to_k(v) for v in product] == [field.mul(x, y) for x, y in zip(k, m, strict=True)]


@pytest.mark.parametrize(("start", "count"), [(0, 32), (0, 1), (5, 11), (7, 25), (31, 1), (16, 16), (3, 0)])
def test_run_sums_equal_the_sums_they_stand_for(start: int, count: int) -> None:
    *point, base = elements(5, 6)
    sums = EqSums(point, base)
    naive = field.total(field.mul(field.power(base, e), eq_index(point, start + e)) for e in range(count))
    assert sums.run(start, count) == naive
    shifted = field.total(field.mul(field.power(base, i), eq_index(point, i)) for i in range(start, start + count))
    assert sums.between(start, start + count) == shifted


def test_bit_forms_when_expanded_are_their_products() -> None:
    *point, base = elements(6, 5)
    assert expand(eq_form(point)) == eq_table(point) == [eq_index(point, i) for i in range(16)]
    assert expand(power_form(base, 4)) == field.powers(base, 16)
    both = times_form(eq_form(point), power_form(base, 4))
    for count in (0, 1, 5, 15, 16):
        assert form_sum(both, count) == field.total(expand(both)[:count])


@pytest.mark.parametrize("count", [0, 1, 2, 7, 64, 100])
def test_geometric_sums_equal_the_sums_of_powers(count: int) -> None:
    base = elements(7, 1)[0]
    assert geometric(base, count) == field.total(field.powers(base, count))


@pytest.mark.parametrize("degree", [2, 4])
def test_lagrange_polynomials_interpolate_every_polynomial_of_their_degree(degree: int) -> None:
    coefficients, r = elements(8, degree + 1), elements(9, 1)[0]

    def value(x: field.K) -> field.K:
        return field.total(field.mul(c, field.power(x, i)) for i, c in enumerate(coefficients))

    nodes = [value(field.embed(j)) for j in range(degree + 1)]
    assert field.total(field.mul(n, w) for n, w in zip(nodes, lagrange(r, degree), strict=True)) == value(r)


def test_folded_messages_are_the_affine_form_that_running_claims_give() -> None:
    claim, *rest = elements(10, 1 + 3 * 4 + 3 * 4 + 3)
    messages, pads, point = [rest[4 * i : 4 * i + 4] for i in range(3)], rest[12:24], rest[24:27]
    running = claim
    for i, (message, r) in enumerate(zip(messages, point, strict=True)):
        true = [field.sub(m, pads[4 * i + k]) for k, m in enumerate(message)]
        nodes = [true[0], field.sub(running, true[0]), *true[1:]]
        running = field.total(field.mul(n, w) for n, w in zip(nodes, lagrange(r, 4), strict=True))
    folded = fold_messages(messages, point, 4)
    hidden = field.total(field.mul(f, p) for f, p in zip(folded.pads, pads, strict=True))
    assert field.add(field.add(folded.constant, field.mul(folded.carry, claim)), hidden) == running


def test_transcript_when_anything_before_differs_draws_something_else() -> None:
    def drawn(*absorbed: tuple[int, bytes]) -> field.K:
        transcript = Transcript()
        for tag, data in absorbed:
            transcript.absorb(tag, data)
        return transcript.challenge()

    histories = [(), ((0, b""),), ((1, b""),), ((0, b"ab"),), ((0, b"a"), (0, b"b")), ((0, b"a"), (1, b"b"))]
    assert len({drawn(*history) for history in histories}) == len(histories)


def test_transcript_when_followed_by_hand_is_a_chain_of_sha256() -> None:
    transcript = Transcript()
    state = sha256(b"concordat zero-knowledge inference 1").digest()
    transcript.absorb(3, b"abc")
    state = sha256(state + b"\x00\x03" + (3).to_bytes(8, "big") + b"abc").digest()
    assert transcript.state == state
    state = sha256(state + b"\x01").digest()
    assert transcript.challenge()[0] == int.from_bytes(state[:8], "big") % P
