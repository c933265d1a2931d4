"""``concordat order quotes``, ``buy`` and ``post``: choosing among many providers, or letting them choose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from concordat.cli.connect import connect
from concordat.cli.output import command_errors, speaker_of
from concordat.cli.settings import Settings
from concordat.client.quotes import Preference, QuoteBook
from concordat.primitives.encoding import checksum_address, to_hex
from concordat.primitives.errors import InputError
from concordat.primitives.units import ModelId, show_usd, usd
from concordat.protocol.trust import parse_policy

__all__ = ["BIDDING", "read_row"]

_PREFER = click.option(
    "--prefer",
    default="price=1",
    show_default=True,
    help="What matters how much: price, speed, reputation, energy, such as price=2,speed=1.",
)
_EVIDENCE = click.option(
    "--evidence", default="native or fraud-provable", show_default=True, help="What makes it acceptable."
)


_FIELDS = ("provider", "score", "price", "delivery", "energy", "reputation")
"""What is told of a quote with --json."""


@click.command()
@click.argument("model")
@click.option("--budget", help="Most dollars for an order.")
@_EVIDENCE
@_PREFER
@click.option("--seconds", default=3.0, show_default=True, help="How long to wait for answers.")
@command_errors
def quotes(model: str, budget: str | None, evidence: str, prefer: str, seconds: float) -> None:
    """Ask every provider for a signed quote for one decision of MODEL, and rank the answers. Nothing is paid."""
    context = click.get_current_context()
    speaker = speaker_of(context)
    with connect(context.find_object(Settings) or Settings()) as network:
        book = network.bidding.quotes(
            ModelId(network.registry.find(model)),
            budget=usd(budget) if budget is not None else None,
            evidence=parse_policy(evidence),
            prefer=_preference(prefer),
            seconds=seconds,
        )
    rows = _rows(book)
    heads = ("provider", "score", "price", "delivers in", "microjoules", "reputation")
    data = [dict(zip(_FIELDS, row, strict=True)) for row in rows]
    speaker.result(data, lambda: speaker.table("Signed quotes", heads, rows))


@click.command()
@click.argument("model")
@click.argument("row", required=False)
@click.option("--input", "file", type=click.Path(exists=True, path_type=Path), help="JSON file with the row.")
@click.option("--budget", required=True, help="Most dollars to pay, such as 0.50.")
@_EVIDENCE
@_PREFER
@command_errors
def buy(model: str, row: str | None, file: Path | None, budget: str, evidence: str, prefer: str) -> None:
    """Buy one decision of MODEL for ROW (JSON) from whoever quotes best."""
    context = click.get_current_context()
    settings, speaker = context.find_object(Settings) or Settings(), speaker_of(context)
    inputs = read_row(row, file)
    with connect(settings) as network:
        book = network.bidding.quotes(
            ModelId(network.registry.find(model)),
            budget=usd(budget),
            evidence=parse_policy(evidence),
            prefer=_preference(prefer),
        )
        placed = network.bidding.buy(book.best, inputs, client=settings.account)
    data = {
        "order": to_hex(placed.id),
        "provider": checksum_address(book.best.provider),
        "price": show_usd(book.best.price),
    }
    speaker.result(data, to_hex(placed.id))


@click.command()
@click.argument("model")
@click.argument("row", required=False)
@click.option("--input", "file", type=click.Path(exists=True, path_type=Path), help="JSON file with the row.")
@click.option("--pay", required=True, help="Dollars, such as 0.50.")
@_EVIDENCE
@click.option("--timeout", default=60.0, show_default=True, help="Seconds to wait until somebody has taken it.")
@command_errors
def post(model: str, row: str | None, file: Path | None, pay: str, evidence: str, timeout: float) -> None:
    """Order one decision of MODEL for ROW (JSON) from whoever takes it first."""
    context = click.get_current_context()
    settings, speaker = context.find_object(Settings) or Settings(), speaker_of(context)
    inputs = read_row(row, file)
    with connect(settings) as network:
        posted = network.bidding.post(
            ModelId(network.registry.find(model)),
            inputs,
            pay=usd(pay),
            evidence=parse_policy(evidence),
            client=settings.account,
        )
        taken = posted.await_taker(timeout=timeout)
    data = {
        "posted": to_hex(posted.id),
        "order": to_hex(taken.id),
        "provider": checksum_address(taken.order.provider),
    }
    speaker.result(data, to_hex(taken.id))


BIDDING = (quotes, buy, post)
"""Commands of ``concordat order``."""


def read_row(row: str | None, file: Path | None) -> Any:
    """The row that a model decides about, from the command line or a file.

    Raises
    ------
    InputError
        If there is none, or it is not JSON.
    """
    if (row is None) == (file is None):
        raise InputError("Give the row as an argument or with --input.", code="NoRow")
    try:
        return json.loads(row if row is not None else file.read_text() if file else "")
    except ValueError as error:
        raise InputError(f"The row is not JSON: {error}.", code="BadRow", hint='For example {"age": 41}.') from error


def _preference(text: str) -> Preference:
    try:
        weights = {name.strip(): int(weight) for name, weight in (part.split("=") for part in text.split(","))}
        return Preference(**{"price": 0, **weights})
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{text!r} is no preference.", code="BadPreference", hint="Whole numbers, such as price=2,speed=1."
        ) from error


def _rows(book: QuoteBook) -> list[tuple[str, str, str, str, str, str]]:
    return [
        (
            checksum_address(one.provider),
            f"{float(one.score):.3f}",
            show_usd(one.price),
            f"{one.terms.delivery} s",
            str(one.terms.energy or "not said"),
            f"{float(one.reputation):.2f}",
        )
        for one in book
    ]
