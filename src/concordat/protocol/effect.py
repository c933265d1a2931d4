"""Effects: a number on chain that follows a model, and when a decision moves it (docs/explain/effects.md).

Checks stand in the order of that page; the first that fails names the refusal. The contract twin is
``contracts/src/effects/Steward.sol``; tests/differential drives both with the same messages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from concordat.primitives.encoding import ZERO32, abi_words
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Bytes32, OrderId
from concordat.protocol.evidence import EvidenceKind, is_private, replicas_of, satisfied
from concordat.protocol.execution import commit_result
from concordat.protocol.guard import admit
from concordat.protocol.order import Domain, Order, OrderState, OrderStatus, order_id
from concordat.protocol.refusals import require
from concordat.protocol.source import Schedule, SourceTerms
from concordat.protocol.state import Call
from concordat.protocol.steward import (
    COUNTABLE,
    Applied,
    ApplyDecision,
    Contradict,
    Contradicted,
    EffectEvent,
    EpochDecision,
    Restart,
    Restarted,
    StewardMessage,
    StewardState,
    StewardTerms,
    Stop,
    Stopped,
)

__all__ = ["Surroundings", "effect_of", "move_steward", "steward_value", "terms_agree"]

_EFFECT_TYPEHASH = keccak256(b"Effect(address steward,uint32 epoch,address source)")
_OPTIMISTIC = 1 << EvidenceKind.FRAUD_PROVABLE
_PROVEN = 1 << EvidenceKind.NATIVE | 1 << EvidenceKind.VALIDITY
_REPLICATED = 1 << EvidenceKind.REPLICATED


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a steward sees of the world: its own address, the clock of its source, orders and inputs."""

    address: Address
    """The steward."""
    domain: Domain
    """EIP-712 domain of the market."""
    schedule: Schedule
    """How the source cuts time."""
    order: Callable[[OrderId], OrderState]
    """Slot of any order."""
    input: Callable[[int], Bytes32]
    """Root of any epoch's input; zeros where nobody observed."""


def effect_of(steward: Address, epoch: int, source: Address) -> Bytes32:
    """What an order for an epoch has in its `effect`: EIP-712 ``hashStruct`` of steward, epoch and source."""
    return keccak256(abi_words(_EFFECT_TYPEHASH, steward, epoch, source))


def terms_agree(terms: StewardTerms, source: SourceTerms) -> bool:
    """Whether terms go together, and with the source (``BadSteward`` if not)."""
    kinds = terms.accepts > 0 and not terms.accepts & ~COUNTABLE
    watched = not terms.accepts & _OPTIMISTIC or (source.open and terms.min_window > 0)
    several = not terms.accepts & _REPLICATED or terms.min_replicas > 1
    times = source.schedule.observe_within < terms.apply_within <= terms.guard.lifetime
    readable = terms.reading.denominator != 0 and any(terms.model)
    return kinds and watched and several and times and readable and terms.guard.holds()


def steward_value(terms: StewardTerms, schedule: Schedule, state: StewardState, now: int) -> int:
    """The value in force."""
    return terms.guard.resting if state.stopped else _in_force(terms, schedule, state, now)


def move_steward(
    terms: StewardTerms, around: Surroundings, state: StewardState, message: StewardMessage, call: Call
) -> tuple[StewardState, tuple[EffectEvent, ...]]:
    """The steward after one message, and what it announced.

    Raises
    ------
    ProtocolError
        If a check fails; the steward is then as it was.
    """
    match message:
        case ApplyDecision():
            return _apply(terms, around, state, message, call)
        case Contradict():
            return _contradict(terms, around, state, message, call)
        case Stop():
            require(call.sender in (state.guardian, terms.governor), "NotGuardian")
            require(not state.stopped, "StewardStopped")
            return replace(state, stopped=True), (Stopped(by=call.sender),)
        case Restart():
            require(call.sender == terms.governor, "NotGovernor")
            require(state.stopped, "NotStopped")
            state = replace(state, stopped=False, value=terms.guard.resting, guardian=message.guardian)
            return state, (Restarted(guardian=message.guardian),)


def _apply(
    terms: StewardTerms, around: Surroundings, state: StewardState, message: ApplyDecision, call: Call
) -> tuple[StewardState, tuple[EffectEvent, ...]]:
    epoch, start = message.epoch, around.schedule.start(message.epoch)
    # CHECK
    require(not state.stopped, "StewardStopped")
    require(epoch > 0 and call.now >= start, "EpochNotOpen", epoch=epoch)
    require(call.now < start + terms.apply_within, "EpochClosed", epoch=epoch)
    require(epoch > state.epoch, "EpochDone", epoch=epoch)
    key, said, settled_by = _settled(terms, around, message)
    current = _in_force(terms, around.schedule, state, call.now)
    value, level = admit(terms.guard, current, said, state.level, call.now - state.applied_at)
    # EFFECT
    decided = EpochDecision(said=said, value=value, applied_at=call.now, settled_by=settled_by)
    decisions = state.decisions.put(epoch, decided)
    state = replace(state, value=value, level=level, epoch=epoch, applied_at=call.now, decisions=decisions)
    # EVENT
    return state, (Applied(epoch=epoch, order_id=key, said=said, value=value, settled_by=settled_by),)


def _contradict(
    terms: StewardTerms, around: Surroundings, state: StewardState, message: Contradict, call: Call
) -> tuple[StewardState, tuple[EffectEvent, ...]]:
    epoch, decided = message.epoch, state.decision(message.epoch)
    # CHECK
    require(decided.applied_at != 0 and not decided.contradicted, "NoContradiction", epoch=epoch)
    require(call.now < around.schedule.start(epoch) + terms.guard.lifetime, "EpochClosed", epoch=epoch)
    key, said, settled_by = _settled(terms, around, message)
    weaker = not settled_by & _PROVEN and bool(decided.settled_by & _PROVEN)
    require(said != decided.said and not weaker, "NoContradiction", epoch=epoch)
    # EFFECT
    was_running = not state.stopped
    decisions = state.decisions.put(epoch, replace(decided, contradicted=True))
    state = replace(state, stopped=True, decisions=decisions)
    # EVENT
    shown = Contradicted(epoch=epoch, order_id=key, said=said, settled_by=settled_by)
    return state, (shown, Stopped(by=call.sender)) if was_running else (shown,)


def _settled(
    terms: StewardTerms, around: Surroundings, message: ApplyDecision | Contradict
) -> tuple[OrderId, int, int]:
    """What a settled order says about an epoch; the checks are numbered in docs/explain/effects.md §3."""
    order, delivery, epoch = message.order, message.delivery, message.epoch
    key, observed = order_id(order, around.domain), around.input(epoch)
    # CHECK
    require(order.effect == effect_of(around.address, epoch, terms.source), "WrongEffect", order=key.hex())
    require(order.model == terms.model, "OtherModel", order=key.hex())
    require(observed != ZERO32, "NotObserved", epoch=epoch)
    require(order.input == observed, "WrongInput", order=key.hex())
    state = around.order(key)
    require(state.status is OrderStatus.PAID, "NotSettled", order=key.hex())
    settled_by = _counted(terms, order, state.gathered)
    require(satisfied(order.evidence, settled_by), "EvidenceTooWeak", order=key.hex())
    output_hash = keccak256(delivery.output)
    opened = commit_result(key, delivery.provider, delivery.trace_root, output_hash)
    require(opened == state.commitment, "WrongResult", order=key.hex())
    whole = delivery.trace_root == ZERO32 or delivery.output != delivery.trace_root
    require(whole and len(delivery.output) >= 4 * (terms.reading.element + 1), "OutputTooShort", order=key.hex())
    return key, terms.reading.read(delivery.output), settled_by


def _counted(terms: StewardTerms, order: Order, gathered: int) -> int:
    """Of the kinds gathered, those that count."""
    if is_private(order.evidence):
        return 0
    counted = gathered & terms.accepts
    if order.window < terms.min_window or order.bond < terms.min_bond:
        counted &= ~_OPTIMISTIC
    if replicas_of(order.evidence)[0] < terms.min_replicas:
        counted &= ~_REPLICATED
    return counted


def _in_force(terms: StewardTerms, schedule: Schedule, state: StewardState, now: int) -> int:
    """The last value until it expires; does not look at the kill switch."""
    return state.value if now < schedule.start(state.epoch) + terms.guard.lifetime else terms.guard.resting
