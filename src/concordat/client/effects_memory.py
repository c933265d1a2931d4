"""Stewards and sources on ``memory://``: the pure rules, nothing kept."""

from __future__ import annotations

from dataclasses import dataclass, field

from concordat.primitives.encoding import ZERO32
from concordat.primitives.errors import NotFoundError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address
from concordat.protocol.effect import Surroundings, move_steward, steward_value, terms_agree
from concordat.protocol.memory import MemoryLedger
from concordat.protocol.refusals import require
from concordat.protocol.source import Observe, Observed, SourceState, SourceTerms, observe
from concordat.protocol.state import Call
from concordat.protocol.steward import EffectEvent, EpochDecision, StewardMessage, StewardState, StewardTerms

__all__ = ["MemoryEffects"]


@dataclass(slots=True)
class _Source:
    terms: SourceTerms
    state: SourceState = field(default_factory=SourceState)
    observed: dict[int, Observed] = field(default_factory=dict)


@dataclass(slots=True)
class _Steward:
    terms: StewardTerms
    state: StewardState
    events: list[EffectEvent] = field(default_factory=list)


class MemoryEffects:
    """`EffectLedger` beside a `MemoryLedger`."""

    def __init__(self, ledger: MemoryLedger) -> None:
        self._ledger = ledger
        self._sources: dict[Address, _Source] = {}
        self._stewards: dict[Address, _Steward] = {}

    def create_source(self, terms: SourceTerms, *, sender: Address) -> Address:
        """Deploy a source whose inputs named signers vouch for."""
        require(terms.hold(), "BadSource")
        address = self._new()
        self._sources[address] = _Source(terms)
        return address

    def create_steward(self, terms: StewardTerms, guardian: Address, *, sender: Address) -> Address:
        """Deploy a steward."""
        require(terms_agree(terms, self.source(terms.source)), "BadSteward")
        address = self._new()
        self._stewards[address] = _Steward(terms, StewardState(value=terms.guard.resting, guardian=guardian))
        return address

    def source(self, source: Address) -> SourceTerms:
        """What was fixed when a source was deployed."""
        return self._source(source).terms

    def observation(self, source: Address, epoch: int) -> Observed | None:
        """What was observed in an epoch."""
        return self._source(source).observed.get(epoch)

    def observe(self, source: Address, message: Observe | int, *, sender: Address) -> None:
        """Bring what signers signed."""
        held = self._source(source)
        if isinstance(message, int):  # nothing here reads a chain: a quorum of nobody vouches for nothing
            message = Observe(epoch=message, input=ZERO32, words=b"", signatures=())
        chain_id = self._ledger.domain.chain_id
        held.state, (seen,) = observe(held.terms, chain_id, source, held.state, message, self._call(sender))
        held.observed[seen.epoch] = seen

    def terms(self, steward: Address) -> StewardTerms:
        """What was fixed when a steward was deployed."""
        return self._steward(steward).terms

    def state(self, steward: Address) -> StewardState:
        """Where it stands."""
        return self._steward(steward).state

    def decision(self, steward: Address, epoch: int) -> EpochDecision:
        """What an epoch came to."""
        return self._steward(steward).state.decision(epoch)

    def value(self, steward: Address) -> int:
        """The value in force."""
        held = self._steward(steward)
        schedule = self.source(held.terms.source).schedule
        return steward_value(held.terms, schedule, held.state, self._ledger.now())

    def send(self, steward: Address, message: StewardMessage, *, sender: Address) -> None:
        """Say something to a steward."""
        held = self._steward(steward)
        source = self._source(held.terms.source)
        around = Surroundings(
            address=steward,
            domain=self._ledger.domain,
            schedule=source.terms.schedule,
            order=self._ledger.state,
            input=source.state.input,
        )
        held.state, events = move_steward(held.terms, around, held.state, message, self._call(sender))
        held.events += events

    def history(self, steward: Address) -> list[EffectEvent]:
        """All that it announced, oldest first."""
        return list(self._steward(steward).events)

    def _call(self, sender: Address) -> Call:
        return Call(sender=sender, now=self._ledger.now(), block=self._ledger.head())

    def _new(self) -> Address:
        count = len(self._sources) + len(self._stewards)
        return Address(keccak256(b"concordat memory contract " + count.to_bytes(8, "big"))[12:])

    def _source(self, source: Address) -> _Source:
        if source not in self._sources:
            raise NotFoundError("There is no source at this address.", code="UnknownSource")
        return self._sources[source]

    def _steward(self, steward: Address) -> _Steward:
        if steward not in self._stewards:
            raise NotFoundError("There is no steward at this address.", code="UnknownSteward")
        return self._stewards[steward]
