"""One door to all transitions: the rule for each kind of message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from concordat.protocol import (
    claim_messages,
    demand,
    dispute,
    messages,
    panel_messages,
    pool,
    replication,
    settlement,
    vault,
)
from concordat.protocol.messages import Message
from concordat.protocol.refusals import refusal
from concordat.protocol.state import Call, Outcome, Rules, WorldState

__all__ = ["apply_message"]


def _no_claims(_rules: Rules, _world: WorldState, _message: Any, _call: Call) -> Outcome:
    """Nobody judges claims of proofs here: no relation is admitted, and proofs are checked whole."""
    raise refusal("NotAdmitted")


_TRANSITIONS: dict[type, Callable[[Rules, WorldState, Any, Call], Outcome]] = {
    messages.Deposit: vault.deposit,
    messages.Withdraw: vault.withdraw,
    messages.Accept: settlement.accept,
    messages.AcceptOpen: settlement.accept_open,
    messages.Submit: settlement.submit,
    messages.AcceptAndSubmit: settlement.accept_and_submit,
    messages.Prove: settlement.prove,
    messages.AcceptAndProve: settlement.accept_and_prove,
    messages.Release: settlement.release,
    messages.Finalize: settlement.finalize,
    messages.Expire: settlement.expire,
    messages.Cancel: settlement.cancel,
    messages.CommitFind: dispute.commit_find,
    messages.ProveElement: dispute.prove_element,
    messages.ProveOutput: dispute.prove_output,
    messages.OpenDispute: dispute.open_dispute,
    messages.Reveal: dispute.reveal,
    messages.Pick: dispute.pick,
    messages.RevealLeaf: dispute.reveal_leaf,
    messages.TimeOut: dispute.time_out,
    messages.Demand: demand.demand,
    messages.Supply: demand.supply,
    messages.OpenResult: demand.open_result,
    messages.TimeOutDemand: demand.time_out_demand,
    messages.CloseDemand: demand.close_demand,
    messages.CloseDispute: dispute.close_dispute,
    panel_messages.JoinPool: pool.join,
    panel_messages.LeavePool: pool.leave,
    panel_messages.CollectStake: pool.collect,
    panel_messages.SealResult: replication.seal,
    panel_messages.DrawPanel: replication.draw_panel,
    panel_messages.CommitSeat: replication.commit_seat,
    panel_messages.RevealSeat: replication.reveal_seat,
    panel_messages.SettleSeat: replication.settle_seat,
    panel_messages.ClosePanel: replication.close_panel,
    panel_messages.ConvictElement: replication.convict_element,
    panel_messages.ConvictOutput: replication.convict_output,
    **dict.fromkeys(get_args(claim_messages.ClaimMessage), _no_claims),
}


def apply_message(rules: Rules, world: WorldState, message: Message, call: Call) -> Outcome:
    """The world after one message, and what it announced.

    Raises
    ------
    ProtocolError
        If a check fails; the world is then as it was.
    """
    return _TRANSITIONS[type(message)](rules, world, message, call)
