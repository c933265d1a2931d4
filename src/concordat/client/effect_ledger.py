"""What the platform needs of whatever keeps stewards and sources: memory or any EVM chain."""

from __future__ import annotations

from typing import Protocol

from concordat.primitives.units import Address
from concordat.protocol.source import Observe, Observed, SourceTerms
from concordat.protocol.steward import EffectEvent, EpochDecision, StewardMessage, StewardState, StewardTerms

__all__ = ["EffectLedger"]


class EffectLedger(Protocol):
    """Stewards and sources by address. Refusals raise `ProtocolError` with the custom error's name."""

    def create_source(self, terms: SourceTerms, *, sender: Address) -> Address:
        """Deploy a source whose inputs named signers vouch for."""
        ...

    def create_steward(self, terms: StewardTerms, guardian: Address, *, sender: Address) -> Address:
        """Deploy a steward."""
        ...

    def source(self, source: Address) -> SourceTerms:
        """What was fixed when a source was deployed; without signers if it reads the chain."""
        ...

    def observation(self, source: Address, epoch: int) -> Observed | None:
        """What was observed in an epoch."""
        ...

    def observe(self, source: Address, message: Observe | int, *, sender: Address) -> None:
        """Bring what signers signed; or, to a source that reads the chain, the number of the epoch."""
        ...

    def terms(self, steward: Address) -> StewardTerms:
        """What was fixed when a steward was deployed; refuses what is no steward of this market."""
        ...

    def state(self, steward: Address) -> StewardState:
        """Where it stands, without the decisions of single epochs."""
        ...

    def decision(self, steward: Address, epoch: int) -> EpochDecision:
        """What an epoch came to."""
        ...

    def value(self, steward: Address) -> int:
        """The value in force."""
        ...

    def send(self, steward: Address, message: StewardMessage, *, sender: Address) -> None:
        """Say something to a steward, and wait until it is in."""
        ...

    def history(self, steward: Address) -> list[EffectEvent]:
        """All that it announced, oldest first."""
        ...
