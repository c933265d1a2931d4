"""Checks 14 to 16: what a chain says, as somebody read it for the verifier."""

from __future__ import annotations

from concordat.primitives.encoding import to_hex
from concordat.protocol.bundle import Anchor
from concordat.protocol.checkpoint import Checkpoint
from concordat.protocol.execution import commit_result
from concordat.protocol.order import OrderStatus
from concordat.protocol.transparency import verify_consistency
from concordat.protocol.verification import sequence_of
from concordat.verify.case import Case, Found, contradiction, holds, unchecked
from concordat.verify.sequence import check_sequence

__all__ = ["anchor", "sequence", "settlement"]

_NOBODY_ASKED = "Nobody asked a chain."


def settlement(case: Case) -> Found:
    """Check 14."""
    facts, record, bundle = case.facts, case.record, case.bundle
    if facts is None:
        return unchecked(_NOBODY_ASKED)
    if facts.domain != bundle.domain:
        return contradiction("The chain that was asked is not the one of the order.")
    if record is None:
        return unchecked(f"The order is {facts.state.status.name.lower()} on chain, and not recorded yet.")
    if facts.state.status is not OrderStatus.PAID:
        return contradiction(f"On chain the order is {facts.state.status.name.lower()}, not paid.")
    header = bundle.header
    result = commit_result(case.order_id, bundle.order.provider, header.trace_root, header.output_hash)
    if facts.state.commitment != result:
        return contradiction("The chain holds another result.")
    if facts.state.gathered != record.gathered:
        return contradiction("The chain settled the order by other evidence.")
    if facts.placements != bundle.settlement:
        return contradiction("The events are elsewhere on chain than the bundle says.")
    return holds(f"Paid in block {bundle.settlement[-1].block}, with the recorded result and evidence.")


def anchor(case: Case) -> Found:
    """Check 15."""
    if case.proof is None:
        return unchecked("The bundle has no checkpoint yet.")
    checkpoint, claimed, trust = case.proof.checkpoint, case.bundle.anchor, case.trust
    size, root = checkpoint.size, checkpoint.root
    if claimed is not None:
        verify_consistency(size, root, claimed.size, claimed.root, claimed.consistency)
        if not _anchor_trusted(case, claimed):
            return contradiction("The bundle names another anchor than the trust root.")
        size, root = claimed.size, claimed.root
    if trust is None or trust.checkpoints is None or trust.log is None:
        return unchecked("No trust root says where the log is anchored.")
    if case.facts is None:
        return unchecked(_NOBODY_ASKED)
    posted = [a for a in case.facts.anchors if (a.contract, a.log) == (trust.checkpoints, trust.log)]
    if conflict := _conflict(checkpoint, [(a.size, a.root) for a in posted]):
        return contradiction(f"The anchored log of {conflict} entries has another root: the log shows two faces.")
    match = next((a for a in posted if (a.size, a.root) == (size, root)), None)
    if match is None:
        return unchecked(f"No anchored checkpoint of {size} entries was found.")
    return holds(f"A checkpoint of {size} entries that contains this one stands on chain since {match.time}.")


def _anchor_trusted(case: Case, claimed: Anchor) -> bool:
    trust = case.trust
    return trust is None or (trust.checkpoints in (None, claimed.contract) and trust.log in (None, claimed.log))


def _conflict(checkpoint: Checkpoint, posted: list[tuple[int, bytes]]) -> int | None:
    return next((size for size, root in posted if size == checkpoint.size and root != checkpoint.root), None)


def sequence(case: Case) -> Found:
    """Check 16."""
    facts, record = case.facts, case.record
    if facts is None:
        return unchecked(_NOBODY_ASKED)
    if record is None:
        return unchecked("The bundle has no record yet.")
    place = sequence_of(facts.settled, case.order_id)
    if place is None:
        return contradiction(f"The order is not among the settled ones of model {to_hex(record.model)}.")
    if place != record.sequence:
        return contradiction(
            f"It is settled order {place} of this model and provider, but recorded as {record.sequence}."
        )
    if facts.records is None:
        return holds(f"It is order {place} of this model and provider on chain too; the log itself was not read.")
    line = (record.model, record.provider)
    others = {version.market for version in case.trust.earlier} if case.trust is not None else set()
    findings = check_sequence(
        [r for r in facts.records if (r.model, r.provider) == line and r.domain.market not in others],
        [order for order in facts.settled if (order.model, order.provider) == line],
        domain=record.domain,
        until=record.time,
    )
    if findings:
        return contradiction(f"{len(findings)} finding(s) in the log, the first: {findings[0]}.")
    return holds(f"It is order {place}, and the log holds every settled order up to it, in order.")
