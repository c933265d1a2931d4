"""``concordat node``: run one node as a process."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from concordat.chain.deployment import Deployment
from concordat.cli import roles
from concordat.cli.connect import chain_url, connect
from concordat.cli.output import command_errors, speaker_of
from concordat.cli.settings import Settings
from concordat.client.connect import evm_ledger
from concordat.client.directory import Directory
from concordat.client.evm import is_development, top_up_stake
from concordat.client.home import Home
from concordat.node.embedded import STAKE, TICKETS
from concordat.node.operations.logs import FORMATS, say_on
from concordat.node.operations.stores import ask_nodes
from concordat.node.operations.watched import WatchedNode
from concordat.node.outbox import Outbox
from concordat.node.process import Stepper, door_file, open_door, run_steps
from concordat.node.provider import Terms
from concordat.node.upgrade import journal_name
from concordat.primitives.errors import ConfigurationError, InputError
from concordat.primitives.units import seconds, usd
from concordat.storage.files import write_file

__all__ = ["ROLES", "node"]

_log = logging.getLogger("concordat.node")
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
@click.option("--claims", is_flag=True, help="Provider: claim proofs of hidden models, instead of sending them whole.")
@click.option("--blobs", is_flag=True, help="Provider: put the data of claims into blobs where the chain takes them.")
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
    claims: bool,
    blobs: bool,
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
    journal = home.open_journal(journal_name(name, ledger.deployment.version))
    outbox = Outbox(ledger, journal, signer.address)
    watched = WatchedNode(role, name, ledger, journal, signer.address, stake=usd(min_stake))
    place = roles.Place(ledger, keyring, home, name, journal, outbox, lambda: connect(settings))
    terms = Terms(
        price=usd(price),
        bond_limit=usd(bond_limit),
        delivery=seconds(delivery),
        energy=max(energy, 0),
        claims=claims,
        blobs=blobs,
    )
    url: str | None = None
    close: Callable[[], None] = _nothing
    steppers: dict[str, Stepper]
    if role == "provider":
        steppers, close, url = _provider(place, terms, announce, _Door(host, port, watched.routes))
    elif role in ("keeper", "steward"):
        steppers, close = roles.keeper(place) if role == "keeper" else roles.steward(place)
    else:
        steppers = roles.replica(place, tickets) if role == "replica" else roles.challenger(place)
    if role in ("provider", "challenger", "replica"):
        steppers |= roles.earlier_steppers(role, place, terms, steppers.get(place.name))
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    watched.started(home, url, host=host, port=port)
    write_file(home.ready(name), b"")
    try:
        run_steps(steppers, stop, on_round=watched.turned, on_idle=_until_upgraded(home, ledger.deployment, stop))
    finally:
        watched.close()
        close()
        journal.close()


@node.command()
@click.argument("name", required=False)
@command_errors
def status(name: str | None) -> None:
    """Whether the home's nodes are ready, or the one called NAME; ends with 1 if one is not."""
    context = click.get_current_context()
    found = ask_nodes((context.find_object(Settings) or Settings()).place)
    if name is not None:
        found = {name: found.get(name, "it does not run")}
    rows = [(node, why or "ready") for node, why in found.items()]
    speaker = speaker_of(context)
    speaker.result(dict(rows), lambda: speaker.table("Nodes", ("node", ""), rows))
    if not found or any(found.values()):
        sys.exit(1)


def _until_upgraded(home: Home, deployment: Deployment, stop: threading.Event) -> Callable[[], None]:
    """Ends the process once its home has another deployment: whoever watches it starts it again, on that one."""
    seen = [home.deployment.stat().st_mtime_ns]

    def look() -> None:
        try:
            changed = home.deployment.stat().st_mtime_ns
            if changed == seen[0]:
                return
            seen[0] = changed
            version = Deployment.load(home.deployment)
        except (OSError, ConfigurationError):
            return  # being replaced, or put aside: what runs goes on
        if version != deployment:
            fields = {"version": version.version}
            _log.info("the deployment is another one now; ending", extra={"event": "upgraded", "fields": fields})
            stop.set()

    return look


@dataclass(frozen=True, slots=True)
class _Door:
    """Where a door is to be, and what it answers besides its own."""

    host: str
    port: int
    routes: dict[str, Callable[[Any], Any]]


def _nothing() -> None:
    """Nothing to be ended."""


def _provider(
    place: roles.Place, terms: Terms, announce: str, at: _Door
) -> tuple[dict[str, Stepper], Callable[[], None], str]:
    provider = roles.provider(place, terms)
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
