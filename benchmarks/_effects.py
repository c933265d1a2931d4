"""Gas of stewards: what an epoch costs beyond its order."""

from __future__ import annotations

from typing import Any

from _stage import WINDOW, Stage
from concordat.chain.contracts import contract
from concordat.primitives.encoding import ZERO_ADDRESS, from_hex
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Amount, Bytes32, ModelId, Seconds
from concordat.protocol.effect import effect_of
from concordat.protocol.execution import Result, input_root
from concordat.protocol.guard import Guard
from concordat.protocol.messages import AcceptAndSubmit, Finalize
from concordat.protocol.order import Order
from concordat.protocol.source import Schedule, Shape, observation_digest, source_salt
from concordat.protocol.steward import Delivery, Reading, StewardTerms

__all__ = ["measure_effects"]

MODEL = ModelId(keccak256(b"some risk model"))
LENGTH = Seconds(3_600)
WORDS = 2
"""Words of the input: up to sixteen 32-bit numbers."""
QUORUM = 2
"""Of three signers."""
OUTPUT = (4_900).to_bytes(4, "big").ljust(32, b"\0")
RESULT = Result(trace_root=keccak256(b"some trace"), output=OUTPUT)


def measure_effects(stage: Stage) -> dict[str, Any]:
    """Two epochs of a steward over an input that two of three signers vouch for; the second counts."""
    schedule = Schedule(genesis=stage.ledger.now(), length=LENGTH, observe_within=Seconds(600))
    source, steward = _deploy(stage, schedule)
    for epoch in (1, 2):
        stage.ledger.advance(Seconds(max(0, schedule.start(epoch) - stage.ledger.now())))
        observed, applied = _epoch(stage, source, steward, epoch)
    return {"effect_apply_gas": applied, "effect_observe_gas": observed}


def _deploy(stage: Stage, schedule: Schedule) -> tuple[Address, Address]:
    signers = sorted(account.address for account in stage.accounts.values())
    source = _create(stage, "SignedSource", schedule, Shape(words=WORDS, depth=1), signers, QUORUM, True)
    terms = StewardTerms(
        market=stage.ledger.domain.market,
        source=source,
        model=MODEL,
        accepts=3,
        apply_within=LENGTH,
        min_window=WINDOW,
        min_bond=Amount(0),
        min_replicas=2,
        governor=ZERO_ADDRESS,
        reading=Reading(element=0),
        guard=Guard(low=4_000, high=8_000, resting=5_000, step=200, per_day=500, lifetime=Seconds(86_400)),
    )
    return source, _create(stage, "Steward", terms, ZERO_ADDRESS)


def _create(stage: Stage, name: str, *arguments: Any) -> Address:
    receipt = stage.ledger.sender.send(stage.accounts["keeper"], None, contract(name).creation(*arguments))
    return Address(from_hex(receipt["contractAddress"]))


def _epoch(stage: Stage, source: Address, steward: Address, epoch: int) -> tuple[int, int]:
    words, salt = keccak256(b"word") * WORDS, source_salt(source, epoch)
    root = input_root(words, salt, 1)
    digest = observation_digest(stage.ledger.domain.chain_id, source, epoch, root)
    keys = sorted(stage.accounts.values(), key=lambda account: account.address)[:QUORUM]
    signatures = [key.sign(digest) for key in keys]
    seen = stage.call("keeper", "SignedSource", source, "observe", epoch, root, words, signatures)
    order, delivery = _settle(stage, root, effect_of(steward, epoch, source))
    done = stage.call("keeper", "Steward", steward, "applyDecision", order, epoch, delivery)
    if int(done["status"], 16) != 1:
        raise RuntimeError("The decision was not applied: the figure would be worth nothing.")
    return int(seen["gasUsed"], 16), int(done["gasUsed"], 16)


def _settle(stage: Stage, root: Bytes32, effect: Bytes32) -> tuple[Order, Delivery]:
    order, funding = stage.offer(MODEL, root, effect)
    stage.send("provider", AcceptAndSubmit(order=order, funding=funding, result=RESULT))
    stage.ledger.advance(order.window)
    stage.send("keeper", Finalize(order=order))
    return order, Delivery(provider=order.provider, trace_root=RESULT.trace_root, output=OUTPUT)
