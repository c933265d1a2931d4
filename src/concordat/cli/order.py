"""``concordat order``: ask a price, buy a decision, wait for it."""

from __future__ import annotations

from pathlib import Path

import click

from concordat.cli.connect import connect
from concordat.cli.order_bids import BIDDING, read_row
from concordat.cli.order_list import order_list
from concordat.cli.output import Speaker, command_errors, speaker_of
from concordat.cli.settings import Settings
from concordat.client.decision import Decision
from concordat.client.placed import STAGES, PlacedOrder
from concordat.primitives.encoding import checksum_address, from_hex, to_hex
from concordat.primitives.units import ModelId, OrderId, seconds, show_usd, usd
from concordat.protocol.evidence import kinds_in
from concordat.protocol.trust import parse_policy

__all__ = ["order"]


@click.group()
def order() -> None:
    """Ask a price, buy a decision, wait for it."""


@order.command()
@click.argument("model")
@command_errors
def quote(model: str) -> None:
    """What providers ask for one decision of MODEL (a name, an id, or the beginning of one). Nothing is paid."""
    context = click.get_current_context()
    speaker = speaker_of(context)
    with connect(context.find_object(Settings) or Settings()) as network:
        quotes = network.orders.quotes(network.registry.find(model))
    rows = [(checksum_address(q.provider), show_usd(q.price), "yes" if q.native else "no") for q in quotes]
    data = [{"provider": a, "price": p, "native": n == "yes"} for a, p, n in rows]
    speaker.result(data, lambda: speaker.table("Quotes", ("provider", "price", "run by contract"), rows))


@order.command()
@click.argument("model")
@click.argument("row", required=False)
@click.option("--input", "file", type=click.Path(exists=True, path_type=Path), help="JSON file with the row.")
@click.option("--pay", required=True, help="Dollars, such as 0.50.")
@click.option("--evidence", help="What makes it acceptable [native or fraud-provable; client-release if private].")
@click.option("--private", is_flag=True, help="Only you and the provider see input and answer.")
@click.option("--subject", help="Whom the input is about: the order is private, and can be erased with him.")
@click.option("--deadline", type=int, help="Seconds to accept and deliver [600, and the time that replicas take].")
@click.option("--window", type=int, help="Seconds to challenge [grows with the price].")
@click.option("--wait", "until", type=click.Choice(STAGES), help="Wait for this stage.")
@click.option("--timeout", default=60.0, show_default=True, help="Seconds to wait.")
@click.option("--save", type=click.Path(path_type=Path), help="Write the bundle here.")
@click.option("--yes", is_flag=True, help="Do not ask before paying.")
@command_errors
def place(
    model: str,
    row: str | None,
    file: Path | None,
    pay: str,
    evidence: str | None,
    private: bool,
    subject: str | None,
    deadline: int | None,
    window: int | None,
    until: str | None,
    timeout: float,
    save: Path | None,
    yes: bool,
) -> None:
    """Buy one decision of MODEL (a name, an id, or the beginning of one) for ROW (JSON: an object by column name, or a
    list).
    """
    context = click.get_current_context()
    settings, speaker = context.find_object(Settings) or Settings(), speaker_of(context)
    inputs = read_row(row, file)
    with connect(settings) as network:
        identity = ModelId(network.registry.find(model))
        quotes = network.orders.quotes(identity)
        if quotes and not yes and not settings.json:
            asked = show_usd(quotes[0].price)
            click.confirm(f"The cheapest provider asks {asked}. Pay {show_usd(usd(pay))}?", abort=True, err=True)
        placed = network.orders.place(
            identity,
            inputs,
            pay=usd(pay),
            evidence=parse_policy(evidence) if evidence else None,
            private=private or None,
            subject=subject,
            deadline=seconds(deadline) if deadline is not None else None,
            window=seconds(window) if window is not None else None,
            client=settings.account,
        )
        if until is None and save is None:
            speaker.result({"order": to_hex(placed.id)}, to_hex(placed.id))
            return
        _finish(speaker, placed, until or "settled", timeout, save)


@order.command()
@click.argument("identity")
@click.option("--until", type=click.Choice(STAGES), default="settled", show_default=True)
@click.option("--timeout", default=60.0, show_default=True, help="Seconds to wait.")
@click.option("--save", type=click.Path(path_type=Path), help="Write the bundle here.")
@command_errors
def wait(identity: str, until: str, timeout: float, save: Path | None) -> None:
    """Wait for a stage of an order placed from here."""
    context = click.get_current_context()
    with connect(context.find_object(Settings) or Settings()) as network:
        placed = network.orders.get(OrderId(from_hex(identity, length=32)))
        _finish(speaker_of(context), placed, until, timeout, save)


@order.command()
@click.argument("identity")
@command_errors
def release(identity: str) -> None:
    """Let the provider be paid before the window ends."""
    context = click.get_current_context()
    with connect(context.find_object(Settings) or Settings()) as network:
        network.orders.get(OrderId(from_hex(identity, length=32))).release()
    speaker_of(context).result({"order": identity, "released": True}, "released")


@order.command()
@click.argument("identity")
@command_errors
def demand(identity: str) -> None:
    """Make the provider show what he delivered, for a bond: a withheld large output, or a private answer that does not
    open. What is shown is public; a provider who does not show it is slashed.
    """
    context = click.get_current_context()
    with connect(context.find_object(Settings) or Settings()) as network:
        made = network.orders.get(OrderId(from_hex(identity, length=32))).demand()
    speaker_of(context).result({"order": identity, "demands": made}, f"{made} demanded")


@order.command()
@click.argument("identity")
@click.option("--yes", is_flag=True, help="Do not ask before input and answer become public.")
@command_errors
def contest(identity: str, yes: bool) -> None:
    """Have a wrong answer to a private order judged: input and answer become public, and challengers do the rest."""
    context = click.get_current_context()
    settings = context.find_object(Settings) or Settings()
    if not yes and not settings.json:
        click.confirm("Input and answer of this order become public for good. Go on?", abort=True, err=True)
    with connect(settings) as network:
        network.orders.get(OrderId(from_hex(identity, length=32))).contest()
    speaker_of(context).result({"order": identity, "contested": True}, "contested")


@order.command()
@click.argument("identity")
@command_errors
def show(identity: str) -> None:
    """Where an order stands, and what was delivered."""
    context = click.get_current_context()
    speaker = speaker_of(context)
    with connect(context.find_object(Settings) or Settings()) as network:
        placed = network.orders.get(OrderId(from_hex(identity, length=32)))
        state = network.ledger.state(placed.id)
        events = [
            (type(placed_event.event).__name__, str(placed_event.block))
            for placed_event in network.ledger.events()
            if getattr(placed_event.event, "order_id", None) == placed.id
        ]
    kinds = sorted(kind.word for kind in kinds_in(state.gathered))
    data = {"order": identity, "status": state.status.name.lower(), "gathered": kinds, "events": events}
    speaker.result(data, lambda: speaker.table(f"Order {state.status.name.lower()}", ("event", "block"), events))


order.add_command(order_list)
for command in BIDDING:
    order.add_command(command)


def _finish(speaker: Speaker, placed: PlacedOrder, until: str, timeout: float, save: Path | None) -> None:
    with speaker.log.status(f"waiting until {until}"):
        decision: Decision = placed.wait(until, timeout=timeout)
    if save is not None:
        decision.save(save)
    data = {
        "order": to_hex(placed.id),
        "status": decision.status.name.lower(),
        "output": {"label": decision.output.label, "scores": dict(decision.output.scores)},
        "evidence": sorted(kind.word for kind in decision.evidence),
        "saved": str(save) if save else None,
    }
    speaker.result(data, str(decision) + (f"\nsaved {save}" if save else ""))
