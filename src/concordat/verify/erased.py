"""What an erasure leaves to check: the record and its place, and no longer what it was about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from concordat.protocol.checkpoint import InclusionProof
from concordat.protocol.transparency import verify_inclusion
from concordat.protocol.verification import Outcome
from concordat.verify.case import Case, Found, contradiction
from concordat.verify.logged import log_signature

__all__ = ["ERASED_CHECKS", "erasure"]

ERASED_CHECKS = frozenset({5, 6, 7, 13})
"""Checks that need what was erased, whether or not this copy still has it."""


def erasure(case: Case) -> Found:
    """What the log says about the order's private data.

    Raises
    ------
    VerificationError
        If the tombstone is not in the log that it comes with.
    """
    assert case.erasure is not None, "asked for orders that have a tombstone"
    tombstone, proof = case.erasure.tombstone, InclusionProof.parse(case.erasure.inclusion)
    if (tombstone.domain, tombstone.order_id) != (case.bundle.domain, case.order_id):
        return contradiction("The tombstone is about another order.")
    same_log = case.proof is not None and case.proof.checkpoint.origin == proof.checkpoint.origin
    if case.proof is not None and same_log and case.proof.index != tombstone.index:
        return contradiction("The tombstone is about another record.")
    checkpoint = proof.checkpoint
    verify_inclusion(tombstone.leaf(), proof.index, checkpoint.size, proof.path, checkpoint.root)
    signed = log_signature(replace(case, proof=proof)).outcome is Outcome.PASS
    day = datetime.fromtimestamp(tombstone.time, UTC).strftime("%Y-%m-%d")
    whose = "the log" if signed else "a log that is not trusted,"
    advice = "; delete this copy" if case.bundle.input is not None or case.bundle.output is not None else ""
    said = f"What was private was erased on {day}, says {whose} {checkpoint.origin} in entry {proof.index}{advice}."
    return Found(outcome=Outcome.ERASED, reason=said)
