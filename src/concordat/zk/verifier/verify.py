"""The verifier: it defines the protocol.

1. absorb the statement; the witness is committed, then the inverses under its challenges
2. product sumcheck: matrix products become one claim about cells and one about weights
3. constraint sumcheck: look-ups, products of cells, families, copies and the input become one row of the columns
4. everything folded is committed once more, in the hub
5. columns of all commitments are opened where chance says, and say what the folded rows must be there
6. the hub is opened linearly: all that is left is linear in it
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from concordat.primitives.errors import VerificationError
from concordat.zk.challenges import Batching, KeyChallenges, Tag, matmul_scales
from concordat.zk.field import (
    ZERO,
    K,
    P,
    add,
    embed,
    mul,
    neg,
    powers,
    root_of_unity,
    scale,
    total,
)
from concordat.zk.multilinear import EqSums, eq_table, expand, power_form
from concordat.zk.parameters import check, segment_lengths
from concordat.zk.statement import InputCommitment, Statement, WeightCommitment
from concordat.zk.transcript import Transcript
from concordat.zk.verifier.constraints import (
    Coefficients,
    ConstraintPoint,
    copy_value,
    evaluate,
)
from concordat.zk.verifier.hub import Claim, Explicit, Powers, Tensor, open_hub
from concordat.zk.verifier.linear import LinearClaim, join
from concordat.zk.verifier.products import ProductClaims, product_claims
from concordat.zk.verifier.reader import ProofReader
from concordat.zk.verifier.sumcheck import HiddenSumcheck, run_sumcheck

__all__ = ["input_point", "verify"]


def verify(statement: Statement, proof: bytes) -> None:
    """Check a proof.

    Parameters
    ----------
    statement : Statement
        What the proof is about.
    proof : bytes
        As the prover sent it.

    Raises
    ------
    VerificationError
        If the proof does not show the statement with at least 100 bits of soundness.
    """
    check(statement.relation, statement.parameters)
    _check_modes(statement)
    _Verifier(statement, proof).run()


def input_point(root: bytes) -> K:
    """The point outside the domain at which a committed input's polynomial is fixed."""
    digest = sha256(b"concordat input point" + root).digest()
    numbers = [int.from_bytes(digest[i : i + 8], "big") % P for i in (0, 8, 16)]
    return (numbers[0], numbers[1], numbers[2] or 1)


def _check_modes(statement: Statement) -> None:
    p = statement.parameters
    private = isinstance(statement.weights, WeightCommitment)
    if private != bool(p.weight_tail) or isinstance(statement.input, InputCommitment) != bool(p.input_log_domain):
        raise VerificationError("The parameters do not fit what is committed.", code="BadParameters")
    if bool(statement.relation.weight_rows) != (statement.weights is not None):
        raise VerificationError("The statement lacks its weights, or has some too many.", code="BadStatement")


class _Verifier:
    def __init__(self, statement: Statement, proof: bytes) -> None:
        self.statement, self.relation, self.parameters = statement, statement.relation, statement.parameters
        self.reader, self.transcript = ProofReader(proof), Transcript()

    def run(self) -> None:
        relation, p, reader, transcript = self.relation, self.parameters, self.reader, self.transcript
        # 1. commitments
        transcript.absorb(Tag.STATEMENT, self.statement.encode())
        self.witness_root = reader.take(32)
        transcript.absorb(Tag.WITNESS, self.witness_root)
        keys = KeyChallenges.draw(transcript)
        self.inverse_root = reader.take(32)
        transcript.absorb(Tag.INVERSES, self.inverse_root)
        batching = Batching.draw(transcript)
        # 2. product sumcheck, which begins with the padded sum of all products
        begun = reader.elements(1) if relation.matmuls else [ZERO]
        transcript.absorb_elements(Tag.PRODUCT_CLAIM, begun)
        products = run_sumcheck(reader, transcript, tag=Tag.PRODUCT_ROUND, rounds=relation.product_rounds, degree=2)
        shown = reader.elements(2) if relation.matmuls else [ZERO, ZERO]
        transcript.absorb_elements(Tag.PRODUCT_VALUES, shown)
        lambdas = transcript.challenges(4)
        # 3. constraint sumcheck
        rounds = run_sumcheck(reader, transcript, tag=Tag.CONSTRAINT_ROUND, rounds=relation.log_rows, degree=4)
        values = reader.elements(3)
        transcript.absorb_elements(Tag.CONSTRAINT_VALUES, values)
        mu, balance = transcript.challenges(2)
        point = ConstraintPoint(rounds.point)
        coefficients = evaluate(relation, keys, batching, point)
        claims = self._products(batching, products, point)
        row_factors = self._cells(coefficients, claims, batching, lambdas, point)
        linear = join(
            self.statement,
            batching,
            products,
            (begun[0], shown[0], shown[1]),
            lambdas,
            (claims.mask_right, claims.mask_left),
            claims.form,
            rounds,
            balance,
            row_factors,
        )
        linear.value = add(linear.value, coefficients.value(keys, values[0], values[1], values[2]))
        # 4. hub
        hub_root = reader.take(32)
        transcript.absorb(Tag.HUB, hub_root)
        # 5. columns
        split = relation.log_rows - p.log_width
        opened = self._open_columns(rounds.point[:split], mu, row_factors)
        # 6. linear opening
        shown_value = total((values[0], mul(mu, values[1]), mul(mul(mu, mu), values[2])))
        column_factors = eq_table(rounds.point[split:])
        offsets = self._offsets()
        hub_claims = [
            self._joint_claim(linear, claims, batching, offsets),
            Claim((Explicit(offsets[1], column_factors),), shown_value),
            *opened,
        ]
        open_hub(reader, transcript, relation, p, hub_root, hub_claims)
        reader.end()

    # -- from the sumchecks to one linear claim ----------------------------------------------------------------------

    def _products(self, batching: Batching, products: HiddenSumcheck, point: ConstraintPoint) -> ProductClaims:
        if not self.relation.matmuls:
            form = power_form(batching.theta, self.relation.slot_bits + self.relation.group_bits)
            return ProductClaims(rows=[ZERO] * self.relation.weight_rows, form=form)
        scales = matmul_scales(self.relation, batching.theta)
        return product_claims(self.relation, scales, batching.theta, products.point, point)

    def _cells(
        self,
        coefficients: Coefficients,
        claims: ProductClaims,
        batching: Batching,
        lambdas: Sequence[K],
        point: ConstraintPoint,
    ) -> list[K]:
        """Add the cells' side of products, copies and input; give the factors of the weight matrix's rows."""
        relation = self.relation
        for column in (0, 1):
            more = add(mul(lambdas[0], claims.right[column]), mul(lambdas[1], claims.left[column]))
            coefficients.cells[column] = add(coefficients.cells[column], more)
        rows = [neg(mul(lambdas[0], row)) for row in claims.rows]
        copied, weights = copy_value(relation.copies, claims.form, batching.zeta, point)
        for column in (0, 1):
            coefficients.cells[column] = add(coefficients.cells[column], mul(lambdas[2], copied[column]))
        at = 0
        for copy in relation.copies:
            height = -(-copy.count // relation.weight_width)
            for k in range(height):
                rows[copy.row + k] = add(rows[copy.row + k], mul(lambdas[2], weights[at + k]))
            at += height
        run = EqSums(point.point, batching.xi).run(relation.input_start, relation.input_count)
        column = relation.input_column
        coefficients.cells[column] = add(coefficients.cells[column], mul(lambdas[3], run))
        return rows

    # -- columns -----------------------------------------------------------------------------------------------------

    def _offsets(self) -> tuple[int, int, int, int]:
        """First elements in the hub of the folded weights, the folded witness, the hidden scalars and the input."""
        weights, witness, pads, _ = segment_lengths(self.relation, self.parameters)
        return 0, weights, weights + witness, weights + witness + pads

    def _open_columns(self, row_point: Sequence[K], mu: K, row_factors: Sequence[K]) -> list[Claim]:
        """Claims about the folded rows at the opened positions."""
        statement, relation, p = self.statement, self.relation, self.parameters
        reader, transcript = self.reader, self.transcript
        if not transcript.grinds(reader.nonce(), p.grinding):
            raise VerificationError("The proof lacks its work.", code="BadProof")
        witness_at = transcript.positions(p.queries, p.log_domain)
        weights_at = transcript.positions(p.weight_queries, p.weight_log_domain) if p.weight_tail else []
        input_at = transcript.positions(p.input_queries, p.input_log_domain) if p.input_log_domain else []
        blocks, inverse_blocks = p.blocks(relation), p.inverse_blocks(relation)
        cells = reader.columns(self.witness_root, witness_at, p.log_domain, 2 * blocks + 3)
        inverses = reader.columns(self.inverse_root, witness_at, p.log_domain, 3 * inverse_blocks)
        lengths, offsets = segment_lengths(relation, p), self._offsets()
        generator = root_of_unity(p.log_domain)
        block_factors = eq_table(row_point)[: max(blocks, inverse_blocks)]
        claims = []
        for position, column in cells.items():
            base = pow(generator, position, P)
            h = inverses[position]
            value = ZERO
            for k, factor in enumerate(block_factors):
                part = ZERO
                if k < blocks:
                    part = add(embed(column[k]), scale(mu, column[blocks + k]))
                if k < inverse_blocks:
                    part = add(part, mul(mul(mu, mu), (h[3 * k], h[3 * k + 1], h[3 * k + 2])))
                value = add(value, mul(factor, part))
            claims.append(Claim((Powers(offsets[1], lengths[1], base),), value))
            hidden = (column[2 * blocks], column[2 * blocks + 1], column[2 * blocks + 2])
            claims.append(Claim((Powers(offsets[2], lengths[2], base),), hidden))
        if isinstance(statement.weights, WeightCommitment):
            opened = reader.columns(statement.weights.root, weights_at, p.weight_log_domain, relation.weight_rows)
            generator = root_of_unity(p.weight_log_domain)
            for position, column in opened.items():
                value = total(scale(factor, n) for factor, n in zip(row_factors, column, strict=True))
                claims.append(Claim((Powers(offsets[0], lengths[0], pow(generator, position, P)),), value))
        if isinstance(statement.input, InputCommitment):
            claims += self._open_input(statement.input, input_at, offsets[3], lengths[3])
        return claims

    def _open_input(self, commitment: InputCommitment, positions: list[int], offset: int, length: int) -> list[Claim]:
        p = self.parameters
        opened = self.reader.columns(commitment.root, positions, p.input_log_domain, 1)
        generator = root_of_unity(p.input_log_domain)
        claims = [
            Claim((Powers(offset, length, pow(generator, position, P)),), embed(column[0]))
            for position, column in opened.items()
        ]
        outside = powers(input_point(commitment.root), length)
        return [*claims, Claim((Explicit(offset, outside),), commitment.outside)]

    def _joint_claim(
        self, linear: LinearClaim, claims: ProductClaims, batching: Batching, offsets: tuple[int, int, int, int]
    ) -> Claim:
        parts: list[Explicit | Powers | Tensor] = [Explicit(offsets[2], linear.pads)]
        if linear.weights != ZERO:
            split = max(0, len(claims.form) - self.parameters.hub_log_width)
            high = [mul(linear.weights, h) for h in expand(claims.form[:split])]
            parts.append(Tensor(high, expand(claims.form[split:])))
        if linear.taken != ZERO:
            ladder = powers(batching.xi, self.relation.input_count)
            parts.append(Explicit(offsets[3], [mul(linear.taken, x) for x in ladder]))
        return Claim(tuple(parts), linear.value)
