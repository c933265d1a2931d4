"""``concordat reputation``: say how content one was, and see what others said."""

from __future__ import annotations

import click

from concordat.cli.connect import connect
from concordat.cli.output import command_errors, speaker_of
from concordat.cli.settings import Settings
from concordat.cli.standards import faces_of
from concordat.client.reputation import Feedback, Reputation
from concordat.primitives.encoding import checksum_address, from_hex, to_hex
from concordat.primitives.errors import InputError
from concordat.primitives.units import Address, OrderId, show_usd
from concordat.protocol.reputation import SCALE

__all__ = ["reputation"]


@click.group()
def reputation() -> None:
    """Rate settled orders, and see what an agent's ratings come to (ERC-8004)."""


@reputation.command()
@click.argument("identity")
@click.argument("points", type=click.IntRange(0, 100))
@click.option("--agent", type=click.IntRange(0), help="The provider's agent [the newest of its wallet].")
@click.option("--uri", default="", help="Where more is said.")
@command_errors
def rate(identity: str, points: int, agent: int | None, uri: str) -> None:
    """Say how content one was with an order placed from here, 0 to 100; fifty or more burn the fee."""
    context = click.get_current_context()
    settings = context.find_object(Settings) or Settings()
    with connect(settings) as network:
        placed = network.orders.get(OrderId(from_hex(identity, length=32)))
        registry = Reputation(*faces_of(settings, network))
        named = registry.agent_of(placed.order.provider) if agent is None else agent
        registry.rate(network.keyring.signer(placed.client), placed.order, points, agent=named, uri=uri)
        burned = registry.fee(placed.order) if points >= 50 else 0
    data = {"order": to_hex(placed.id), "agent": named, "points": points, "burned": burned}
    speaker_of(context).result(data, f"agent {named}: {points} of 100, {show_usd(burned)} burned")


@reputation.command()
@click.argument("agent")
@command_errors
def show(agent: str) -> None:
    """What was said of AGENT (its number, or its wallet's address), and what it comes to."""
    context = click.get_current_context()
    settings, speaker = context.find_object(Settings) or Settings(), speaker_of(context)
    with connect(settings) as network:
        registry = Reputation(*faces_of(settings, network))
        number = _agent(registry, agent)
        said, standing, free = registry.feedback(number), registry.standing(number), registry.available(number)
    data = {
        "agent": number,
        "score": standing.score,
        "raters": standing.raters,
        "trust": standing.trust,
        "available": free,
        "feedback": [
            {"client": checksum_address(one.client), "order": to_hex(one.order), "points": one.rating.points,
             "tag": one.tag, "burned": one.rating.burned, "revoked": one.revoked}
            for one in said
        ],
    }  # fmt: skip
    summary = (
        f"agent {number}: {_points(standing.score)} from {standing.raters} clients; trusted with "
        f"{show_usd(standing.trust)}, {show_usd(free)} of it free"
    )
    columns = ("client", "points", "tag", "burned", "")
    speaker.result(data, lambda: speaker.table(summary, columns, [_row(one) for one in said]))


def _agent(registry: Reputation, text: str) -> int:
    if text.isdecimal():
        return int(text)
    if text.startswith("0x"):
        return registry.agent_of(Address(from_hex(text, length=20)))
    raise InputError(f"{text[:80]!r} is neither a number nor an address.", code="BadAgent")


def _points(score: int) -> str:
    return f"{score * 100 // SCALE} of 100"


def _row(one: Feedback) -> tuple[str, ...]:
    taken = "slashed" if one.rating.slashed else "revoked" if one.revoked else ""
    return checksum_address(one.client), _points(one.rating.points), one.tag, show_usd(one.rating.burned), taken
