"""The protocol's vocabulary in the contracts' language: messages to calls, logs to events, reverts to refusals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

from concordat.chain.answers import quantity
from concordat.chain.contracts import contract, custom_error
from concordat.primitives.encoding import from_hex
from concordat.primitives.errors import ConcordatError, InputError, TransactionError
from concordat.primitives.merkle import node_hash
from concordat.primitives.units import Bytes32, Timestamp
from concordat.protocol import claim_messages as claim
from concordat.protocol import messages as m
from concordat.protocol import panel_messages as panel
from concordat.protocol.claim_events import ClaimPosted, RelationAdmitted
from concordat.protocol.events import Accepted, Event
from concordat.protocol.ledger import Placed
from concordat.protocol.order import Order
from concordat.protocol.refusals import refusal

__all__ = ["call_for", "error_for", "event_of", "placed"]

_EVENTS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Event)}
_PARTS: dict[type[Any], tuple[tuple[str, type[Any]], ...]] = {
    Accepted: (("order", Order),),
    ClaimPosted: (("posted", claim.Posted),),
    RelationAdmitted: (("shape", claim.RelationShape),),
}
"""Fields of events that have fields of their own."""
_SAME_MEANING = {"ERC20InsufficientBalance": "InsufficientFunds"}
"""Errors of the token that the vault passes on, and the protocol's word for them."""


def call_for(message: m.Message) -> tuple[str, bytes]:
    """Contract and call data of a message."""
    name, function, arguments = _call(message)
    return name, contract(name).call(function, *arguments)


def _call(message: m.Message) -> tuple[str, str, tuple[Any, ...]]:
    match message:
        case m.Deposit(amount=amount):
            return "Vault", "deposit", (amount,)
        case m.Withdraw(amount=amount, to=to):
            return "Vault", "withdraw", (amount, to)
        case m.CommitFind(digest=digest):
            return "Court", "commitFind", (digest,)
        case m.Demand() | m.Supply() | m.OpenResult() | m.TimeOutDemand() | m.CloseDemand():
            return "Court", *_demand(message)
        case m.ProveElement() | m.ProveOutput() | m.OpenDispute() | m.Reveal() | m.Pick() | m.RevealLeaf():
            return "Court", *_court(message)
        case m.TimeOut(order=order, challenger=challenger):
            return "Court", "timeOut", (order, challenger)
        case m.CloseDispute(order=order, challenger=challenger):
            return "Court", "closeDispute", (order, challenger)
        case (
            panel.JoinPool() | panel.LeavePool() | panel.CollectStake() | panel.ConvictElement() | panel.ConvictOutput()
        ):
            return "Replication", *_pool(message)
        case panel.SealResult() | panel.DrawPanel() | panel.CommitSeat() | panel.RevealSeat():
            return "Replication", *_seats(message)
        case panel.SettleSeat(order=order, replica=replica):
            return "Replication", "settle", (order, replica)
        case panel.ClosePanel(order=order):
            return "Replication", "close", (order,)
        case claim.AdmitRelation() | claim.PostClaim() | claim.CommitProofFind():
            return "ProofCourt", *_claim(message)
        case claim.RefuteStep() | claim.ShowHalf() | claim.RefuteRoot():
            return "ProofCourt", *_refutation(message)
        case _:
            return "Market", *_market(message)


def _market(message: m.Message) -> tuple[str, tuple[Any, ...]]:
    match message:
        case m.Accept(order=order, funding=funding):
            return "accept", (order, funding.mode, funding.signature)
        case m.AcceptOpen(order=order, funding=funding):
            return "acceptOpen", (order, funding.mode, funding.signature)
        case m.Submit(order=order, result=result):
            return "submit", (order, result.trace_root, result.output)
        case m.AcceptAndSubmit(order=order, funding=funding, result=result):
            return "acceptAndSubmit", (order, funding.mode, funding.signature, result.trace_root, result.output)
        case m.Prove(order=order, kind=kind, output=output, trace_root=trace_root, proof=proof):
            return "prove", (order, kind, output, trace_root, proof)
        case m.AcceptAndProve(order=order, funding=funding, kind=kind, output=output, proof=proof):
            return "acceptAndProve", (order, funding.mode, funding.signature, kind, output, proof)
        case m.Release(order=order, signature=signature):
            return "release", (order, signature)
        case m.Finalize(order=order):
            return "finalize", (order,)
        case m.Expire(order=order):
            return "expire", (order,)
        case m.Cancel(order=order, client_signature=client, provider_signature=provider):
            return "cancel", (order, client, provider)
        case _:
            raise InputError(f"{type(message).__name__} is no message of the protocol.", code="NoMessage")


def _court(message: m.Message) -> tuple[str, tuple[Any, ...]]:
    match message:
        case m.ProveElement(order=order, header=header, model=model, proof=proof, salt=salt):
            return "proveElement", (order, header, model, proof, salt)
        case m.ProveOutput(order=order, header=header, model=model, proof=output_proof, salt=salt):
            return "proveOutput", (order, header, model, output_proof, salt)
        case m.OpenDispute(order=order, header=header, model=model):
            return "openDispute", (order, header, model)
        case m.Reveal(order=order, challenger=challenger, children=children):
            return "reveal", (order, challenger, children)
        case m.Pick(order=order, children=children, index=index):
            return "pick", (order, _compact(children, index), index)
        case m.RevealLeaf(order=order, challenger=challenger, word=word):
            return "revealLeaf", (order, challenger, word)
        case _:
            raise InputError(f"{type(message).__name__} is no move in a dispute.", code="NoMessage")


def _demand(message: m.Message) -> tuple[str, tuple[Any, ...]]:
    match message:
        case m.Demand(order=order, header=header, model=model, part=part):
            return "demand", (order, header, model, part)
        case m.Supply(order=order, header=header, model=model, part=part, words=words):
            return "supply", (order, header, model, part, words)
        case m.OpenResult(order=order, header=header, opening=opening):
            return "openResult", (order, header, opening)
        case m.TimeOutDemand(order=order, part=part):
            return "timeOutDemand", (order, part)
        case m.CloseDemand(order=order, part=part):
            return "closeDemand", (order, part)
        case _:
            raise InputError(f"{type(message).__name__} is no demand.", code="NoMessage")


def _pool(message: m.Message) -> tuple[str, tuple[Any, ...]]:
    match message:
        case panel.JoinPool(tickets=tickets):
            return "join", (tickets,)
        case panel.LeavePool():
            return "leave", ()
        case panel.CollectStake(replica=replica):
            return "collect", (replica,)
        case panel.ConvictElement(order=order, replica=replica, header=header, model=model, proof=proof, salt=salt):
            return "convictElement", (order, replica, header, model, proof, salt)
        case panel.ConvictOutput(order=order, replica=replica, header=header, model=model, proof=output, salt=salt):
            return "convictOutput", (order, replica, header, model, output, salt)
        case _:
            raise InputError(f"{type(message).__name__} is not about the pool.", code="NoMessage")


def _seats(message: m.Message) -> tuple[str, tuple[Any, ...]]:
    match message:
        case panel.SealResult(order=order, result=result):
            return "seal", (order, result.ljust(32, b"\0"))
        case panel.DrawPanel(order=order, header=header):
            return "draw", (order, header)
        case panel.CommitSeat(order_id=order_id, digest=digest):
            return "commit", (order_id, digest)
        case panel.RevealSeat(order=order, header=header, salt=salt):
            return "reveal", (order, header, salt)
        case _:
            raise InputError(f"{type(message).__name__} is not about a panel.", code="NoMessage")


def _claim(message: m.Message) -> tuple[str, tuple[Any, ...]]:
    match message:
        case claim.AdmitRelation(relation=relation):
            return "admit", (relation,)
        case claim.PostClaim(order=order, shape=shape, posted=posted, data=data, carrier=claim.Carrier.CALL_DATA):
            return "postCalldata", (order, shape, posted, data)
        case claim.PostClaim(order=order, shape=shape, posted=posted, data=data, carrier=claim.Carrier.BLOB):
            posted = replace(posted, root=claim.data_root(data), length=len(data))
            return "postBlob", (order, shape, posted, 0)
        case claim.CommitProofFind(digest=digest):
            return "commitFind", (digest,)
        case _:
            raise InputError(f"{type(message).__name__} is no claim.", code="NoMessage")


def _refutation(message: m.Message) -> tuple[str, tuple[Any, ...]]:
    match message:
        case claim.RefuteStep(order=order, posted=posted, shape=shape, relation=relation, disclosed=disclosed) as shown:
            return "refuteStep", (
                order,
                posted,
                shape,
                relation,
                disclosed,
                shown.step,
                shown.index,
                shown.salt,
            )
        case claim.ShowHalf(blob=blob, words=words, second=second, length=length):
            return "showHalf", (blob, words, second, length)
        case claim.RefuteRoot() as shown:
            opened = (shown.order, shown.posted, shown.first, shown.half)
            return "refuteRoot", (*opened, shown.words, shown.commitment, shown.proof, shown.salt)
        case _:
            raise InputError(f"{type(message).__name__} is no refutation.", code="NoMessage")


def event_of(name: str, log: Any) -> Event | None:
    """Event in a JSON-RPC log of the contract of that name; ``None`` if it is none of the protocol's."""
    found = contract(name).log([from_hex(topic, length=32) for topic in log["topics"]], from_hex(log["data"]))
    if found is None or found[0] not in _EVENTS:
        return None
    kind, values = _EVENTS[found[0]], found[1]
    for name, part in _PARTS.get(kind, ()):
        values[name] = part(**values[name])
    event: Event = kind(**values)
    return event


def placed(event: Event, log: Any, time: int) -> Placed:
    """An event with the place that its log names."""
    return Placed(
        event=event,
        block=quantity(log["blockNumber"]),
        index=quantity(log["logIndex"]),
        time=Timestamp(time),
        transaction=Bytes32(from_hex(log["transactionHash"], length=32)),
        block_hash=Bytes32(from_hex(log["blockHash"], length=32)),
    )


def error_for(data: bytes, text: str = "") -> ConcordatError:
    """The Python error of some revert data: a refusal of the protocol, or a `TransactionError`."""
    error = custom_error(data)
    if error.name in ("", "Error", "Panic") or error.name.startswith("0x"):
        reason = error.values.get("reason", error.name or text)
        return TransactionError(
            f"The call reverted: {reason or 'no reason given'}.",
            code="Reverted",
            hint="Check that the addresses are those of this chain's deployment.",
        )
    return refusal(_SAME_MEANING.get(error.name, error.name), **error.values)


def _compact(children: Sequence[Bytes32], index: int) -> tuple[Bytes32, ...]:
    """A row as the picked child and its siblings from the bottom up, which costs a quarter less gas; a row of no use
    for that as it is.
    """
    if len(children) <= 2 or len(children) & (len(children) - 1) or not 0 <= index < len(children):
        return tuple(children)
    row, place, path = list(children), index, [children[index]]
    while len(row) > 1:
        path.append(Bytes32(row[place ^ 1]))
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
        place >>= 1
    return tuple(path)
