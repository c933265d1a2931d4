"""Range proofs of committed weights: what a publisher gains without one, and that no weight out of range gets one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest

from concordat.graph.onnx import import_onnx
from concordat.primitives.errors import ModelError, VerificationError
from concordat.testing.credit import train_credit
from concordat.testing.inference import small_case
from concordat.testing.proofs import layer, secret
from concordat.testing.relations import violations
from concordat.testing.sequences import recurrent
from concordat.zk.circuit import compile_graph
from concordat.zk.circuit.blocks import Builder, Product, Weights
from concordat.zk.circuit.ranges import WeightRanges, check_ranges, compile_ranges, range_parameters, weight_bits
from concordat.zk.circuit.sums import cell_bounds, wrapping
from concordat.zk.field import P
from concordat.zk.parameters import Parameters, choose
from concordat.zk.prover import Witness, commit_weights, prove
from concordat.zk.relation import Relation, TermKind
from concordat.zk.statement import Statement, WeightCommitment
from concordat.zk.verification import verify as verify_fast
from concordat.zk.verifier import verify
from concordat.zk.verifier.registration import Registration

MADE = layer()
BITS = (4, 5, 8)
"""Of the three rows of the layer's matrix: tighter than its types, so that little is enough to leave them."""
FITTING = np.clip(MADE.weights, [[-8], [-16], [-128]], [[7], [15], [127]])


@dataclass(frozen=True, kw_only=True)
class Publisher:
    """Commits weights, and says how wide they are."""

    ranges: WeightRanges
    """What is said."""
    parameters: Parameters
    """Of the range proof."""

    def prove(self, weights: npt.NDArray[np.int64], witness: Witness | None = None) -> tuple[Statement, bytes]:
        """A range proof of weights, by honest cells or by others."""
        held = commit_weights(self.ranges.relation, self.parameters, weights, secret("weights"))
        statement = self.ranges.statement(
            held.commitment, self.parameters, chain_id=31337, contract=b"\x11" * 20, model=b"\x33" * 32, version=1
        )
        cells = witness or self.ranges.witness(weights)
        return statement, prove(statement, cells, seed=secret("proof"), weights=held)

    def gets(self, weights: npt.NDArray[np.int64], witness: Witness | None = None) -> bool:
        """Whether the proof verifies."""
        try:
            verify(*self.prove(weights, witness))
        except VerificationError:
            return False
        return True


@pytest.fixture(scope="module")
def publisher() -> Publisher:
    ranges = compile_ranges(MADE.relation, BITS)
    return Publisher(ranges=ranges, parameters=range_parameters(ranges, MADE.parameters))


def with_weight(row: int, column: int, value: int) -> npt.NDArray[np.int64]:
    changed = FITTING.copy()
    changed[row, column] = value
    return changed


def test_weights_at_both_ends_of_their_ranges_are_accepted(publisher: Publisher) -> None:
    weights = FITTING.copy()
    weights[:, 3], weights[:, 5] = (-8, -16, -128), (7, 15, 127)
    statement, proof = publisher.prove(weights)
    verify(statement, proof)
    verify_fast(statement, proof)
    cells = publisher.ranges.witness(weights)
    assert not list(violations(publisher.ranges.relation, (cells.a, cells.b), weights, ()))


@pytest.mark.parametrize(
    ("row", "column", "value"),
    [(0, 0, 8), (0, 15, -9), (1, 2, 16), (1, 2, -17), (2, 1, 128), (2, 9, 1 << 40), (0, 4, (P + 1) // 2)],
)
def test_one_weight_out_of_its_range_gets_no_proof(publisher: Publisher, row: int, column: int, value: int) -> None:
    """Unused places of the matrix among them."""
    assert not publisher.gets(with_weight(row, column, value))


def test_cells_that_say_another_weight_than_the_committed_one_are_refused(publisher: Publisher) -> None:
    assert not publisher.gets(with_weight(0, 0, 8), publisher.ranges.witness(with_weight(0, 0, 7)))


def test_limb_that_is_in_no_table_is_refused(publisher: Publisher) -> None:
    """A weight one too large, its limb as large as it must be, and a multiplicity that makes up for it."""
    weights = with_weight(1, 2, 16)
    cells, relation = publisher.ranges.witness(weights), publisher.ranges.relation
    columns = [cells.a.copy(), cells.b.copy()]
    honest = list(violations(relation, (cells.a, cells.b), weights, ()))
    assert honest
    copy = next(c for c in relation.copies if c.row <= 1 < c.row + -(-c.count // relation.weight_width))
    family = next(f for f in relation.families if (f.terms[0].column, f.terms[0].start) == (copy.column, copy.start))
    place = (1 - copy.row) * relation.weight_width + 2
    limb = family.terms[1]
    columns[limb.column][limb.start + place] = np.uint64(32)
    left = list(violations(relation, (columns[0], columns[1]), weights, ()))
    assert left
    assert all("table" in problem for problem in left)
    assert not publisher.gets(weights, Witness(a=columns[0], b=columns[1]))


def test_range_proof_of_other_widths_another_commitment_or_version_is_refused(publisher: Publisher) -> None:
    statement, proof = publisher.prove(FITTING)
    wider = compile_ranges(MADE.relation, (5, 5, 8)).relation
    other, _ = publisher.prove(with_weight(0, 0, 3))
    for changed in (
        replace(statement, relation=wider),
        replace(statement, weights=other.weights),
        replace(statement, version=2),
    ):
        with pytest.raises(VerificationError):
            verify(changed, proof)


def test_ranges_of_a_compiled_model_hold_for_the_commitment_that_its_proofs_use() -> None:
    case = small_case()
    relation, weights = case.statement.relation, case.circuit.weights
    bits = weight_bits(relation, weights)
    assert set(bits) <= {8, 16, 32}
    ranges = compile_ranges(relation, bits)
    parameters = range_parameters(ranges, case.statement.parameters)
    held = commit_weights(relation, case.statement.parameters, weights, secret("weights"))
    statement = ranges.statement(
        held.commitment, parameters, chain_id=31337, contract=b"\x11" * 20, model=b"\x33" * 32, version=1
    )
    verify(statement, prove(statement, ranges.witness(weights), seed=secret("proof"), weights=held))


@pytest.mark.parametrize("bits", [(), (8, 8), (8, 8, 0), (8, 8, 63)])
def test_ranges_that_do_not_fit_the_matrix_are_refused(bits: tuple[int, ...]) -> None:
    with pytest.raises(ModelError):
        compile_ranges(MADE.relation, bits)


def test_widths_of_weights_are_the_least_of_their_types() -> None:
    weights = MADE.weights.copy()
    assert weight_bits(MADE.relation, weights) == (8, 8, 8)
    weights[2, 3], weights[1, 0] = -(1 << 31), 128
    assert weight_bits(MADE.relation, weights) == (16, 16, 32)
    weights[2, 3] = (P + 1) // 2
    with pytest.raises(ModelError):
        weight_bits(MADE.relation, weights)


def test_range_proof_of_another_matrix_or_code_than_the_registered_one_is_refused(publisher: Publisher) -> None:
    statement, _ = publisher.prove(FITTING)
    assert isinstance(statement.weights, WeightCommitment)
    registered = Registration(
        relation=MADE.relation, parameters=MADE.parameters, commitment=statement.weights, proof=b""
    )
    check_ranges(statement, registered, BITS)
    longer = replace(MADE.parameters, weight_tail=MADE.parameters.weight_tail + 1)
    for other, bits in (
        (replace(registered, commitment=WeightCommitment(root=bytes(32))), BITS),
        (replace(registered, parameters=longer), BITS),
        (replace(registered, relation=replace(MADE.relation, slot_bits=2, group_bits=2)), BITS),
        (registered, (4, 4, 8)),
    ):
        with pytest.raises(VerificationError):
            check_ranges(statement, other, bits)


@pytest.mark.parametrize("kind", ["logistic", "network"])
def test_sums_of_a_credit_model_are_shown_not_to_wrap_around_by_its_widths(kind: str) -> None:
    example = train_credit(kind)
    circuit = compile_graph(import_onnx(example.onnx, calibration=example.training).graph)
    relation = circuit.relation
    assert wrapping(relation, weight_bits(relation, circuit.weights, range(1, 63))) == ()
    assert wrapping(relation, (62,) * relation.weight_rows) != ()


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_sums_of_a_recurrent_network_are_shown_not_to_wrap_around_by_its_widths(kind: str) -> None:
    """Its first state is sixteen bits wide and lies in a row of its own, not beside wide multipliers."""
    onnx = recurrent(kind, length=3, width=2, hidden=4, classes=2)
    rows = np.random.default_rng(4).uniform(-2, 2, size=(100, 6)).round(3).astype(np.float32)
    circuit = compile_graph(import_onnx(onnx, calibration=rows).graph)
    relation = circuit.relation
    assert wrapping(relation, weight_bits(relation, circuit.weights, range(1, 63))) == ()
    assert wrapping(relation, (62,) * relation.weight_rows) != ()


def test_sums_that_reach_the_order_of_the_field_are_told_apart_from_those_that_do_not() -> None:
    relation, _ = linear_model()
    for bits in (8, 16, 53, 54):  # two products with a byte: 2 * 255 * 2**53 is below P
        assert wrapping(relation, (bits,)) == ()
    (family,) = wrapping(relation, (57,))
    assert relation.families[family].terms[-1].kind is TermKind.MATMUL
    assert wrapping(MADE.relation, (8, 8, 8)) == ()


def test_bounds_of_cells_hold_for_the_cells_of_an_execution() -> None:
    case = small_case()
    relation = case.statement.relation
    low, high = cell_bounds(relation, weight_bits(relation, case.circuit.weights))
    for column, least, most in zip(case.columns, low, high, strict=True):
        signed = [int(n) - P if 2 * int(n) > P else int(n) for n in column]
        known = [(n, a, b) for n, a, b in zip(signed, least, most, strict=True) if b - a < P]
        assert len(known) > relation.lookup_rows
        assert all(a <= n <= b for n, a, b in known)


def linear_model() -> tuple[Relation, Builder]:
    """``w0*x0 + w1*x1``, all of it in eight bits, in public."""
    builder = Builder(8, 1)
    x = builder.cells(2, lambda run: run(0))
    builder.equal(x, builder.bits(2, 8, lambda run: run(0)))
    block = x.parts[0].block
    product = Product(rows=1, cols=1, inner=2, left=(block, np.array([[0, 1]])), right=Weights(np.array([[1, 1]])))
    number = builder.multiply(product)
    out = builder.cells(1, lambda run: run(1))
    builder.zero([(-1, out)], matmul=(1, number), cols=1)
    builder.equal(out, builder.bits(1, 8, lambda run: run(1)))
    builder.zero([(1, out)], public=(-1, 0))
    return builder.finish(slot_bits=4, group_bits=0, taken=block, publics=(1,)), builder


def test_weight_of_one_half_answers_for_even_numbers_until_a_range_proof_is_asked_for() -> None:
    """The hole: 1/2 in F is no weight of an integer model, and its inferences have proofs."""
    relation, builder = linear_model()
    halves = np.zeros((1, 16), dtype=np.int64)
    halves[0, :2] = (P + 1) // 2
    parameters = choose(relation, private_input=False, proofs=8)
    held = commit_weights(relation, parameters, halves, secret("weights"))
    x, out = np.array([7, 9]), np.array([8])
    a, b = builder.columns(relation, lambda node: (x, out)[node])
    statement = Statement(
        chain_id=31337,
        contract=b"\x11" * 20,
        order=b"\x22" * 32,
        model=b"\x33" * 32,
        version=1,
        relation=relation,
        parameters=parameters,
        weights=held.commitment,
        input=(7, 9),
        publics=((8,),),
    )
    verify(statement, prove(statement, Witness(a=a, b=b), seed=secret("proof"), weights=held))
    for bits in (8, 62):
        ranges = compile_ranges(relation, (bits,))
        asked = Publisher(ranges=ranges, parameters=range_parameters(ranges, parameters))
        assert not asked.gets(halves)
        assert asked.gets(np.ones_like(halves))
