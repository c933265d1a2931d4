"""Proofs tell nothing: they look like those of a simulator that has no witness, word by word, whatever the challenges.

Every test of that is shown to catch a prover that reuses what hides. Seeds are fixed, so that results are too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from scipy.stats import chi2, kstest

from concordat.primitives.errors import VerificationError
from concordat.testing.anatomy import anatomy
from concordat.testing.proofs import Layer, layer, prove_layer, secret
from concordat.testing.simulator import checked_with, programmed, simulate
from concordat.zk import prover
from concordat.zk.field import P
from concordat.zk.prover import hub, message, native
from concordat.zk.prover.code import encode_rows
from concordat.zk.prover.commit import commit_input, commit_weights
from concordat.zk.prover.prove import prove
from concordat.zk.prover.vector import random_base
from concordat.zk.statement import InputCommitment, Statement
from concordat.zk.verifier import verify

PROVING = import_module("concordat.zk.prover.prove")
LEAKS = {
    "constraint values": (b"masks",),
    "product claim": (b"pads",),
    "witness column": (b"witness tails",),
    "inverse column": (b"inverse tails", b"inverse masks"),
    "hub row": (b"hub",),
}
"""Secrets of the prover by the region that shows it if they hide nothing."""
LEAST = 1e-7
"""p-value below which a distribution is not what it should be; some hundred are asked for."""
Proven = tuple[Statement, bytes]


def made(seed: int) -> Layer:
    return layer(batch=1, private_weights=False, private_input=True, seed=seed)


def one_shape() -> tuple[Layer, Layer]:
    """Two witnesses: the same relation, other weights, inputs and outputs."""
    first, second = made(1), made(2)
    assert first.relation == second.relation
    assert first.parameters == second.parameters
    return first, second


def shape() -> Statement:
    taken = InputCommitment(root=bytes(32), outside=(1, 2, 3))
    return made(1).statement(None, taken)


def words(proofs: Iterable[Proven]) -> dict[str, list[int]]:
    """Elements of the field by the name of their region, of all proofs."""
    found: dict[str, list[int]] = {}
    for statement, proof in proofs:
        for region in anatomy(statement, proof):
            name, data = region.name, proof[region.start : region.end]
            if name.endswith(("column", "round", "claim", "values", "mask", "row", "pads")):
                numbers = [int.from_bytes(data[i : i + 8], "big") for i in range(0, len(data), 8)]
                found.setdefault(name, []).extend(numbers)
    return found


def octets(proofs: Iterable[Proven]) -> dict[str, bytes]:
    """Salts, digests and roots, of all proofs."""
    found: dict[str, bytes] = {}
    for statement, proof in proofs:
        for region in anatomy(statement, proof):
            if region.name.endswith(("salt", "siblings", "root")):
                found[region.name] = found.get(region.name, b"") + proof[region.start : region.end]
    return found


def even(counts: Sequence[int]) -> float:
    """p-value of counts that should be equal, or have nothing to say."""
    expected = sum(counts) / len(counts)
    return float(chi2.sf(sum((c - expected) ** 2 / expected for c in counts), len(counts) - 1)) if expected else 1.0


def same(first: Sequence[int], second: Sequence[int]) -> float:
    """p-value of two histograms of one distribution."""
    both = [(a, b, a + b) for a, b in zip(first, second, strict=True) if a + b]
    share = sum(first) / (sum(first) + sum(second))
    statistic = sum((a - share * c) ** 2 / (share * (1 - share) * c) for a, b, c in both)
    return float(chi2.sf(statistic, len(both) - 1))


def histogram(numbers: Sequence[int]) -> list[int]:
    counts: list[int] = np.bincount(np.array(numbers, dtype=np.uint64) >> np.uint64(60), minlength=16).tolist()
    return counts


def proofs_of(witness: Layer, count: int) -> list[Proven]:
    return [prove_layer(witness, f"proof {number}") for number in range(count)]


def simulated(count: int) -> list[Proven]:
    """Each with challenges of its own."""
    out, template = [], shape()
    for number in range(count):
        oracle = programmed(b"oracle %d" % number)
        statement, proof = simulate(template, secret(f"simulated {number}"), oracle)
        with checked_with(oracle):
            verify(statement, proof)
        out.append((statement, proof))
    return out


def test_simulated_proofs_are_accepted_by_those_who_let_the_simulator_choose() -> None:
    (statement, proof), *_ = simulated(1)
    with pytest.raises(VerificationError):
        verify(statement, proof)


def test_words_of_proofs_of_two_witnesses_have_one_distribution_which_is_even() -> None:
    """Some hundred proofs by the compiled prover, each with its own challenges."""
    many = 150 if native.available() else 8
    first, second = (proofs_of(witness, many) for witness in one_shape())
    sets = [words(first), words(second)]
    bare = [octets(first), octets(second)]
    for name in sets[0]:
        histograms = [histogram(found[name]) for found in sets]
        assert all(even(counts) > LEAST for counts in histograms), name
        assert same(*histograms) > LEAST, name
    for name in bare[0]:
        counts = [np.bincount(np.frombuffer(found[name], dtype=np.uint8), minlength=256).tolist() for found in bare]
        assert all(even(c) > LEAST for c in counts), name
        assert same(*counts) > LEAST, name
    times = Counter(n for found in sets for numbers in found.values() for n in numbers)
    assert max(times.values()) == 1, "a random word came twice"


# -- for any challenges ----------------------------------------------------------------------------------------------


@contextmanager
def answered(oracle: Any) -> Any:
    """Prover, verifier and anatomy draw from one programmed oracle."""
    with (
        patch.object(message, "Transcript", oracle),
        patch.object(import_module("concordat.testing.anatomy"), "Transcript", oracle),
        checked_with(oracle),
    ):
        yield


def plain_proofs(witness: Layer, count: int) -> list[Proven]:
    """By the plain prover, which can be told what it draws."""
    out = []
    for number in range(count):
        taken = commit_input(witness.parameters, witness.inputs, secret(f"input {number}"))
        statement = witness.statement(None, taken.commitment)
        out.append((statement, prove(statement, witness.witness, seed=secret(f"plain {number}"), taken=taken)))
    return out


def repeats(proofs: Sequence[Proven]) -> dict[str, int]:
    """Words that come back in another proof at the same place, by region."""
    found: dict[str, int] = {}
    for name in words(proofs[:1]):
        rows = [words([proof])[name] for proof in proofs]
        found[name] = sum(len(set(place)) < len(place) for place in zip(*rows, strict=True))
    return found


def test_words_of_proofs_under_the_same_challenges_do_not_depend_on_the_witness() -> None:
    """Every place by itself, for one choice of all challenges: what an unmasked message could not stand."""
    oracle, many = programmed(b"fixed"), 8
    with answered(oracle):
        groups = [plain_proofs(witness, many) for witness in one_shape()]
        groups.append([simulate(shape(), secret(f"fixed {n}"), oracle) for n in range(many)])
        for group in groups:
            verify(*group[0])
            assert not any(repeats(group).values())
        by_set = [[words([proof]) for proof in group] for group in groups]
    for name in by_set[0][0]:
        tables = [np.array([found[name] for found in group], dtype=np.float64) / P for group in by_set]
        assert tables[0].shape == tables[1].shape == tables[2].shape
        for table in tables:
            assert kstest(table.ravel(), "uniform").pvalue > LEAST, name
            places = [kstest(column, "uniform").pvalue for column in table.T[:60]]
            assert min(places) > LEAST, name
        histograms = [histogram([n for found in group for n in found[name]]) for group in by_set]
        assert all(same(histograms[i], histograms[j]) > LEAST for i, j in ((0, 1), (0, 2), (1, 2))), name


@pytest.mark.parametrize("region", LEAKS)
@pytest.mark.parametrize("how", ["reused", "zero"])
def test_proofs_when_anything_that_hides_is_reused_or_left_out_are_told_apart(region: str, how: str) -> None:
    """The control: what the test above would say of a prover with a leak."""

    def leaking(seed: bytes, asked: bytes, count: int) -> Any:
        leaks = asked in LEAKS[region]
        numbers = random_base(b"the same" if leaks else seed, asked, count)
        return numbers * np.uint64(0) if leaks and how == "zero" else numbers

    with ExitStack() as stack:
        stack.enter_context(answered(programmed(b"fixed")))
        for module in (PROVING, hub):
            stack.enter_context(patch.object(module, "random_base", leaking))
        found = plain_proofs(made(1), 2)
        verify(*found[0])
        assert repeats(found)[region] > 0


# -- seeds and commitments -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("twin", [prove, prover.prove])
def test_seed_used_for_two_orders_gives_proofs_that_share_nothing(twin: Any) -> None:
    """The interface cannot know that a seed was used before; it derives from it and the statement instead."""
    witness = layer(batch=1, private_weights=False, private_input=False)
    proofs = []
    for order in (b"\x01" * 32, b"\x02" * 32):
        statement = _for_order(witness, order)
        proofs.append((statement, twin(statement, witness.witness, seed=secret("used twice"))))
    first, second = ({n for numbers in words([p]).values() for n in numbers} for p in proofs)
    assert not first & second
    salts = [octets([proof])["witness salt"] for proof in proofs]
    assert not {salts[0][i : i + 16] for i in range(0, 480, 16)} & {salts[1][i : i + 16] for i in range(0, 480, 16)}


def _for_order(witness: Layer, order: bytes) -> Statement:
    statement = witness.statement()
    return Statement(
        **{name: getattr(statement, name) for name in Statement.__slots__ if name != "order"},
        order=order,
    )


def test_equal_inputs_under_different_seeds_have_unrelated_commitments() -> None:
    """One bit of input: a commitment does not tell which, and trying both under any other seed finds neither."""
    parameters = made(1).parameters
    inputs = [np.array([bit] * 5) for bit in (0, 1)]
    seen = [commit_input(parameters, bits, secret(f"low {n}")).commitment for bits in inputs for n in range(20)]
    assert len({c.root for c in seen}) == len({c.outside for c in seen}) == 40
    tried = (commit_input(parameters, bits, secret(f"guess {n}")) for bits in inputs for n in range(20))
    assert not {guess.commitment.root for guess in tried} & {c.root for c in seen}
    outsides = [n for c in seen for n in c.outside]
    assert even(np.bincount([n * 4 // P for n in outsides], minlength=4).tolist()) > LEAST


def test_attack_pooled_openings_tell_weights_only_past_the_tail() -> None:
    """As many columns as the tail is long fit any weights at all; each one more is an equation about them."""
    witness = layer(batch=1)
    p = replace(witness.parameters, weight_tail=60, weight_log_domain=10)
    held = commit_weights(witness.relation, p, witness.weights, secret("pooled"))
    width, row = witness.relation.weight_width, held.coefficients[:1]
    code = [int(n) for n in encode_rows(row, p.weight_log_domain)[0]]
    generator = pow(7, (P - 1) >> p.weight_log_domain, P)
    few = 20
    points = [pow(generator, 3 * j + 1, P) for j in range(p.weight_tail + few)]
    values = [code[3 * j + 1] for j in range(p.weight_tail + few)]
    true, other = [int(n) for n in row[0][:width]], [0] * width
    for message_, fits in ((true, True), (other, False)):
        rest = [(v - _value(message_, x)) * pow(x, -width, P) % P for v, x in zip(values, points, strict=True)]
        # through any `weight_tail` points goes a tail; does it go on through the others?
        tail = _differences(points[: p.weight_tail], rest[: p.weight_tail])
        further = [_newton(points, tail, x) == r for x, r in zip(points[-few:], rest[-few:], strict=True)]
        assert all(further) if fits else not any(further)


def _value(message_: list[int], x: int) -> int:
    total = 0
    for coefficient in reversed(message_):
        total = (total * x + coefficient) % P
    return total


def _differences(points: list[int], values: list[int]) -> list[int]:
    """Divided differences: a polynomial of lower degree than there are points, through all of them."""
    out = np.array(values, dtype=object)
    at = np.array(points, dtype=object)
    for level in range(1, len(points)):
        steps = [pow(int(d), -1, P) for d in (at[level:] - at[:-level]) % P]
        out[level:] = (out[level:] - out[level - 1 : -1]) * np.array(steps, dtype=object) % P
    return [int(n) for n in out]


def _newton(points: list[int], differences: list[int], x: int) -> int:
    total = 0
    for point, difference in zip(reversed(points[: len(differences)]), reversed(differences), strict=True):
        total = (total * (x - point) + difference) % P
    return total
