"""Range proofs of committed weights: a relation that looks every place of a committed matrix up.

A proof of an inference shows that the committed numbers were used, as elements of F. That they are the small integers
of a model, whose sums cannot wrap around, is shown once for a commitment, with a relation of its own about the same
matrix: every place is copied to a cell, and the cell is looked up, in limbs. The ordinary prover makes that proof, the
ordinary verifiers check it; it counts as one opening of the commitment.

Whoever relies on it makes the relation again from the model's relation and the published widths (`check_ranges`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import numpy.typing as npt

from concordat.graph.elements import Integers
from concordat.primitives.errors import ModelError, VerificationError
from concordat.zk.circuit.blocks import Block, Builder, Fill, Run
from concordat.zk.circuit.gadgets import once
from concordat.zk.parameters import Parameters, choose
from concordat.zk.prover.prove import Witness
from concordat.zk.relation import Relation, WeightBlock
from concordat.zk.statement import Statement, WeightCommitment
from concordat.zk.verifier.registration import Registration

__all__ = ["WIDTHS", "WeightRanges", "check_ranges", "compile_ranges", "range_parameters", "weight_bits"]

WIDTHS = (8, 16, 32, 62)
"""Bits of a weight that `weight_bits` tells apart: the types of a graph, and the widest number of a proof."""
_LIMB = 8
_Array = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class WeightRanges:
    """All weights of a matrix are in the range of their row."""

    relation: Relation
    """What is proven, about the same matrix as the model's relation."""
    bits: tuple[int, ...]
    """Of the weights in each row: from ``-2**(bits-1)`` to ``2**(bits-1) - 1``."""
    builder: Builder
    """Where the cells come from."""

    def witness(self, weights: _Array) -> Witness:
        """Cells for a weight matrix; if a weight is out of range, the proof will not verify."""
        flat = np.asarray(weights, dtype=np.int64).ravel()
        a, b = self.builder.columns(self.relation, lambda _: flat)
        return Witness(a=a, b=b)

    def statement(
        self,
        commitment: WeightCommitment,
        parameters: Parameters,
        *,
        chain_id: int,
        contract: bytes,
        model: bytes,
        version: int,
    ) -> Statement:
        """What is proven of a commitment: for no order, without input and output.

        Parameters
        ----------
        parameters : Parameters
            Those of `range_parameters`. The others are those of `Statement`.
        """
        return Statement(
            chain_id=chain_id,
            contract=contract,
            order=bytes(32),
            model=model,
            version=version,
            relation=self.relation,
            parameters=parameters,
            weights=commitment,
            input=(),
            publics=(),
        )


def compile_ranges(relation: Relation, bits: Sequence[int]) -> WeightRanges:
    """The relation that says how wide the weights of a model are.

    Parameters
    ----------
    relation : Relation
        The model's: it gives the shape of the matrix.
    bits : sequence of int
        One for each row of the weight matrix, from 1 to 62.

    Raises
    ------
    ModelError
        If there is not one for each row, or one is too wide for a proof.
    """
    if len(bits) != relation.weight_rows or not relation.weight_rows or min(bits) < 1:
        raise ModelError("The widths do not fit the rows of the weight matrix.", code="BadRanges")
    builder, first = Builder(_LIMB, 1), 0
    for width, run in groupby(bits):
        rows = len(list(run))
        half = -(-rows // 2)  # two blocks, so that their cells lie side by side
        for count in (half, rows - half):
            if count:
                _range(builder, first * relation.weight_width, count * relation.weight_width, width)
            first += count
    nothing = Block(0, lambda run: run(0)[:0], column=0, start=0)
    made = builder.finish(slot_bits=relation.slot_bits, group_bits=relation.group_bits, taken=nothing, publics=())
    return WeightRanges(relation=made, bits=tuple(bits), builder=builder)


def _range(builder: Builder, begin: int, count: int, bits: int) -> None:
    """Copy some places of the matrix, and look up what they are above the least number of so many bits."""
    least = -(1 << (bits - 1))

    def places(run: Run) -> Integers:
        return run(0)[begin : begin + count]

    cells = builder.cells(count, places)
    builder.copied[cells.parts[0].block], builder.types[cells.parts[0].block] = np.zeros(count, dtype=np.int64), bits
    builder.zero([(1, cells), (-1, builder.bits(count, bits, _above(places, least)))], constant=-least)


def _above(places: Fill, least: int) -> Fill:
    return once(lambda run: places(run) - least)


def range_parameters(ranges: WeightRanges, parameters: Parameters) -> Parameters:
    """Parameters of a range proof: the model's code for the weights, what suits for the rest."""
    chosen = choose(ranges.relation, private_input=False, grinding=parameters.grinding)
    return replace(
        chosen,
        weight_tail=parameters.weight_tail,
        weight_log_domain=parameters.weight_log_domain,
        weight_queries=parameters.weight_queries,
        weight_audits=parameters.weight_audits,
    )


def check_ranges(statement: Statement, registration: Registration, bits: Sequence[int]) -> None:
    """Refuse a statement that is not about the ranges of a registered commitment's weights.

    Parameters
    ----------
    statement : Statement
        What a proof, verified apart, shows.
    registration : Registration
        Of the commitment, verified apart.
    bits : sequence of int
        The published widths.

    Raises
    ------
    VerificationError
        If relation, commitment or code are others.
    """
    ours, theirs = statement.parameters, registration.parameters
    code = ("weight_tail", "weight_log_domain", "weight_audits")
    if (
        statement.relation.digest != compile_ranges(registration.relation, bits).relation.digest
        or statement.weights != registration.commitment
        or any(getattr(ours, name) != getattr(theirs, name) for name in code)
    ):
        raise VerificationError("The range proof is about something else.", code="BadRanges")


def weight_bits(relation: Relation, weights: _Array, widths: Sequence[int] = WIDTHS) -> tuple[int, ...]:
    """For each row the least width that holds the weights of its matrix product or its copy.

    They are published. Those of `WIDTHS` say of each layer what its type is, and no more.

    Parameters
    ----------
    widths : sequence of int
        Ascending; all up to 62 where the types are too wide to show that no sum wraps around
        (`concordat.zk.circuit.sums.wrapping`).

    Raises
    ------
    ModelError
        If a weight is wider than a proof can speak of.
    """
    bits = [0] * relation.weight_rows
    for first, count in _layers(relation):
        part = weights[first : first + count]
        needed = max(int(part.max()).bit_length(), (-int(part.min()) - 1).bit_length()) + 1
        width = next((w for w in widths if w >= needed), 0)
        if not width:
            raise ModelError("A weight is too wide for a range proof.", code="ProofRange")
        bits[first : first + count] = [width] * count
    return tuple(bits)


def _layers(relation: Relation) -> list[tuple[int, int]]:
    """First row and number of rows of everything that the weight matrix holds."""
    layers = [
        (m.right.row, relation.chunks(m) * relation.block_rows(m))
        for m in relation.matmuls
        if isinstance(m.right, WeightBlock)
    ]
    return layers + [(copy.row, -(-copy.count // relation.weight_width)) for copy in relation.copies]
