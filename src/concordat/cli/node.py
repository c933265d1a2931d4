"""``concordat node``: run one node as a process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from concordat.chain.ledger import EvmLedger
from concordat.cli.connect import chain_url, connect
from concordat.cli.output import command_errors
from concordat.cli.settings import Settings
from concordat.client.connect import evm_ledger, public_data
from concordat.client.directory import Directory
from concordat.client.evm import EvmAnchors, EvmArtifacts, is_development, log_id, top_up_stake
from concordat.client.home import Home
from concordat.client.keyring import Keyring
from concordat.client.network import Network
from concordat.client.public import PublicData
from concordat.node.accuser import Accuser
from concordat.node.challenger import Challenger
from concordat.node.embedded import STAKE, TICKETS
from concordat.node.keeper import Keeper
from concordat.node.log_keys import log_signers
from concordat.node.operations.logs import FORMATS, say_on
from concordat.node.operations.restored import check_newest
from concordat.node.operations.watched import WatchedNode
from concordat.node.outbox import Outbox
from concordat.node.process import Stepper, door_file, open_door, run_steps
from concordat.node.provider import Provider, Terms
from concordat.node.quotes import QuoteDesk
from concordat.node.recorder import Recorder, record_depth
from concordat.node.replica import Replica
from concordat.node.seals import SealKeys
from concordat.node.steward import StewardNode
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import InputError, StorageError
from concordat.primitives.units import seconds, usd
from concordat.storage.files import write_file
from concordat.storage.journal import Journal
from concordat.storage.log import TransparencyLog
from concordat.storage.spool import Spool

__all__ = ["ROLES", "node"]

ROLES = ("provider", "challenger", "keeper", "replica", "steward")


@click.group()
def node() -> None:
    """Run a provider, a challenger, a keeper, a replica, or a node that works for stewards."""


@node.command()
@click.argument("role", type=click.Choice(ROLES))
@click.option("--name", help="Name of the node and of its account [the role].")
@click.option("--price", default="0.05", show_default=True, help="Provider: dollars for a decision.")
@click.option("--bond-limit", default="1000", show_default=True, help="Provider: most dollars at risk in an order.")
@click.option("--delivery", default=60, show_default=True, help="Provider: seconds in which it promises to deliver.")
@click.option("--energy", default=0, help="Provider: microjoules that an execution takes, as measured [not said].")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where its HTTP door listens.")
@click.option("--port", default=0, help="Port of its HTTP door: health, metrics, a provider's offers [a free one].")
@click.option(
    "--announce",
    default="door",
    show_default=True,
    help="Provider: URL to write into the ERC-8004 registry; 'door' for that of the door, empty for none.",
)
@click.option("--tickets", default=TICKETS, show_default=True, help="Replica: least tickets it has in the pool.")
@click.option("--min-stake", default="0", show_default=True, help="Dollars in the vault without which it is not ready.")
@click.option("--log-format", type=click.Choice(FORMATS), help="Form of the log on stderr [CONCORDAT_LOG_FORMAT].")
@command_errors
def run(
    role: str,
    name: str | None,
    price: str,
    bond_limit: str,
    delivery: int,
    energy: int,
    host: str,
    port: int,
    announce: str,
    tickets: int,
    min_stake: str,
    log_format: str | None,
) -> None:
    """Run one node until it is told to stop (Ctrl-C or SIGTERM); start it again and it goes on where it was."""
    context = click.get_current_context()
    settings = context.find_object(Settings) or Settings()
    home, name = settings.place, name or role
    say_on(role, name, form=log_format or settings.log_format)
    ledger, keyring = evm_ledger(home, chain_url(settings), password=lambda _: settings.password, find=settings.signer)
    signer = keyring.signer(name)
    if is_development(ledger.deployment.chain_id):
        top_up_stake(ledger, signer.address, STAKE)
    journal = home.open_journal(name)
    outbox = Outbox(ledger, journal, signer.address)
    watched = WatchedNode(role, name, ledger, journal, signer.address, stake=usd(min_stake))
    place = _Place(ledger, keyring, home, name, journal, outbox, lambda: connect(settings))
    url: str | None = None
    if role == "provider":
        terms = Terms(
            price=usd(price), bond_limit=usd(bond_limit), delivery=seconds(delivery), energy=max(energy, 0)
        )
        steppers, close, url = _provider(place, terms, announce, _Door(host, port, watched.routes))
    elif role == "replica":
        steppers, close = _replica(place, tickets)
    else:
        steppers, close = {"challenger": _challenger, "keeper": _keeper, "steward": _steward}[role](place)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    watched.started(home, url, host=host, port=port)
    write_file(home.ready(name), b"")
    try:
        run_steps(steppers, stop, on_round=watched.turned)
    finally:
        watched.close()
        close()
        journal.close()


@dataclass(frozen=True, slots=True)
class _Place:
    """What every node needs."""

    ledger: EvmLedger
    keyring: Keyring
    home: Home
    name: str
    journal: Journal
    outbox: Outbox
    connect: Callable[[], Network]

    @property
    def public(self) -> PublicData:
        return public_data(self.home, self.ledger)

    def hurry(self) -> None:
        """Have a block made on a chain that makes none unless somebody sends something."""
        if is_development(self.ledger.deployment.chain_id):
            self.ledger.endpoint.call("evm_mine")


@dataclass(frozen=True, slots=True)
class _Door:
    """Where a door is to be, and what it answers besides its own."""

    host: str
    port: int
    routes: dict[str, Callable[[Any], Any]]


def _provider(
    place: _Place, terms: Terms, announce: str, at: _Door
) -> tuple[dict[str, Stepper], Callable[[], None], str]:
    native = EvmArtifacts(place.ledger, place.keyring).has_native
    signer, domain = place.keyring.signer(place.name), place.ledger.domain
    seals = SealKeys(place.home.seals(place.name), signer.address, signer.sign, domain)
    desk = QuoteDesk(place.ledger, place.journal, signer.address, signer.sign, terms)
    provider = Provider(
        place.ledger,
        place.journal,
        place.public,
        place.outbox,
        terms,
        native=native,
        seals=seals,
        desk=desk,
        hurry=place.hurry,
    )
    remembered = place.journal.cursor("door") or {"port": 0}
    try:
        port = at.port or remembered["port"]
        door = open_door(provider, place.home, place.name, host=at.host, port=port, more=at.routes)
    except InputError:
        if at.port:
            raise
        door = open_door(provider, place.home, place.name, host=at.host, more=at.routes)
    place.journal.set_cursor("door", {"port": door.port})
    if announce:
        url = door.url if announce == "door" else announce
        Directory(place.ledger).announce(place.keyring.signer(place.name), place.name, url)

    def close() -> None:
        door.close()
        door_file(place.home, place.name).unlink(missing_ok=True)

    return {place.name: provider}, close, door.url


def _challenger(place: _Place) -> tuple[dict[str, Stepper], Callable[[], None]]:
    challenger = Challenger(place.ledger, place.journal, place.public, place.outbox)
    accuser = Accuser(place.ledger, place.journal, place.public, place.outbox)
    return {"challenger": challenger, "accuser": accuser}, lambda: None


def _replica(place: _Place, tickets: int) -> tuple[dict[str, Stepper], Callable[[], None]]:
    """With a challenger: where it disagrees, it shows why."""
    replica = Replica(place.ledger, place.journal, place.public, place.outbox)
    replica.join(tickets)
    return {place.name: replica, **_challenger(place)[0]}, lambda: None


def _keeper(place: _Place) -> tuple[dict[str, Stepper], Callable[[], None]]:
    signer = place.keyring.signer(place.name)
    log = TransparencyLog(place.home.open_log(exclusive=True), log_signers(place.home))
    anchors = EvmAnchors(place.ledger, log_id(signer.address), signer)
    try:
        check_newest(log, anchors.anchors())
    except StorageError:
        log.close()
        raise
    write_file(place.home.log_owner, to_hex(signer.address).encode())
    keeper = Keeper(place.ledger, place.journal, place.outbox)
    depth = record_depth(development=is_development(place.ledger.deployment.chain_id))
    recorder = Recorder(
        place.ledger,
        place.journal,
        place.public,
        log,
        anchor=anchors.anchor,
        depth=depth,
        requests=Spool(place.home.erasures),
    )
    return {place.name: keeper, "recorder": recorder}, log.close


def _steward(place: _Place) -> tuple[dict[str, Stepper], Callable[[], None]]:
    network = place.connect()
    account = network.keyring.signer(place.name).address
    node = StewardNode(place.ledger, place.journal, network.stewards, account)
    return {place.name: node}, network.close
