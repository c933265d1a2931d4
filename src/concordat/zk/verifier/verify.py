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
from dataclasses import dataclass
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

__all__ = ["Begun", "Reduced", "Verification", "column_value", "input_point", "shown_value", "verify"]


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
    Verification(statement, proof).run()


def input_point(root: bytes) -> K:
    """The point outside the domain at which a committed input's polynomial is fixed."""
    digest = sha256(b"concordat input point" + root).digest()
    numbers = [int.from_bytes(digest[i : i + 8], "big") % P for i in (0, 8, 16)]
    return (numbers[0], numbers[1], numbers[2] or 1)


def shown_value(begun: Begun) -> K:
    """What the folded witness gives at the final point, of the shown values of its columns."""
    a, b, h = begun.values
    return total((a, mul(begun.mu, b), mul(mul(begun.mu, begun.mu), h)))


def column_value(factors: Sequence[K], mu: K, blocks: int, cells: Sequence[int], inverses: Sequence[int]) -> K:
    """What the folded witness has to be at the domain point of an opened column."""
    value = ZERO
    for k, factor in enumerate(factors):
        part = ZERO
        if k < blocks:
            part = add(embed(cells[k]), scale(mu, cells[blocks + k]))
        if 3 * k < len(inverses):
            part = add(part, mul(mul(mu, mu), (inverses[3 * k], inverses[3 * k + 1], inverses[3 * k + 2])))
        value = add(value, mul(factor, part))
    return value


def _check_modes(statement: Statement) -> None:
    p = statement.parameters
    private = isinstance(statement.weights, WeightCommitment)
    if private != bool(p.weight_tail) or isinstance(statement.input, InputCommitment) != bool(p.input_log_domain):
        raise VerificationError("The parameters do not fit what is committed.", code="BadParameters")
    if bool(statement.relation.weight_rows) != (statement.weights is not None):
        raise VerificationError("The statement lacks its weights, or has some too many.", code="BadStatement")


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What is sent and drawn up to the final point of the constraint sumcheck."""

    keys: KeyChallenges
    """Challenges of the look-ups."""
    batching: Batching
    """Challenges that batch."""
    sums: tuple[K, K, K]
    """The sum of all products with its pad, and F and X at the end."""
    products: HiddenSumcheck
    """The product sumcheck."""
    lambdas: Sequence[K]
    """Factors of the linear claims."""
    rounds: HiddenSumcheck
    """The constraint sumcheck."""
    values: Sequence[K]
    """The columns a, b and h at the final point."""
    mu: K
    """Mixes columns."""
    balance: K
    """Factor of the product sumcheck's last claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduced:
    """What is left of both sumchecks at the final point."""

    coefficients: Coefficients
    """Of the constraint polynomial."""
    claims: ProductClaims
    """Factors of weights and masks."""
    rows: list[K]
    """Factors of the weight matrix's rows."""
    linear: LinearClaim
    """The one linear claim."""


class Verification:
    """A verification in the order of the protocol; `state` of its transcript links what is replayed apart."""

    def __init__(self, statement: Statement, proof: bytes) -> None:
        self.statement, self.relation, self.parameters = statement, statement.relation, statement.parameters
        self.reader, self.transcript = ProofReader(proof), Transcript()

    def run(self) -> None:
        """All of it."""
        relation, p = self.relation, self.parameters
        # 1., 2., 3. commitments and sumchecks
        begun = self.begin()
        reduced = self.reduce(begun)
        # 4. hub
        self.commit_hub()
        # 5. columns
        split = relation.log_rows - p.log_width
        opened = self._open_columns(begun.rounds.point[:split], begun.mu, reduced.rows)
        # 6. linear opening
        column_factors = eq_table(begun.rounds.point[split:])
        offsets = self.offsets()
        hub_claims = [
            self.joint_claim(reduced, begun.batching, offsets),
            Claim((Explicit(offsets[1], column_factors),), shown_value(begun)),
            *opened,
        ]
        open_hub(self.reader, self.transcript, relation, p, self.hub_root, hub_claims)
        self.reader.end()

    # -- transcript --------------------------------------------------------------------------------------------------

    def begin(self) -> Begun:
        """Commitments and both sumchecks."""
        relation, reader, transcript = self.relation, self.reader, self.transcript
        # 1. commitments
        transcript.absorb(Tag.STATEMENT, self.statement.encode())
        self.witness_root = reader.take(32)
        transcript.absorb(Tag.WITNESS, self.witness_root)
        keys = KeyChallenges.draw(transcript)
        self.inverse_root = reader.take(32)
        transcript.absorb(Tag.INVERSES, self.inverse_root)
        batching = Batching.draw(transcript)
        # 2. product sumcheck, which begins with the padded sum of all products
        first = reader.elements(1) if relation.matmuls else [ZERO]
        transcript.absorb_elements(Tag.PRODUCT_CLAIM, first)
        products = run_sumcheck(reader, transcript, tag=Tag.PRODUCT_ROUND, rounds=relation.product_rounds, degree=2)
        shown = reader.elements(2) if relation.matmuls else [ZERO, ZERO]
        transcript.absorb_elements(Tag.PRODUCT_VALUES, shown)
        lambdas = transcript.challenges(4)
        # 3. constraint sumcheck
        rounds = run_sumcheck(reader, transcript, tag=Tag.CONSTRAINT_ROUND, rounds=relation.log_rows, degree=4)
        values = reader.elements(3)
        transcript.absorb_elements(Tag.CONSTRAINT_VALUES, values)
        mu, balance = transcript.challenges(2)
        return Begun(
            keys=keys,
            batching=batching,
            sums=(first[0], shown[0], shown[1]),
            products=products,
            lambdas=lambdas,
            rounds=rounds,
            values=values,
            mu=mu,
            balance=balance,
        )

    def commit_hub(self) -> None:
        """The hub's root."""
        self.hub_root = self.reader.take(32)
        self.transcript.absorb(Tag.HUB, self.hub_root)

    def draw_positions(self) -> tuple[list[int], list[int], list[int]]:
        """Positions of witness, weights and input, behind their work."""
        p = self.parameters
        if not self.transcript.grinds(self.reader.nonce(), p.grinding):
            raise VerificationError("The proof lacks its work.", code="BadProof")
        return (
            self.transcript.positions(p.queries, p.log_domain),
            self.transcript.positions(p.weight_queries, p.weight_log_domain) if p.weight_tail else [],
            self.transcript.positions(p.input_queries, p.input_log_domain) if p.input_log_domain else [],
        )

    # -- from the sumchecks to one linear claim ----------------------------------------------------------------------

    def reduce(self, begun: Begun) -> Reduced:
        """Both last claims as one, linear in what is hidden."""
        point = ConstraintPoint(begun.rounds.point)
        coefficients = evaluate(self.relation, begun.keys, begun.batching, point)
        claims = self._products(begun.batching, begun.products, point)
        rows = self._cells(coefficients, claims, begun.batching, begun.lambdas, point)
        linear = join(
            self.statement,
            begun.batching,
            begun.products,
            begun.sums,
            begun.lambdas,
            (claims.mask_right, claims.mask_left),
            claims.form,
            begun.rounds,
            begun.balance,
            rows,
        )
        a, b, h = begun.values
        linear.value = add(linear.value, coefficients.value(begun.keys, a, b, h))
        return Reduced(coefficients=coefficients, claims=claims, rows=rows, linear=linear)

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

    def offsets(self) -> tuple[int, int, int, int]:
        """First elements in the hub of the folded weights, the folded witness, the hidden scalars and the input."""
        weights, witness, pads, _ = segment_lengths(self.relation, self.parameters)
        return 0, weights, weights + witness, weights + witness + pads

    def _open_columns(self, row_point: Sequence[K], mu: K, row_factors: Sequence[K]) -> list[Claim]:
        """Claims about the folded rows at the opened positions."""
        statement, relation, p, reader = self.statement, self.relation, self.parameters, self.reader
        witness_at, weights_at, input_at = self.draw_positions()
        blocks, inverse_blocks = p.blocks(relation), p.inverse_blocks(relation)
        cells = reader.columns(self.witness_root, witness_at, p.log_domain, 2 * blocks + 3)
        inverses = reader.columns(self.inverse_root, witness_at, p.log_domain, 3 * inverse_blocks)
        lengths, offsets = segment_lengths(relation, p), self.offsets()
        generator = root_of_unity(p.log_domain)
        block_factors = eq_table(row_point)[: max(blocks, inverse_blocks)]
        claims = []
        for position, column in cells.items():
            base = pow(generator, position, P)
            h = inverses[position]
            value = column_value(block_factors, mu, blocks, column, h)
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

    def joint_claim(self, reduced: Reduced, batching: Batching, offsets: tuple[int, int, int, int]) -> Claim:
        """The linear claim about hidden scalars, weights and input, in this order."""
        linear, form = reduced.linear, reduced.claims.form
        parts: list[Explicit | Powers | Tensor] = [Explicit(offsets[2], linear.pads)]
        if linear.weights != ZERO:
            split = max(0, len(form) - self.parameters.hub_log_width)
            high = [mul(linear.weights, h) for h in expand(form[:split])]
            parts.append(Tensor(high, expand(form[split:])))
        if linear.taken != ZERO:
            ladder = powers(batching.xi, self.relation.input_count)
            parts.append(Explicit(offsets[3], [mul(linear.taken, x) for x in ladder]))
        return Claim(tuple(parts), linear.value)
