"""What a node's process is made of: the parts of each role, for this version of the market and for those before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from concordat.chain.ledger import EvmLedger
from concordat.client.connect import public_data
from concordat.client.erasure import erasure_requests
from concordat.client.evm import EvmAnchors, EvmArtifacts, is_development, log_id
from concordat.client.home import Home
from concordat.client.keyring import Keyring
from concordat.client.network import Network
from concordat.client.public import PublicData
from concordat.client.secret import secrets_of
from concordat.node.accuser import Accuser
from concordat.node.challenger import Challenger
from concordat.node.keeper import Keeper
from concordat.node.log_keys import log_signers
from concordat.node.operations.restored import check_newest
from concordat.node.outbox import Outbox
from concordat.node.process import Stepper
from concordat.node.provider import Provider, Terms
from concordat.node.proving import Shelf
from concordat.node.quotes import QuoteDesk
from concordat.node.recorder import Recorder, record_depth
from concordat.node.replica import Replica
from concordat.node.seals import SealKeys, seal_file
from concordat.node.steward import StewardNode
from concordat.node.upgrade import StakeMover, journal_name, open_orders, provider_is_idle
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import StorageError
from concordat.storage.files import write_file
from concordat.storage.journal import Journal
from concordat.storage.log import TransparencyLog

__all__ = ["Place", "Steppers", "challenger", "earlier_steppers", "keeper", "provider", "replica", "steward"]

Steppers = tuple[dict[str, Stepper], Callable[[], None]]
"""What a role's process steps, and what ends it."""


@dataclass(frozen=True, slots=True)
class Place:
    """What every node needs."""

    ledger: EvmLedger
    """The chain, and one version of the market on it."""
    keyring: Keyring
    """Accounts."""
    home: Home
    """Where things are kept."""
    name: str
    """Of the node and its account."""
    journal: Journal
    """The node's memory for this version."""
    outbox: Outbox
    """Sends as the node's account."""
    connect: Callable[[], Network]
    """Makes a client of the market."""
    past: bool = False
    """Whether it is an earlier version of the market."""

    @property
    def public(self) -> PublicData:
        """Public data."""
        return public_data(self.home, self.ledger)

    @property
    def label(self) -> str:
        """Name of the node in its log, with the version of the market if it is not the present one."""
        return f"{self.name} (version {self.ledger.deployment.version})" if self.past else self.name

    def hurry(self) -> None:
        """Have a block made on a chain that makes none unless somebody sends something."""
        if is_development(self.ledger.deployment.chain_id):
            self.ledger.endpoint.call("evm_mine")

    def earlier(self) -> list[Place]:
        """The same node's places at earlier versions of the market that are still served."""
        made = []
        for deployment in self.ledger.deployment.earlier:
            if deployment.served:
                signers = self.keyring.signers().values()
                ledger = EvmLedger(self.ledger.endpoint, deployment, signers, beacon=self.ledger.beacon)
                journal = self.home.open_journal(journal_name(self.name, deployment.version))
                outbox = Outbox(ledger, journal, self.outbox.sender)
                made.append(replace(self, ledger=ledger, journal=journal, outbox=outbox, past=True))
        return made


def provider(place: Place, terms: Terms) -> Provider:
    """A provider, without its door."""
    native = EvmArtifacts(place.ledger, place.keyring).has_native
    signer, domain = place.keyring.signer(place.name), place.ledger.domain
    return Provider(
        place.ledger,
        place.journal,
        place.public,
        place.outbox,
        terms,
        native=native,
        seals=SealKeys(seal_file(place.home, place.name), signer.address, signer.sign, domain),
        desk=QuoteDesk(place.ledger, place.journal, signer.address, signer.sign, terms),
        shelf=Shelf(secrets_of(place.home.path)),
        hurry=place.hurry,
    )


def challenger(place: Place) -> dict[str, Stepper]:
    """A challenger, and who accuses replicas."""
    found = Challenger(place.ledger, place.journal, place.public, place.outbox)
    accuser = Accuser(place.ledger, place.journal, place.public, place.outbox)
    return {f"challenger {place.label}": found, f"accuser {place.label}": accuser}


def replica(place: Place, tickets: int | None) -> dict[str, Stepper]:
    """A replica with a challenger: where it disagrees, it shows why. It joins the pool if tickets are given."""
    made = Replica(place.ledger, place.journal, place.public, place.outbox)
    if tickets is not None:
        made.join(tickets)
    return {place.label: made, **challenger(place)}


def keeper(place: Place) -> Steppers:
    """A keeper, and the log: one for all versions of the market."""
    signer = place.keyring.signer(place.name)
    log = TransparencyLog(place.home.open_log(exclusive=True), log_signers(place.home))
    anchors = EvmAnchors(place.ledger, log_id(signer.address), signer)
    try:
        check_newest(log, anchors.anchors())
    except StorageError:
        log.close()
        raise
    write_file(place.home.log_owner, to_hex(signer.address).encode())
    depth = record_depth(development=is_development(place.ledger.deployment.chain_id))
    steppers: dict[str, Stepper] = {}
    for version in (place, *place.earlier()):
        steppers[version.label] = Keeper(version.ledger, version.journal, version.outbox)
        steppers[f"recorder {version.label}"] = Recorder(
            version.ledger,
            version.journal,
            version.public,
            log,
            anchor=anchors.anchor,
            depth=depth,
            requests=erasure_requests(place.home),
        )
    return steppers, log.close


def steward(place: Place) -> Steppers:
    """A node that works for stewards; they follow the version of the market that they were made for."""
    network = place.connect()
    account = network.keyring.signer(place.name).address
    node = StewardNode(place.ledger, place.journal, network.stewards, account)
    return {place.name: node}, network.close


def earlier_steppers(role: str, place: Place, terms: Terms, present: Stepper | None = None) -> dict[str, Stepper]:
    """What a provider, challenger or replica still does at earlier versions of the market; it moves its stake away.

    The door of a provider is the present version's, so the `present` one is told of those before it.
    """
    steppers: dict[str, Stepper] = {}
    for old in place.earlier():
        if role == "provider":
            before, idle = provider(old, terms), partial(provider_is_idle, old.journal)
            if isinstance(present, Provider):
                present.before = before
            steppers[old.label] = present = before
        else:
            steppers |= replica(old, None) if role == "replica" else challenger(old)
            idle = partial(_is_empty, old.ledger)
        steppers[f"stake {old.label}"] = StakeMover(old.ledger, place.ledger, old.journal, old.outbox.sender, idle)
    return steppers


def _is_empty(ledger: EvmLedger) -> bool:
    return not open_orders(ledger)
