"""A relation laid out by hand, with every kind of look-up and term in it: small enough to read, for tests of proofs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from concordat.primitives.hashing import sha256
from concordat.zk.parameters import Parameters, choose
from concordat.zk.prover import Witness, commit_input, commit_weights, prove
from concordat.zk.relation import (
    Copy,
    Family,
    Lookup,
    LookupKind,
    Matmul,
    Operand,
    Relation,
    Table,
    Term,
    TermKind,
    WeightBlock,
)
from concordat.zk.statement import InputCommitment, PublicWeights, Statement, WeightCommitment

__all__ = ["Layer", "layer", "prove_layer", "secret"]

_Array = npt.NDArray[np.int64]
_INPUTS, _OUTPUTS = 5, 4
_SLOT, _GROUP = 3, 1
_REMAINDER, _QUOTIENT, _FUNCTION = 4, 8, 64
_SHIFT, _LIFT = 16, 128


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A dense layer: ``q = (W x + bias + 8) >> 4``, the absolute values of q by a table, and ``q * rest`` in public."""

    relation: Relation
    """What holds."""
    weights: _Array
    """The weight matrix, the biases in its last row."""
    inputs: _Array
    """Of all inferences."""
    a: _Array
    """Column a."""
    b: _Array
    """Column b."""
    public: tuple[int, ...]
    """The public vector."""
    private_weights: bool
    """Whether the weights are to be committed."""
    private_input: bool
    """Whether the input is to be committed."""

    @cached_property
    def parameters(self) -> Parameters:
        """Sizes of the codes."""
        return choose(self.relation, private_weights=self.private_weights, private_input=self.private_input, proofs=8)

    @property
    def witness(self) -> Witness:
        """Both columns."""
        return Witness(a=self.a, b=self.b)  # type: ignore[arg-type]

    def statement(self, weights: WeightCommitment | None = None, taken: InputCommitment | None = None) -> Statement:
        """The statement, with commitments where they are private."""
        return Statement(
            chain_id=31337,
            contract=b"\x11" * 20,
            order=b"\x22" * 32,
            model=b"\x33" * 32,
            version=1,
            relation=self.relation,
            parameters=self.parameters,
            weights=weights or PublicWeights(self.weights.tolist()),
            input=taken or tuple(int(x) for x in self.inputs),
            publics=(self.public,),
        )

    def with_cell(self, column: str, row: int, change: int) -> Layer:
        """The same with one other cell."""
        cells = {"a": self.a.copy(), "b": self.b.copy()}
        cells[column][row] += change
        return replace(self, a=cells["a"], b=cells["b"])


def layer(*, batch: int = 2, private_weights: bool = True, private_input: bool = True, seed: int = 1) -> Layer:
    """A layer with random weights on random inputs."""
    dice = np.random.default_rng(seed)
    weights = dice.integers(-9, 10, (_OUTPUTS, _INPUTS))
    bias = dice.integers(-50, 50, _OUTPUTS)
    x = dice.integers(0, 16, (batch, _INPUTS))
    sums = x @ weights.T + bias
    quotient = (sums + _SHIFT // 2) >> 4
    rest = sums + _SHIFT // 2 - _SHIFT * quotient
    count, inputs = batch * _OUTPUTS, batch * _INPUTS
    # rows: look-ups of (rest, q), of (q, |q|), of x; then (q, rest), (q * rest, bias), and the multiplicities
    starts = np.cumsum([0, count, count, inputs, count, count, 16, 256]).tolist()
    used = starts[7] + 2 * _LIFT
    a, b = np.zeros(used, dtype=np.int64), np.zeros(used, dtype=np.int64)
    for start, left, right in (
        (starts[0], rest, quotient + _LIFT),
        (starts[1], quotient, abs(quotient)),
        (starts[2], x, np.zeros(inputs, dtype=np.int64)),
        (starts[3], quotient, rest),
        (starts[4], quotient * rest, np.resize(bias, 0)),
    ):
        a[start : start + left.size] = left.ravel()
        b[start : start + right.size] = right.ravel()
    b[starts[4] : starts[4] + _OUTPUTS] = bias
    np.add.at(a, starts[5] + np.concatenate([rest.ravel(), x.ravel()]), 1)
    np.add.at(a, starts[6] + quotient.ravel() + _LIFT, 1)
    np.add.at(a, starts[7] + quotient.ravel() + _LIFT, 1)
    return Layer(
        relation=_relation(batch, starts, used),
        weights=_matrix(weights, bias),
        inputs=x.ravel(),
        a=a,
        b=b,
        public=tuple(int(n) for n in (quotient * rest).ravel()),
        private_weights=private_weights,
        private_input=private_input,
    )


def _matrix(weights: _Array, bias: _Array) -> _Array:
    height = -(-_OUTPUTS >> _GROUP)
    matrix = np.zeros((height + 1, 1 << (_SLOT + _GROUP)), dtype=np.int64)
    for output, row in enumerate(weights):
        first = (output & ((1 << _GROUP) - 1)) << _SLOT
        matrix[output >> _GROUP, first : first + _INPUTS] = row
    matrix[height, :_OUTPUTS] = bias
    return matrix


def _cells(coefficient: int, column: int, start: int) -> Term:
    return Term(kind=TermKind.CELLS, coefficient=coefficient, column=column, start=start)


def _families(batch: int, starts: list[int]) -> tuple[Family, ...]:
    count, height = batch * _OUTPUTS, -(-_OUTPUTS >> _GROUP)
    rests, absolutes, _, copies, products = starts[:5]
    biases = tuple(products + e % _OUTPUTS for e in range(count))
    family = Family(count=count, cols=count, stride=count, terms=())
    rounding = (
        Term(kind=TermKind.MATMUL, coefficient=1, column=0),
        Term(kind=TermKind.CELLS, coefficient=1, column=1, indices=biases),
        _cells(-_SHIFT, 1, rests),
        _cells(-1, 0, rests),
    )
    stride, constant = height << _GROUP, _SHIFT // 2 + _SHIFT * _LIFT
    same = ((0, absolutes, 1, rests, _LIFT), (0, absolutes, 0, copies, 0), (0, rests, 1, copies, 0))
    return (
        Family(count=count, cols=_OUTPUTS, stride=stride, constant=constant, terms=rounding),
        *(
            replace(family, constant=constant, terms=(_cells(1, column, start), _cells(-1, other, end)))
            for column, start, other, end, constant in same
        ),
        replace(family, terms=(Term(kind=TermKind.PRODUCT, coefficient=1, start=copies), _cells(-1, 0, products))),
        replace(family, terms=(_cells(1, 0, products), Term(kind=TermKind.PUBLIC, coefficient=-1, column=0))),
    )


def _relation(batch: int, starts: list[int], used: int) -> Relation:
    count, inputs = batch * _OUTPUTS, batch * _INPUTS
    rests, absolutes, taken, copies, products, mult_4, mult_8, mult_f = starts
    height = -(-_OUTPUTS >> _GROUP)
    left = Operand(column=0, start=taken, row=_INPUTS)
    return Relation(
        used_rows=used,
        lookup_rows=copies,
        slot_bits=_SLOT,
        group_bits=_GROUP,
        weight_rows=height + 1,
        lookups=(
            Lookup(kind=LookupKind.PAIR, start=rests, count=count, table_a=_REMAINDER, table_b=_QUOTIENT),
            Lookup(kind=LookupKind.FUNCTION, start=absolutes, count=count, table_a=_FUNCTION),
            Lookup(kind=LookupKind.SINGLE, start=taken, count=inputs, table_a=_REMAINDER),
        ),
        tables=(
            Table(number=_REMAINDER, column=0, start=mult_4),
            Table(number=_QUOTIENT, column=0, start=mult_8),
            Table(number=_FUNCTION, entries=tuple((i, abs(i)) for i in range(-_LIFT, _LIFT)), column=0, start=mult_f),
        ),
        families=_families(batch, starts),
        matmuls=(Matmul(rows=batch, cols=_OUTPUTS, inner=_INPUTS, left=left, right=WeightBlock(row=0)),),
        copies=(Copy(row=height, column=1, start=products, count=_OUTPUTS),),
        input_column=0,
        input_start=taken,
        input_count=inputs,
        publics=(count,),
    )


def prove_layer(made: Layer, label: str = "proof") -> tuple[Statement, bytes]:
    """A layer's statement and a proof of it, by whichever prover is here; all secrets are drawn by the label."""
    relation, p = made.relation, made.parameters
    weights = commit_weights(relation, p, made.weights, secret(f"{label} weights")) if made.private_weights else None
    taken = commit_input(p, made.inputs, secret(f"{label} input")) if made.private_input else None
    statement = made.statement(weights.commitment if weights else None, taken.commitment if taken else None)
    return statement, prove(statement, made.witness, seed=secret(label), weights=weights, taken=taken)


def secret(label: str) -> bytes:
    """32 bytes that a test draws by name."""
    return sha256(label.encode())
