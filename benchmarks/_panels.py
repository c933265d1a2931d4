"""An order that two of three replicas must agree with, and one that anybody could take; played twice."""

from __future__ import annotations

from dataclasses import replace

from _stage import Stage
from _stories import INPUT, MODEL, RESULT, Figures, expect, finalize
from concordat.primitives.encoding import ZERO_ADDRESS
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, usd
from concordat.protocol.evidence import EvidenceKind, Replicated, encode_policy
from concordat.protocol.execution import commit_result
from concordat.protocol.messages import Accept, AcceptOpen, Deposit, Prove, Submit
from concordat.protocol.openings import ResultHeader
from concordat.protocol.order import OrderStatus, order_id
from concordat.protocol.panel_events import PanelDrawn
from concordat.protocol.panel_messages import ClosePanel, CommitSeat, DrawPanel, JoinPool, RevealSeat, SealResult
from concordat.protocol.replication import seat_digest

__all__ = ["measure_panels"]

REPLICAS = 3
SALT = keccak256(b"seat")
HEADER = ResultHeader(trace_root=RESULT.trace_root, output_hash=RESULT.output_hash)


def measure_panels(stage: Stage) -> Figures:
    """Joining, a whole replicated order, and an open one."""
    with stage.billing() as joining:
        join_all(stage)
    replicated_order(stage)
    open_order(stage)
    with stage.billing() as bill:
        replicated_order(stage)
    with stage.billing() as taken:
        open_order(stage)
    replicas = sum(gas for who, _, gas in bill.entries if who.startswith("replica"))
    return {
        "replicated_order_gas": bill.gas,
        "replicated_order_replica_gas": replicas // REPLICAS,
        "replicated_order_txs": len(bill.entries),
        "replicated_order_steps": bill.steps(),
        "pool_join_gas": joining.entries[-1][2],
        "open_order_gas": taken.gas,
    }


def join_all(stage: Stage) -> None:
    """Three replicas with ten tickets each."""
    for number, account in enumerate(stage.node.development_accounts(5 + REPLICAS)[5:]):
        stage.accounts[f"replica {number}"] = account
        stage.ledger.add(account)
        stage.ledger.mint(account.address, usd(1000))
        stage.ledger.send(Deposit(amount=usd(100)), sender=account.address)
        stage.send(f"replica {number}", JoinPool(tickets=10))


def replicated_order(stage: Stage) -> None:
    """Accepted, sealed, drawn, committed to, delivered, revealed, proven, closed."""
    order, funding = stage.offer(MODEL, INPUT, evidence=encode_policy(Replicated(k=2, n=REPLICAS)), within=1200)
    key = order_id(order, stage.ledger.domain)
    stage.send("provider", Accept(order=order, funding=funding))
    commitment = commit_result(key, order.provider, RESULT.trace_root, RESULT.output_hash)
    stage.send("provider", SealResult(order=order, result=commitment))
    stage.node.endpoint.call("anvil_mine", hex(stage.ledger.parameters.draw_delay))
    stage.send("provider", DrawPanel(order=order))
    panel = panel_of(stage)
    for who, address in panel.items():
        stage.send(who, CommitSeat(order_id=key, digest=seat_digest(key, address, HEADER, SALT)))
    stage.send("provider", Submit(order=order, result=RESULT))
    for who in panel:
        stage.send(who, RevealSeat(order=order, header=HEADER, salt=SALT))
    stage.ledger.advance(stage.ledger.parameters.reveal_time + 1)
    proof = Prove(
        order=order, kind=EvidenceKind.REPLICATED, output=RESULT.output, trace_root=RESULT.trace_root, proof=b""
    )
    stage.send("provider", proof)
    stage.send("keeper", ClosePanel(order=order))
    expect(stage, order, OrderStatus.PAID)


def panel_of(stage: Stage) -> dict[str, Address]:
    """Names and addresses of who was drawn last."""
    (drawn,) = [p.event for p in stage.ledger.events(start=stage.ledger.head()) if isinstance(p.event, PanelDrawn)]
    return {name: one.address for name, one in stage.accounts.items() if one.address in drawn.replicas}


def open_order(stage: Stage) -> None:
    """Taken, delivered, paid after the window."""
    order, funding = stage.offer(MODEL, INPUT, provider=ZERO_ADDRESS)
    order = replace(order, provider=stage.address("provider"))
    stage.send("provider", AcceptOpen(order=order, funding=funding))
    stage.send("provider", Submit(order=order, result=RESULT))
    finalize(stage, order)
