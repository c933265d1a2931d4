"""The plain prover: numpy, one thread, the same messages as the fast one in Rust.

Step by step what `concordat.zk.verifier.verify` checks; see there for the numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from concordat.primitives.errors import ModelError
from concordat.zk.challenges import Batching, KeyChallenges, Tag, matmul_scales
from concordat.zk.field import K, P, root_of_unity
from concordat.zk.multilinear import BitForm, eq_form, expand, power_form
from concordat.zk.parameters import check, segment_lengths
from concordat.zk.prover.code import ColumnTree, encode_rows
from concordat.zk.prover.commit import CommittedInput, CommittedWeights
from concordat.zk.prover.hub import Hub
from concordat.zk.prover.message import Messages
from concordat.zk.prover.progress import PHASES, Progress, silent
from concordat.zk.prover.tables import (
    ConstraintTables,
    constraint_tables,
    inverse_column,
    operand_functional,
    product_tables,
)
from concordat.zk.prover.vector import (
    Vector,
    add,
    broadcast,
    column_sum,
    double,
    eq_vector,
    from_ints,
    halves,
    ladder,
    lift,
    mul,
    neg,
    random_base,
    scale,
    scatter,
    small,
    sub,
    to_k,
)
from concordat.zk.relation import MASK_ROWS, Operand
from concordat.zk.statement import PublicWeights, Statement
from concordat.zk.verifier.constraints import product_stride
from concordat.zk.verifier.hub import point_powers
from concordat.zk.verifier.linear import join
from concordat.zk.verifier.products import column_form, mask_factors, weight_rows
from concordat.zk.verifier.sumcheck import HiddenSumcheck, fold_messages
from concordat.zk.verifier.verify import input_point

__all__ = ["Witness", "proof_secret", "prove"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """Cells that satisfy a relation."""

    a: Vector
    """Column a, ``used_rows`` cells: elements of F (``uint64``) or signed integers."""
    b: Vector
    """Column b."""


def prove(
    statement: Statement,
    witness: Witness,
    *,
    seed: bytes,
    weights: CommittedWeights | None = None,
    taken: CommittedInput | None = None,
    progress: Progress | None = None,
) -> bytes:
    """A proof of a statement.

    Parameters
    ----------
    statement : Statement
        What is to be proven.
    witness : Witness
        Cells that satisfy it; if they do not, the proof will not verify.
    seed : bytes
        32 secret random bytes, never used before: all that hides the witness comes from them.
    weights : CommittedWeights, optional
        The opened commitment where the statement has one.
    taken : CommittedInput, optional
        The opened commitment of the input where the statement has one.
    progress : callable, optional
        Told each phase of `PHASES` as it begins, with the share of the work that lies behind.
    """
    check(statement.relation, statement.parameters)
    if len(seed) != 32:
        raise ModelError("The seed of a proof is 32 bytes.", code="BadWitness")
    return _Prover(statement, witness, proof_secret(statement.encode(), seed), weights, taken).run(progress or silent)


def proof_secret(statement: bytes, seed: bytes) -> bytes:
    """What a proof's randomness comes from: seed and encoded statement, so that a seed used twice tells nothing.

    Under one seed, proofs of two statements have unrelated pads, masks, tails and salts.
    """
    return sha256(b"concordat proof" + seed + statement).digest()


class _Prover:
    def __init__(
        self,
        statement: Statement,
        witness: Witness,
        seed: bytes,
        weights: CommittedWeights | None,
        taken: CommittedInput | None,
    ) -> None:
        self.statement, self.relation, self.parameters = statement, statement.relation, statement.parameters
        self.seed, self.weights, self.taken = seed, weights, taken
        self.messages = Messages()
        relation, p = self.relation, self.parameters
        self.blocks, self.inverse_blocks = p.blocks(relation), p.inverse_blocks(relation)
        length = self.blocks << p.log_width
        masks = random_base(seed, b"masks", 2 * MASK_ROWS).reshape(2, -1)
        self.columns = (np.zeros(length, dtype=np.uint64), np.zeros(length, dtype=np.uint64))
        for column, given, mask in zip(self.columns, (witness.a, witness.b), masks, strict=True):
            if len(given) != relation.used_rows:
                raise ModelError("The witness has the wrong number of rows.", code="BadWitness")
            column[: len(given)] = given if given.dtype == np.uint64 else from_ints(given)
            column[length - MASK_ROWS :] = mask
        self.pads = random_base(seed, b"pads", 3 * relation.pads).reshape(-1, 3)

    def run(self, progress: Progress) -> bytes:
        """All messages, in order."""

        def begin(phase: str) -> None:
            progress(phase, PHASES[phase])

        relation, p, messages = self.relation, self.parameters, self.messages
        # 1. commitments
        messages.transcript.absorb(Tag.STATEMENT, self.statement.encode())
        begin("witness")
        self._commit_witness()
        keys = KeyChallenges.draw(messages.transcript)
        begin("inverses")
        self._commit_inverses(keys)
        batching = Batching.draw(messages.transcript)
        # 2. product sumcheck
        begin("products")
        products, shown = self._products(batching)
        lambdas = messages.transcript.challenges(4)
        # 3. constraint sumcheck
        begin("constraints")
        tables = constraint_tables(relation, keys, batching)
        form, row_factors = self._couple(tables, batching, products, lambdas)
        rounds, values = self._constraints(tables, keys)
        messages.say(Tag.CONSTRAINT_VALUES, values)
        mu, balance = messages.transcript.challenges(2)
        masks = mask_factors(relation, products.point) if relation.matmuls else ((0, 0, 0), (0, 0, 0))
        linear = join(self.statement, batching, products, shown, lambdas, masks, form, rounds, balance, row_factors)
        # 4. hub
        split = relation.log_rows - p.log_width
        begin("hub")
        segments = self._segments(eq_vector(rounds.point[:split]), mu, row_factors)
        hub = Hub(relation, p, segments, self.seed)
        messages.commit(Tag.HUB, hub.tree.root)
        # 5. columns
        begin("opening")
        opened = self._open_columns(hub)
        # 6. linear opening
        size = len(hub.elements)
        joint = np.zeros((size, 3), dtype=np.uint64)
        offsets = hub.offsets
        joint[offsets[2] : offsets[2] + len(linear.pads)] = np.array(linear.pads, dtype=np.uint64)
        if self.weights is not None:
            joint[: relation.weight_width] = mul(np.array(expand(form), dtype=np.uint64), broadcast(linear.weights))
        if self.taken is not None:
            xs = mul(ladder(batching.xi, relation.input_count), broadcast(linear.taken))
            joint[offsets[3] : offsets[3] + relation.input_count] = xs
        witness = np.zeros((size, 3), dtype=np.uint64)
        witness[offsets[1] : offsets[1] + (1 << p.log_width)] = eq_vector(rounds.point[split:])
        delta = messages.transcript.challenge()
        factors, weight = joint, broadcast(delta)
        for offset, vector in [(0, witness), *opened]:
            part = mul(vector, weight)
            factors[offset : offset + len(part)] = add(factors[offset : offset + len(part)], part)
            weight = mul(weight, broadcast(delta))
        hub.open(messages, factors)
        begin("done")
        return b"".join(messages.parts)

    # -- commitments -------------------------------------------------------------------------------------------------

    def _commit_witness(self) -> None:
        p = self.parameters
        blocks, width = self.blocks, 1 << p.log_width
        tails = random_base(self.seed, b"witness tails", (2 * blocks + 3) * p.queries).reshape(-1, p.queries)
        self.witness_rows = np.concatenate(
            [np.concatenate([c.reshape(blocks, width) for c in self.columns]), tails[: 2 * blocks]], axis=1
        )
        self.pad_row = np.concatenate([self.pads, tails[2 * blocks :].T])
        rows = np.zeros((2 * blocks + 3, max(width + p.queries, len(self.pad_row))), dtype=np.uint64)
        rows[: 2 * blocks, : width + p.queries] = self.witness_rows
        rows[2 * blocks :, : len(self.pad_row)] = self.pad_row.T
        self.witness_tree = ColumnTree(encode_rows(rows, p.log_domain).T, self.seed + b"witness")
        self.messages.commit(Tag.WITNESS, self.witness_tree.root)

    def _commit_inverses(self, keys: KeyChallenges) -> None:
        p = self.parameters
        blocks, width = self.inverse_blocks, 1 << p.log_width
        self.inverses = inverse_column(self.relation, keys, *self.columns, blocks * width)
        self.inverses[-MASK_ROWS:] = random_base(self.seed, b"inverse masks", 3 * MASK_ROWS).reshape(-1, 3)
        tails = random_base(self.seed, b"inverse tails", 3 * blocks * p.queries).reshape(blocks, p.queries, 3)
        self.inverse_rows = np.concatenate([self.inverses.reshape(blocks, width, 3), tails], axis=1)
        flat = self.inverse_rows.transpose(0, 2, 1).reshape(3 * blocks, -1)
        self.inverse_tree = ColumnTree(encode_rows(flat, p.log_domain).T, self.seed + b"inverses")
        self.messages.commit(Tag.INVERSES, self.inverse_tree.root)

    # -- sumchecks ---------------------------------------------------------------------------------------------------

    def _products(self, batching: Batching) -> tuple[HiddenSumcheck, tuple[K, K, K]]:
        relation, messages = self.relation, self.messages
        if not relation.matmuls:
            messages.transcript.absorb_elements(Tag.PRODUCT_CLAIM, [(0, 0, 0)])
            messages.transcript.absorb_elements(Tag.PRODUCT_VALUES, [(0, 0, 0)] * 2)
            return fold_messages([], [], 2), ((0, 0, 0), (0, 0, 0), (0, 0, 0))
        masks = (to_k(self.pads[1]), to_k(self.pads[2]))
        scales = matmul_scales(relation, batching.theta)
        f, x = product_tables(relation, scales, batching.theta, self.columns, self._weight_matrix(), masks)
        begun = to_k(add(column_sum(mul(f, x)), self.pads[0]))
        messages.say(Tag.PRODUCT_CLAIM, [begun])
        point: list[K] = []
        sent: list[list[K]] = []
        for i in range(relation.product_rounds):
            (f0, df), (x0, dx) = halves(f), halves(x)
            values = [column_sum(mul(f0, x0)), column_sum(mul(add(f0, double(df)), add(x0, double(dx))))]
            padded = [to_k(add(v, self.pads[3 + 2 * i + k])) for k, v in enumerate(values)]
            messages.say(Tag.PRODUCT_ROUND, padded)
            r = messages.transcript.challenge()
            f, x = add(f0, mul(df, broadcast(r))), add(x0, mul(dx, broadcast(r)))
            point.append(r)
            sent.append(padded)
        shown = (to_k(f[0]), to_k(x[0]))
        messages.say(Tag.PRODUCT_VALUES, shown)
        return fold_messages(sent, point, 2), (begun, *shown)

    def _couple(
        self, tables: ConstraintTables, batching: Batching, products: HiddenSumcheck, lambdas: list[K]
    ) -> tuple[BitForm, list[K]]:
        """Add what products, copies and the input ask of the cells; factors of the weight matrix's columns and rows."""
        relation, theta = self.relation, batching.theta
        size = 1 << relation.log_rows
        form = power_form(theta, relation.slot_bits + relation.group_bits)
        rows = [(0, 0, 0)] * relation.weight_rows
        if relation.matmuls:
            split = len(products.point) - relation.slot_bits
            runs, slot = (
                eq_vector(products.point[:split]),
                np.array(expand(eq_form(products.point[split:])), dtype=np.uint64),
            )
            scales = matmul_scales(relation, theta)
            run = 0
            for number, (matmul, factor) in enumerate(zip(relation.matmuls, scales, strict=True)):
                chunks = relation.chunks(matmul)
                weights = mul(runs[run : run + chunks, None, :], slot[None, :, :]).reshape(-1, 3)
                ratio = to_k(ladder(theta, product_stride(relation, number) + 1)[-1])
                left = operand_functional(matmul.left, matmul.rows, matmul.inner, ratio, weights, size)
                tables.accumulate(matmul.left.column, mul(left, broadcast(lambdas[1])))
                if isinstance(matmul.right, Operand):
                    right = operand_functional(matmul.right, matmul.cols, matmul.inner, theta, weights, size)
                    scaled = mul(mul(right, broadcast(factor)), broadcast(lambdas[0]))
                    tables.accumulate(matmul.right.column, scaled)
                run += chunks
            form = column_form(relation, theta, products.point[split:])
            minus = neg(broadcast(lambdas[0]))
            rows = [
                to_k(mul(broadcast(r), minus)) for r in weight_rows(relation, scales, theta, products.point[:split])
            ]
        self._couple_copies(tables, batching, lambdas[2], form, rows)
        start, count = relation.input_start, relation.input_count
        values = mul(ladder(batching.xi, count), broadcast(lambdas[3]))
        tables.accumulate(relation.input_column, scatter(size, np.arange(start, start + count), values))
        return form, rows

    def _couple_copies(
        self, tables: ConstraintTables, batching: Batching, factor: K, form: BitForm, rows: list[K]
    ) -> None:
        relation = self.relation
        if not relation.copies:
            return
        columns = np.array(expand(form), dtype=np.uint64)
        weight, width = broadcast(factor), relation.weight_width
        for copy in relation.copies:
            for k, begin in enumerate(range(0, copy.count, width)):
                count = min(width, copy.count - begin)
                cells = np.arange(copy.start + begin, copy.start + begin + count)
                values = scatter(1 << relation.log_rows, cells, mul(columns[:count], weight))
                tables.accumulate(copy.column, values)
                rows[copy.row + k] = to_k(add(broadcast(rows[copy.row + k]), weight))
                weight = mul(weight, broadcast(batching.zeta))

    def _constraints(self, t: ConstraintTables, keys: KeyChallenges) -> tuple[HiddenSumcheck, list[K]]:
        relation = self.relation
        size = 1 << relation.log_rows
        cells = []
        for column in self.columns:
            full = np.zeros((size, 3), dtype=np.uint64)
            full[: len(column), 0] = column[:size]
            cells.append(full)
        h = np.zeros((size, 3), dtype=np.uint64)
        h[: len(self.inverses)] = self.inverses[:size]
        factors = [
            *cells,
            h,
            t.pair,
            t.function,
            t.single,
            t.table_a,
            t.table_b,
            t.product,
            t.cells_a,
            t.cells_b,
            t.inverses,
        ]
        first = 3 + 2 * relation.product_rounds
        point: list[K] = []
        sent: list[list[K]] = []
        for i in range(relation.log_rows):
            split = [halves(f) for f in factors]
            padded = []
            for k, x in enumerate((0, 2, 3, 4)):
                value = column_sum(_constraint([add(low, scale(step, small(x))) for low, step in split], keys))
                padded.append(to_k(add(value, self.pads[first + 4 * i + k])))
            self.messages.say(Tag.CONSTRAINT_ROUND, padded)
            r = self.messages.transcript.challenge()
            factors = [add(low, mul(step, broadcast(r))) for low, step in split]
            point.append(r)
            sent.append(padded)
        return fold_messages(sent, point, 4), [to_k(f[0]) for f in factors[:3]]

    # -- opening -----------------------------------------------------------------------------------------------------

    def _weight_matrix(self) -> Vector | None:
        if self.weights is not None:
            return self.weights.coefficients
        if isinstance(self.statement.weights, PublicWeights):
            return from_ints(np.array(self.statement.weights.rows))
        return None

    def _segments(self, block_factors: Vector, mu: K, row_factors: list[K]) -> list[Vector]:
        blocks = self.blocks
        a, b = self.witness_rows[:blocks], self.witness_rows[blocks : 2 * blocks]
        folded = scale(np.broadcast_to(block_factors[:blocks, None, :], (*a.shape, 3)), a)
        mixed = mul(block_factors[:blocks], broadcast(mu))
        folded = add(folded, scale(np.broadcast_to(mixed[:, None, :], (*b.shape, 3)), b))
        result = column_sum(folded)
        square = mul(mul(block_factors[: self.inverse_blocks], broadcast(mu)), broadcast(mu))
        result = add(result, column_sum(mul(self.inverse_rows, square[:, None, :])))
        segments = [result, self.pad_row]
        if self.weights is not None:
            factors = np.array(row_factors, dtype=np.uint64)
            rows = self.weights.coefficients
            segments.insert(0, column_sum(scale(np.broadcast_to(factors[:, None, :], (*rows.shape, 3)), rows)))
        if self.taken is not None:
            segments.append(lift(self.taken.coefficients))
        return segments

    def _open_columns(self, hub: Hub) -> list[tuple[int, Vector]]:
        """Send the opened columns; factors of the claims about them, by first element of the hub."""
        p, messages = self.parameters, self.messages
        messages.grind(p.grinding)
        transcript = messages.transcript
        at = transcript.positions(p.queries, p.log_domain)
        weights_at = transcript.positions(p.weight_queries, p.weight_log_domain) if self.weights else []
        input_at = transcript.positions(p.input_queries, p.input_log_domain) if self.taken else []
        messages.parts += [self.witness_tree.open(at), self.inverse_tree.open(at)]
        lengths, claims = segment_lengths(self.relation, p), []

        def evaluation(segment: int, position: int, log_domain: int) -> tuple[int, Vector]:
            base = pow(root_of_unity(log_domain), position, P)
            return hub.offsets[segment], lift(np.array(point_powers(base, lengths[segment]), dtype=np.uint64))

        for position in sorted(set(at)):
            claims += [evaluation(1, position, p.log_domain), evaluation(2, position, p.log_domain)]
        if self.weights is not None:
            messages.parts.append(self.weights.tree.open(weights_at))
            claims += [evaluation(0, position, p.weight_log_domain) for position in sorted(set(weights_at))]
        if self.taken is not None:
            messages.parts.append(self.taken.tree.open(input_at))
            claims += [evaluation(3, position, p.input_log_domain) for position in sorted(set(input_at))]
            claims.append((hub.offsets[3], ladder(input_point(self.taken.commitment.root), lengths[3])))
        return claims


def _constraint(f: list[Vector], keys: KeyChallenges) -> Vector:
    """``G`` row by row."""
    a, b, h, pair, function, single, table_a, table_b, product, cells_a, cells_b, inverses = f
    one, alpha, beta = broadcast((1, 0, 0)), broadcast(keys.alpha), broadcast(keys.beta)
    u = sub(sub(alpha, mul(table_a, beta)), a)
    v = sub(sub(alpha, mul(table_b, beta)), b)
    w = sub(u, mul(b, mul(beta, beta)))
    value = mul(pair, sub(mul(mul(h, u), v), add(u, v)))
    value = add(value, mul(function, sub(mul(h, w), one)))
    value = add(value, mul(single, sub(mul(h, u), one)))
    value = add(value, mul(product, mul(a, b)))
    value = add(value, add(mul(cells_a, a), mul(cells_b, b)))
    return add(value, mul(inverses, h))
