"""Refutations of claims: what a step reads of the data, opened for the contract."""

from __future__ import annotations

from collections.abc import Sequence

from concordat.chain.blobs import blob_words, carried, challenge_point, halves, value_at
from concordat.chain.kzg import commitment_to, point_proof
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Bytes32
from concordat.protocol.claim_messages import (
    CHUNK_BYTES,
    BlobHalf,
    Disclosed,
    Posted,
    RefuteRoot,
    RefuteStep,
    RelationShape,
    ShowHalf,
    data_chunks,
)
from concordat.protocol.order import Order
from concordat.zk.relation import Relation
from concordat.zk.statement import Statement
from concordat.zk.steps import Layout, Step
from concordat.zk.steps.layout import COUNTS_BYTES

__all__ = ["disclose", "refutation", "root_refutation", "shape_of", "step_spans"]


def shape_of(relation: Relation) -> RelationShape:
    """What ``RelationReader.shape`` reads of a relation.

    Only a relation with one public vector can be admitted; of others this says nothing.
    """
    tables_at = 6 + 5 * len(relation.lookups)
    families_at = tables_at + 1 + sum(4 + 2 * len(table.entries) for table in relation.tables)
    terms = [sum(5 + len(term.indices or ()) for term in family.terms) for family in relation.families]
    numbers = (len(relation.encode()) - 8) // 8
    return RelationShape(
        used_rows=relation.used_rows,
        lookup_rows=relation.lookup_rows,
        slot_bits=relation.slot_bits,
        group_bits=relation.group_bits,
        weight_rows=relation.weight_rows,
        lookups_at=5,
        tables_at=tables_at,
        families_at=families_at,
        matmuls_at=families_at + 1 + sum(5 + size for size in terms),
        copies_at=numbers - 6 - 4 * len(relation.copies),
        input_column=relation.input_column,
        input_start=relation.input_start,
        input_count=relation.input_count,
        public_count=relation.publics[0],
        matmuls=len(relation.matmuls),
        runs=relation.runs - 2,
        log_rows=relation.log_rows,
        run_bits=(relation.runs - 1).bit_length(),
        product_rounds=relation.product_rounds,
    )


def disclose(data: bytes, spans: Sequence[tuple[int, int]]) -> Disclosed:
    """Pieces of data that cover some spans, as the contract takes them.

    Parameters
    ----------
    data : bytes
        All of it.
    spans : sequence of tuple
        First byte and the one behind the last; what lies behind the data's end is left out.
    """
    runs: list[list[int]] = []
    for begin, end in sorted((begin, min(end, len(data))) for begin, end in spans):
        if begin >= end:
            continue
        first, last = begin // CHUNK_BYTES, -(-end // CHUNK_BYTES)
        if runs and first <= runs[-1][1]:
            runs[-1][1] = max(runs[-1][1], last)
        else:
            runs.append([first, last])
    pieces = tuple(data[first * CHUNK_BYTES : last * CHUNK_BYTES] for first, last in runs)
    return Disclosed(chunks=data_chunks(data), first=tuple(first for first, _ in runs), pieces=pieces)


def refutation(
    order: Order, posted: Posted, statement: Statement, data: bytes, step: Step, index: int, salt: bytes
) -> RefuteStep:
    """The message that shows a step of a claim to fail."""
    relation = statement.relation
    return RefuteStep(
        order=order,
        posted=posted,
        relation=relation.encode() if step is Step.EVALUATION else b"",
        disclosed=disclose(data, step_spans(statement, data, step, index)),
        step=int(step),
        index=index,
        salt=Bytes32(salt),
        shape=shape_of(relation),
    )


def root_refutation(order: Order, posted: Posted, blob: bytes, salt: bytes) -> tuple[ShowHalf, RefuteRoot]:
    """The messages that show that a claim's blob does not hold what the claim says: half of it, and then the other.

    Raises
    ------
    VerificationError
        If the bytes are no blob.
    ConfigurationError
        If ``concordat[blobs]`` is not installed.
    """
    words = blob_words(blob)
    (lower, upper), point = halves(words), challenge_point(posted.blob, words)
    half = BlobHalf(
        value=value_at(lower, point),
        readable=not any(lower[0::32]),
        chunks=data_chunks(carried(lower)[: posted.length]),
    )
    shown = ShowHalf(blob=posted.blob, words=lower, second=keccak256(upper), length=posted.length)
    return shown, RefuteRoot(
        order=order,
        posted=posted,
        first=keccak256(lower),
        half=half,
        words=upper,
        commitment=commitment_to(blob),
        proof=point_proof(blob, point),
        salt=Bytes32(salt),
    )


def step_spans(statement: Statement, data: bytes, step: Step, index: int) -> list[tuple[int, int]]:
    """Spans of the data that a step reads."""
    counts = tuple(int.from_bytes(data[at : at + 2], "big") for at in range(0, COUNTS_BYTES, 2))
    at = Layout.of(statement.relation, statement.parameters, counts)  # type: ignore[arg-type]
    head, outputs, row = (0, at.row), (at.drawn, at.sums + 168), (at.row, at.drawn)
    fixed: dict[Step, list[tuple[int, int]]] = {
        Step.LENGTH: [(0, COUNTS_BYTES)],
        Step.SUMCHECKS: [head, outputs],
        Step.POSITIONS: [head, (at.hub_drawn - 32, at.folds), (at.positions, at.claims)],
        Step.HUB: [head, row, (at.hub_drawn, at.folds), (at.positions, at.claims)],
        Step.FOLDS: [head, outputs],
        Step.EVALUATION: [outputs],
        Step.JOINT: [head, outputs],
        Step.PADS: [head, row, outputs],
        Step.BALANCE: [head, outputs, (at.claims, at.witness)],
    }
    if step in fixed:
        return fixed[step]
    if step in (Step.WEIGHTS, Step.INPUT, Step.WITNESS, Step.OUTSIDE):
        return [row, outputs]
    return _column_spans(at, counts, step, index)


def _column_spans(at: Layout, counts: Sequence[int], step: Step, index: int) -> list[tuple[int, int]]:
    """What the steps read of which there are many."""
    witness, weights, taken, _ = counts
    point, row = (at.hub_drawn, at.folds), (at.row, at.drawn)
    if step is Step.POWERS:
        first = index // 2 if index < 2 * witness else index - witness
        more = [row, point]
        claim, claims, place, size = index, 1, 0, 0
    elif step is Step.HUB_COLUMN:
        first, place, size = witness + weights + taken + index, at.hub_columns, at.columns[4]
        more = [row, point, (at.nonce - 32, at.nonce)]
        claim, claims = 0, 0
    elif step is Step.WITNESS_COLUMN:
        first, place, size = index, at.witness, at.columns[0] + at.columns[1]
        more = [(0, 72), (at.drawn, at.hub_drawn)]
        claim, claims = 2 * index, 2
    elif step is Step.WEIGHT_COLUMN:
        first, place, size = witness + index, at.weights, at.columns[2]
        more = [(at.evaluated + 288, at.sums)]
        claim, claims = 2 * witness + index, 1
    else:
        first, place, size = witness + weights + index, at.input, at.columns[3]
        more, claim, claims = [], 2 * witness + weights + index, 1
    return [
        (0, COUNTS_BYTES),
        *more,
        (at.positions + 4 * first, at.positions + 4 * first + 4),
        (at.claims + 48 * claim, at.claims + 48 * (claim + claims)),
        (place + index * size, place + (index + 1) * size),
    ]
