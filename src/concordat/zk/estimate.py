"""What a proof will cost, before it is begun."""

from __future__ import annotations

from dataclasses import dataclass

from concordat.primitives.errors import ModelError
from concordat.zk.parameters import Parameters, hub_rounds, hub_rows, proof_bytes, work
from concordat.zk.relation import Relation, WeightBlock

__all__ = ["Estimate", "estimate"]

_BASE = 8
"""Bytes of an element of F."""
_ELEMENT = 24
"""Bytes of an element of K."""
_TREE = 64
"""Bytes of a tree for each of its leaves."""
_OTHER = 800_000
"""Bytes that do not depend on sizes: twiddle factors, threads."""
_SLACK = 1.08
"""What allocations waste."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The cost of one proof by the compiled prover."""

    prove_seconds: float
    """Processor time on a server core with AVX-512 (docs/benchmarks.md); others take several times as long."""
    memory_bytes: int
    """Most that witness and proof take at once, besides program, circuit and committed weights."""
    proof_bytes: int
    """Length of the proof on average; a single one may be two per cent longer."""

    def require(
        self, *, seconds: float | None = None, memory_bytes: int | None = None, proof_bytes: int | None = None
    ) -> None:
        """Refuse what does not fit.

        Raises
        ------
        ModelError
            If a bound is exceeded (``ProofSize``); it says which.
        """
        if seconds is not None and self.prove_seconds > seconds:
            raise _refused(f"take about {self.prove_seconds:.1f} seconds, of {seconds:.1f} allowed")
        if memory_bytes is not None and self.memory_bytes > memory_bytes:
            raise _refused(f"take about {_megabytes(self.memory_bytes)}, of {_megabytes(memory_bytes)} allowed")
        if proof_bytes is not None and self.proof_bytes > proof_bytes:
            raise _refused(f"have about {self.proof_bytes:,} bytes, of {proof_bytes:,} allowed")


def estimate(relation: Relation, parameters: Parameters) -> Estimate:
    """What a proof of a relation costs under some parameters."""
    folded = sum(m.cols * m.inner for m in relation.matmuls if isinstance(m.right, WeightBlock))
    nanoseconds = 1.5e6 + work(relation, parameters) + 400 * relation.used_rows + 8 * folded
    return Estimate(
        prove_seconds=nanoseconds / 1e9,
        memory_bytes=_memory(relation, parameters),
        proof_bytes=round(proof_bytes(relation, parameters)),
    )


def _memory(relation: Relation, p: Parameters) -> int:
    """What stays from the first commitment to the last, and the most of what comes and goes."""
    blocks, inverse_blocks, width = p.blocks(relation), p.inverse_blocks(relation), 1 << p.log_width
    stays = (_BASE * (2 * blocks + 3 + 3 * inverse_blocks) + 2 * _TREE) << p.log_domain
    stays += 2 * _BASE * (blocks * width + relation.used_rows) + _ELEMENT * inverse_blocks * width
    return round(_SLACK * (stays + max(_rounds(relation, inverse_blocks * width), _hub(relation, p)))) + _OTHER


def _rounds(relation: Relation, inverses: int) -> int:
    """The tables of the sumchecks."""
    exponents = sum(f.count // f.cols * f.stride for f in relation.families)
    bound = min(1 << (relation.log_rows - 1), relation.used_rows)
    tables = 2 * relation.used_rows + 4.5 * relation.lookup_rows + 0.7 * relation.used_rows
    return max(round(_ELEMENT * (tables + inverses + 2 * bound + exponents)), 2 * _ELEMENT << relation.product_rounds)


def _hub(relation: Relation, p: Parameters) -> int:
    """The hub's code, its rows, and three vectors as long as the hub."""
    rows, width = hub_rows(relation, p) + 3, 1 << p.hub_log_width
    code = (_ELEMENT * rows + _TREE) << p.hub_log_domain
    return code + _ELEMENT * (rows * (width + p.hub_queries) + (3 * width << hub_rounds(relation, p)))


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"


def _refused(what: str) -> ModelError:
    return ModelError(
        f"A proof would {what}.",
        code="ProofSize",
        hint="Prove fewer inferences at once, a smaller model, or allow more.",
    )
