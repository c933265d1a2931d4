"""``concordat order list``: orders placed from here, or those of everybody from the index."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from concordat.cli.connect import connect
from concordat.cli.output import command_errors, speaker_of
from concordat.cli.settings import Settings
from concordat.client.network import Network
from concordat.primitives.encoding import checksum_address, from_hex, to_hex
from concordat.primitives.errors import InputError
from concordat.primitives.units import Address, ModelId, Timestamp, show_usd
from concordat.protocol.order import OrderStatus
from concordat.storage.index.rows import OrderEntry

__all__ = ["address_of", "instant", "order_list", "show_time"]

_STATUSES = [status.name.lower() for status in OrderStatus if status]


@click.command("list")
@click.option("--all", "everybody", is_flag=True, help="Orders of everybody, newest first, from the index.")
@click.option("--client", help="Only those of this client (address, or name of an account here).")
@click.option("--provider", help="Only those of this provider (address, or name of an account here).")
@click.option("--model", help="Only those for this model (a name, an id, or the beginning of one).")
@click.option("--status", multiple=True, type=click.Choice(_STATUSES), help="Only those with this status.")
@click.option("--since", help="Only those accepted at this time or later (2026-01-31, 2026-01-31T12:00, or seconds).")
@click.option("--until", help="Only those accepted before this time.")
@click.option("--oldest-first", is_flag=True, help="The other way round.")
@click.option("--limit", default=50, show_default=True, help="Most orders of a page, up to 1000.")
@click.option("--after", help="Cursor that the page before gave.")
@command_errors
def order_list(everybody: bool, limit: int, **options: Any) -> None:
    """Orders placed from here; with --all or any filter those of everybody, page by page."""
    context = click.get_current_context()
    settings = context.find_object(Settings) or Settings()
    with connect(settings) as network:
        if everybody or any(options.values()):
            _find(network, limit, options)
            return
        own = [(to_hex(o.id), o.status.name.lower(), show_usd(o.order.price)) for o in network.orders.all()]
    data = [{"order": a, "status": b, "price": c} for a, b, c in own]
    speaker = speaker_of(context)
    speaker.result(data, lambda: speaker.table("Orders", ("order", "status", "price"), own))


def _find(network: Network, limit: int, options: dict[str, Any]) -> None:
    speaker = speaker_of(click.get_current_context())
    with speaker.log.status("reading the chain"):
        page = network.orders.find(
            client=address_of(network, options["client"]),
            provider=address_of(network, options["provider"]),
            model=ModelId(network.registry.find(options["model"])) if options["model"] else None,
            status=[OrderStatus[name.upper()] for name in options["status"]],
            since=instant(options["since"]),
            until=instant(options["until"]),
            newest_first=not options["oldest_first"],
            limit=limit,
            after=options["after"],
        )
    data = [_entry(entry) for entry in page.items]
    columns = ("accepted", "order", "status", "price", "client", "provider")
    rows = [tuple(str(item[column]) for column in columns) for item in data]

    def lines() -> None:
        speaker.table("Orders", columns, rows)
        if page.next is not None:
            speaker.out.print(f"more: --after {page.next}", markup=False)

    speaker.result({"orders": data, "next": page.next}, lines)


def _entry(entry: OrderEntry) -> dict[str, Any]:
    return {
        "order": to_hex(entry.id),
        "status": entry.status.name.lower(),
        "price": show_usd(entry.order.price),
        "client": checksum_address(entry.order.client),
        "provider": checksum_address(entry.order.provider),
        "model": to_hex(entry.order.model),
        "accepted": show_time(entry.accepted.time),
        "delivered": show_time(entry.delivered.time) if entry.delivered else None,
        "ended": show_time(entry.ended.time) if entry.ended else None,
        "block": entry.accepted.block,
    }


def address_of(network: Network, text: str | None) -> Address | None:
    """An address as it is, or that of an account of this home."""
    if not text:
        return None
    if text.startswith("0x"):
        return Address(from_hex(text, length=20))
    return network.keyring.signer(text).address


def instant(text: str | None) -> Timestamp | None:
    """A time given as seconds since 1970, or as a date with or without a time, in UTC if no zone is given.

    Raises
    ------
    InputError
        If it is neither.
    """
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 12:
        return Timestamp(int(text))
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            f"{text!r} is no time.", code="BadTime", hint="For example 2026-01-31 or 2026-01-31T12:00:00+01:00."
        ) from error
    return Timestamp(int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()))


def show_time(time: int) -> str:
    """A time for people and programs, in UTC."""
    return datetime.fromtimestamp(time, UTC).isoformat()
