"""Checks 9 to 12: the record, its place in the log, and who signed the log."""

from __future__ import annotations

from collections.abc import Iterable

from concordat.protocol.checkpoint import verified_by
from concordat.protocol.log_keys import follow, satisfies, unpack_statements
from concordat.protocol.note import NoteKey
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
    checkpoint, note, trust = case.proof.checkpoint, case.proof.note, case.trust
    origin, keys = checkpoint.origin, trust.keys_of(checkpoint.origin)
    statements = unpack_statements(case.proof.extra)
    if keys and statements:
        for statement in statements:
            statement.check_place(checkpoint)
        rescue = [key for key in trust.recovery_keys if key.name == origin]
        keys, _, _ = follow(keys, rescue, statements, require=trust.require, anchored=lambda _: _is_anchored(case))
    signed = verified_by(note, keys)
    if satisfies(signed, keys, trust.require):
        changes = f", as the log's own {len(statements)} change(s) of keys say" if statements else ""
        return holds(f"The log {origin} signed it with a trusted key ({_algorithms(signed)}){changes}.")
    if signed:
        return unchecked(f"The log {origin} signed it with {_algorithms(signed)} only, which is not enough.")
    return _signed_in_the_past(case) or unchecked(f"No trusted key of the log {origin} signed the checkpoint.")


def _signed_in_the_past(case: Case) -> Found | None:
    """A key that was replaced speaks for the log up to there; one that others may hold, only with better witnesses."""
    assert case.proof is not None
    assert case.trust is not None
    checkpoint = case.proof.checkpoint
    past = [gone for gone in case.trust.retired if gone.key.name == checkpoint.origin and checkpoint.size <= gone.size]
    signed = verified_by(case.proof.note, [gone.key for gone in past])
    same = {gone.size for gone in past if gone.key in signed}
    if not same:
        return None
    speaking = [gone for gone in past if gone.size == min(same)]
    if not satisfies(signed & {gone.key for gone in speaking}, [gone.key for gone in speaking], case.trust.require):
        return unchecked("A replaced key of the log signed it, and not those that were asked for beside it.")
    for gone in speaking:
        known = (checkpoint.size, checkpoint.root) == (gone.size, gone.root)
        if gone.revoked is not None and not known and not _is_anchored(case, before=gone.revoked):
            return unchecked("Only a key that others may hold signed it, and no chain shows that it is old.")
    return holds(f"The log {checkpoint.origin} signed it with the keys that it had then.")


def _is_anchored(case: Case, *, before: int = 1 << 62) -> bool:
    """Whether the log's owner put this very checkpoint on chain."""
    if case.proof is None or case.trust is None or case.facts is None:
        return False
    checkpoint, trust = case.proof.checkpoint, case.trust
    return trust.log is not None and any(
        (posted.contract, posted.log) == (trust.checkpoints, trust.log)
        and (posted.size, posted.root) == (checkpoint.size, checkpoint.root)
        and posted.time < before
        for posted in case.facts.anchors
    )


def _algorithms(keys: Iterable[NoteKey]) -> str:
    return " and ".join(sorted({key.kind.algorithm for key in keys}))


def witness_quorum(case: Case) -> Found:
    """Check 12."""
    if case.proof is None:
        return unchecked("The bundle has no checkpoint yet.")
    if case.trust is None or not case.trust.witness_keys:
        return unchecked("No trust root names witnesses.")
    known, require = case.trust.witness_keys, case.trust.witness_require
    found = verified_by(case.proof.note, known)
    signed = {
        name
        for name in {key.name for key in found}
        if satisfies([k for k in found if k.name == name], [k for k in known if k.name == name], require)
    }
    if len(signed) < case.trust.quorum:
        return unchecked(f"{len(signed)} of the {case.trust.quorum} witnesses that are asked for signed it.")
    return holds(f"{len(signed)} trusted witnesses signed it.")
