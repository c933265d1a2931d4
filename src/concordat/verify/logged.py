"""Checks 9 to 12: the record, its place in the log, and who signed the log."""

from __future__ import annotations

from concordat.protocol.checkpoint import verified_by
from concordat.protocol.record import DecisionRecord, settlement_of
from concordat.protocol.transparency import verify_inclusion
from concordat.verify.case import Case, Found, contradiction, holds, unchecked

__all__ = ["inclusion", "log_signature", "record_matches", "witness_quorum"]


def record_matches(case: Case) -> Found:
    """Check 9."""
    bundle, record = case.bundle, case.record
    if record is None:
        return unchecked("The bundle has no record yet.")
    if DecisionRecord.decode(record.encode()) != record:
        return contradiction("The record has no canonical form.")
    placements = settlement_of(bundle.settlement)
    claims = (record.domain, record.order_id, record.model, record.provider, record.input)
    order = bundle.order
    if claims != (bundle.domain, case.order_id, order.model, order.provider, order.input):
        return contradiction("The record is about another order.")
    if placements != bundle.settlement or record.time != placements[-1].time:
        return contradiction("The record's time is not that of the settlement.")
    return holds(f"It is decision {record.sequence} of this model and provider.")


def inclusion(case: Case) -> Found:
    """Check 10."""
    if case.record is None or case.proof is None:
        return unchecked("The bundle has no inclusion proof yet.")
    checkpoint = case.proof.checkpoint
    verify_inclusion(case.record.leaf(), case.proof.index, checkpoint.size, case.proof.path, checkpoint.root)
    return holds(f"It is entry {case.proof.index} of the {checkpoint.size} under the checkpoint.")


def log_signature(case: Case) -> Found:
    """Check 11."""
    if case.proof is None:
        return unchecked("The bundle has no checkpoint yet.")
    if case.trust is None:
        return unchecked("No trust root says which log counts.")
    origin = case.proof.checkpoint.origin
    if not any(key.name == origin for key in verified_by(case.proof.note, case.trust.log_keys)):
        return unchecked(f"No trusted key of the log {origin} signed the checkpoint.")
    return holds(f"The log {origin} signed it with a trusted key.")


def witness_quorum(case: Case) -> Found:
    """Check 12."""
    if case.proof is None:
        return unchecked("The bundle has no checkpoint yet.")
    if case.trust is None or not case.trust.witness_keys:
        return unchecked("No trust root names witnesses.")
    signed = {key.name for key in verified_by(case.proof.note, case.trust.witness_keys)}
    if len(signed) < case.trust.quorum:
        return unchecked(f"{len(signed)} of the {case.trust.quorum} witnesses that are asked for signed it.")
    return holds(f"{len(signed)} trusted witnesses signed it.")
