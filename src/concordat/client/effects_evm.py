"""Stewards and sources on an EVM chain. What is not the packaged steward, byte for byte, is not believed to be one."""

from __future__ import annotations

from typing import Any

from concordat.chain.accounts import Signer
from concordat.chain.answers import Refusal, hex_bytes, quantity
from concordat.chain.contracts import contract
from concordat.chain.deployment import immutable_values
from concordat.chain.ledger import EvmLedger
from concordat.chain.translate import error_for
from concordat.client.caller import Caller
from concordat.client.keyring import Keyring
from concordat.primitives.encoding import checksum_address, from_hex, to_hex
from concordat.primitives.errors import ConfigurationError, TransactionError
from concordat.primitives.units import Address
from concordat.protocol.guard import Guard
from concordat.protocol.source import Observe, Observed, Schedule, Shape, SourceTerms
from concordat.protocol.steward import (
    Applied,
    ApplyDecision,
    Contradict,
    Contradicted,
    EffectEvent,
    EpochDecision,
    Reading,
    Restart,
    Restarted,
    StewardMessage,
    StewardState,
    StewardTerms,
    Stop,
    Stopped,
)

__all__ = ["EvmEffects"]

_CHAIN_SOURCE = "PoolSource"
"""Packaged contract whose interface every source that reads the chain shares."""
_EVENTS: dict[str, type[Any]] = {kind.__name__: kind for kind in (Applied, Contradicted, Stopped, Restarted)}


class EvmEffects:
    """`EffectLedger` on the chain of an `EvmLedger`."""

    def __init__(self, ledger: EvmLedger, keyring: Keyring) -> None:
        self._ledger = ledger
        self._keyring = keyring
        self._terms: dict[Address, StewardTerms] = {}
        self._sources: dict[Address, SourceTerms] = {}

    # -- deployment --------------------------------------------------------------------------------------------------

    def create(self, name: str, *arguments: Any, sender: Address) -> Address:
        """Deploy a packaged contract.

        Raises
        ------
        ProtocolError
            If its constructor refuses.
        """
        try:
            data = contract(name).creation(*arguments)
            receipt = self._ledger.sender.send(self._signer(sender), None, data)
        except Refusal as refusal:
            raise error_for(refusal.data, refusal.text) from refusal
        if quantity(receipt["status"]) != 1 or not receipt.get("contractAddress"):
            raise TransactionError(f"The constructor of {name} reverted.", code="Reverted")
        return Address(from_hex(receipt["contractAddress"], length=20))

    def create_source(self, terms: SourceTerms, *, sender: Address) -> Address:
        """Deploy a source whose inputs named signers vouch for."""
        arguments = terms.schedule, terms.shape, list(terms.signers), terms.quorum, terms.open
        return self.create("SignedSource", *arguments, sender=sender)

    def create_steward(self, terms: StewardTerms, guardian: Address, *, sender: Address) -> Address:
        """Deploy a steward."""
        return self.create("Steward", terms, guardian, sender=sender)

    # -- sources -----------------------------------------------------------------------------------------------------

    def source(self, source: Address) -> SourceTerms:
        """What was fixed when a source was deployed; without signers if it reads the chain."""
        if source not in self._sources:
            self._sources[source] = self._read_source(source)
        return self._sources[source]

    def _read_source(self, source: Address) -> SourceTerms:
        signed = self._is("SignedSource", source)
        caller = Caller(self._ledger, "SignedSource" if signed else _CHAIN_SOURCE, source)
        signers, quorum = caller.read("signers") if signed else ((), 0)
        return SourceTerms(
            schedule=Schedule(**caller.read("schedule")),
            shape=Shape(**caller.read("shape")),
            open=caller.read("isOpen"),
            signers=tuple(signers),
            quorum=quorum,
        )

    def observation(self, source: Address, epoch: int) -> Observed | None:
        """What was observed in an epoch."""
        caller = Caller(self._ledger, _CHAIN_SOURCE, source)
        found = (values for values, _ in reversed(caller.logs("Observed")) if values["epoch"] == epoch)
        values = next(found, None) if any(caller.read("input", epoch)) else None
        return Observed(**values) if values else None

    def observe(self, source: Address, message: Observe | int, *, sender: Address) -> None:
        """Bring what signers signed; or, to a source that reads the chain, the number of the epoch."""
        signer = self._signer(sender)
        if isinstance(message, int):
            Caller(self._ledger, _CHAIN_SOURCE, source).send(signer, "observe", message)
        else:
            said = message.epoch, message.input, message.words, list(message.signatures)
            Caller(self._ledger, "SignedSource", source).send(signer, "observe", *said)

    # -- stewards ----------------------------------------------------------------------------------------------------

    def terms(self, steward: Address) -> StewardTerms:
        """What was fixed when a steward was deployed.

        Raises
        ------
        ConfigurationError
            If what is there is not the packaged steward, or follows another market.
        """
        if steward not in self._terms:
            values = self._read_terms(steward)
            reading, guard = Reading(**values.pop("reading")), Guard(**values.pop("guard"))
            self._terms[steward] = StewardTerms(**values, reading=reading, guard=guard)
        return self._terms[steward]

    def _read_terms(self, steward: Address) -> dict[str, Any]:
        if not self._is("Steward", steward):
            raise ConfigurationError(
                f"The code at {checksum_address(steward)} is not the packaged Steward.",
                code="UnknownSteward",
                hint="Check address and chain; other versions of Concordat have other stewards.",
            )
        values: dict[str, Any] = self._caller(steward).read("terms")
        if values["market"] != self._ledger.domain.market:
            raise ConfigurationError("This steward follows another market.", code="OtherMarket")
        return values

    def state(self, steward: Address) -> StewardState:
        """Where it stands, without the decisions of single epochs."""
        caller = self._caller(steward)
        return StewardState(**caller.read("state"), guardian=caller.read("guardian"))

    def decision(self, steward: Address, epoch: int) -> EpochDecision:
        """What an epoch came to."""
        return EpochDecision(**self._caller(steward).read("decision", epoch))

    def value(self, steward: Address) -> int:
        """The value in force."""
        return int(self._caller(steward).read("value"))

    def send(self, steward: Address, message: StewardMessage, *, sender: Address) -> None:
        """Say something to a steward, and wait until it is in."""
        caller, signer = self._caller(steward), self._signer(sender)
        match message:
            case ApplyDecision(order=order, epoch=epoch, delivery=delivery):
                caller.send(signer, "applyDecision", order, epoch, delivery)
            case Contradict(order=order, epoch=epoch, delivery=delivery):
                caller.send(signer, "contradict", order, epoch, delivery)
            case Stop():
                caller.send(signer, "stop")
            case Restart(guardian=guardian):
                caller.send(signer, "restart", guardian)

    def history(self, steward: Address) -> list[EffectEvent]:
        """All that it announced, oldest first."""
        found = self._caller(steward).history(*_EVENTS, start=0, end=self._ledger.head())
        return [_EVENTS[name](**values) for name, values in found]

    def _caller(self, steward: Address) -> Caller:
        return Caller(self._ledger, "Steward", steward)

    def _is(self, name: str, address: Address) -> bool:
        code = hex_bytes(self._ledger.endpoint.call("eth_getCode", to_hex(address), "latest"))
        return immutable_values(contract(name).creation_code, code) is not None

    def _signer(self, address: Address) -> Signer:
        return self._keyring.signers()[address]
