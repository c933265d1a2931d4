"""``concordat index``: the searchable image of the chain's events."""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

import click

from concordat.cli.connect import connect
from concordat.cli.order_list import address_of, show_time
from concordat.cli.output import Speaker, command_errors, speaker_of
from concordat.cli.settings import Settings
from concordat.client.indexing import Report
from concordat.client.network import Network
from concordat.primitives.encoding import checksum_address, from_hex, to_hex
from concordat.primitives.errors import ChainError, InputError
from concordat.primitives.units import OrderId, show_usd
from concordat.storage.index.query import Page
from concordat.storage.index.rows import (
    AgentEntry,
    ArtifactEntry,
    CreditEntry,
    DisputeEntry,
    MemberEntry,
    PanelEntry,
    SeatEntry,
)

__all__ = ["index"]

REST_SECONDS = 1.0
"""Between two looks at the chain."""
FILTERS = {"disputes": ("order", "account"), "artifacts": ("account",), "agents": ("account",)}
FILTERS |= dict.fromkeys(("credits", "panels", "seats"), FILTERS["disputes"]) | {"members": ("account",)}
"""What each list can be narrowed by."""


@click.group()
def index() -> None:
    """The searchable image of the chain's events; `order list` reads it."""


@index.command()
@command_errors
def update() -> None:
    """Read on to the head of the chain."""
    _read(rebuild=False)


@index.command()
@command_errors
def rebuild() -> None:
    """Throw the index away and build it anew from the first block: the result is the same, to the last byte."""
    _read(rebuild=True)


def _read(*, rebuild: bool) -> None:
    context = click.get_current_context()
    speaker = speaker_of(context)
    began = time.monotonic()
    with connect(context.find_object(Settings) or Settings()) as network:
        with speaker.log.status("reading the chain") as status:
            say: Report = lambda count, block: status.update(f"{count:,} events, up to block {block - 1:,}")  # noqa: E731
            count = network.index.rebuild(say) if rebuild else network.index.update(say)
        block = network.index.index.progress().next - 1
    rate = count / max(time.monotonic() - began, 0.001)
    data = {"events": count, "block": block, "events_per_s": round(rate)}
    speaker.result(data, f"{count:,} events read, up to block {block:,} ({rate:,.0f} events/s)")


@index.command()
@click.option(
    "--digest", is_flag=True, help="Hash every row as well: equal for equal histories, however they were read."
)
@command_errors
def status(digest: bool) -> None:
    """How far the index has come, and what is in it. Reads nothing from the chain but its head."""
    context = click.get_current_context()
    speaker = speaker_of(context)
    with connect(context.find_object(Settings) or Settings()) as network:
        tables = network.index.index
        data: dict[str, Any] = {"block": tables.progress().next - 1, "head": network.ledger.head()}
        data |= {"rows": tables.counts(), "database": tables.database.where}
        if digest:
            data["digest"] = tables.digest()
    rows = [(name, f"{count:,}") for name, count in data["rows"].items()]

    def lines() -> None:
        speaker.table(f"Indexed up to block {data['block']:,} of {data['head']:,}", ("table", "rows"), rows)
        if digest:
            speaker.out.print(data["digest"], markup=False)

    speaker.result(data, lines)


@index.command()
@click.option("--sample", default=200, show_default=True, help="How many of the oldest and of the newest orders.")
@command_errors
def check(sample: int) -> None:
    """Compare orders of the index with their state on the chain: an endpoint that lied about its past shows."""
    context = click.get_current_context()
    with connect(context.find_object(Settings) or Settings()) as network:
        differing = network.index.differences(network.ledger, sample=sample)
    names = [to_hex(order) for order in differing]
    text = "\n".join(names) if names else "every order looked at is on the chain as in the index"
    speaker_of(context).result({"sample": sample, "different": names}, text)
    context.exit(1 if differing else 0)


@index.command()
@command_errors
def follow() -> None:
    """Keep the index up to date until told to stop (Ctrl-C or SIGTERM)."""
    context = click.get_current_context()
    speaker, stop = speaker_of(context), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with connect(context.find_object(Settings) or Settings()) as network:
        while not stop.is_set():
            _look(network, speaker)
            stop.wait(REST_SECONDS)


def _look(network: Network, speaker: Speaker) -> None:
    try:
        count = network.index.update()
    except ChainError as error:
        speaker.log.print(f"{error.code}: {error.message}", markup=False)
        return
    if count:
        block = network.index.index.progress().next - 1
        speaker.log.print(f"{count:,} events, up to block {block:,}", markup=False)


@index.command("list")
@click.argument("what", type=click.Choice(sorted(FILTERS)))
@click.option("--order", help="Only those of this order (disputes, credits, panels, seats).")
@click.option(
    "--account", help="Only those of this account: who challenged, owns, was credited, provides or was drawn."
)
@click.option("--limit", default=50, show_default=True, help="Most entries of a page, up to 1000.")
@click.option("--after", help="Cursor that the page before gave.")
@command_errors
def list_(what: str, order: str | None, account: str | None, limit: int, after: str | None) -> None:
    """Disputes, artifacts, agents, credits, members of the pool of replicas, their panels and seats; newest first."""
    context = click.get_current_context()
    speaker = speaker_of(context)
    if order and "order" not in FILTERS[what]:
        raise InputError(f"A list of {what} cannot be narrowed by order.", code="NoFilter")
    with connect(context.find_object(Settings) or Settings()) as network:
        page = _page(network, what, order, account, limit=limit, after=after)
    data = [_SHOWN[type(entry)](entry) for entry in page.items]
    rows = [tuple(str(value) for value in item.values()) for item in data]

    def lines() -> None:
        speaker.table(what.capitalize(), tuple(data[0]) if data else (), rows)
        if page.next is not None:
            speaker.out.print(f"more: --after {page.next}", markup=False)

    speaker.result({what: data, "next": page.next}, lines)


def _page(network: Network, what: str, order: str | None, account: str | None, **options: Any) -> Page[Any]:
    search, who = network.index, address_of(network, account)
    wanted = OrderId(from_hex(order, length=32)) if order else None
    if what == "disputes":
        return search.disputes(order=wanted, challenger=who, **options)
    if what == "credits":
        return search.credits(order=wanted, account=who, **options)
    if what == "panels":
        return search.panels(order=wanted, provider=who, **options)
    if what == "seats":
        return search.seats(order=wanted, replica=who, **options)
    if what == "members":
        return search.members(replica=who, **options)
    return search.artifacts(owner=who, **options) if what == "artifacts" else search.agents(owner=who, **options)


def _dispute(entry: DisputeEntry) -> dict[str, Any]:
    return {
        "opened": show_time(entry.opened.time),
        "order": to_hex(entry.order),
        "kind": entry.kind.name.lower(),
        "status": entry.status.name.lower(),
        "challenger": checksum_address(entry.challenger),
    }


def _artifact(entry: ArtifactEntry) -> dict[str, Any]:
    return {
        "registered": show_time(entry.registered.time),
        "artifact": to_hex(entry.id),
        "kind": entry.kind.name.lower(),
        "owner": checksum_address(entry.owner),
    }


def _agent(entry: AgentEntry) -> dict[str, Any]:
    shown = entry.uri if len(entry.uri) <= 60 else f"{entry.uri[:57]}…"
    return {
        "registered": show_time(entry.registered.time),
        "agent": entry.id,
        "owner": checksum_address(entry.owner),
        "uri": shown,
    }


def _credit(entry: CreditEntry) -> dict[str, Any]:
    sign = "-" if entry.amount < 0 else "+"
    return {
        "time": show_time(entry.when.time),
        "account": checksum_address(entry.account),
        "kind": entry.kind.name.lower(),
        "amount": sign + show_usd(abs(entry.amount)),
        "order": to_hex(entry.order) if entry.order else "",
    }


def _member(entry: MemberEntry) -> dict[str, Any]:
    return {
        "joined": show_time(entry.joined.time),
        "replica": checksum_address(entry.replica),
        "status": entry.status.name.lower(),
        "tickets": entry.tickets,
        "free": show_time(entry.free_at) if entry.free_at else "",
    }


def _panel(entry: PanelEntry) -> dict[str, Any]:
    return {
        "sealed": show_time(entry.sealed.time),
        "order": to_hex(entry.order),
        "status": entry.status.name.lower(),
        "provider": checksum_address(entry.provider),
        "fee": show_usd(entry.fee),
    }


def _seat(entry: SeatEntry) -> dict[str, Any]:
    return {
        "drawn": show_time(entry.drawn.time),
        "order": to_hex(entry.order),
        "replica": checksum_address(entry.replica),
        "status": entry.status.name.lower(),
        "paid": show_usd(entry.paid),
        "fined": show_usd(entry.fined),
    }


_SHOWN: dict[type[Any], Any] = {
    MemberEntry: _member,
    PanelEntry: _panel,
    SeatEntry: _seat,
    DisputeEntry: _dispute,
    ArtifactEntry: _artifact,
    AgentEntry: _agent,
    CreditEntry: _credit,
}
