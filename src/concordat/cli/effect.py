"""``concordat effect``: numbers on chain that follow a model."""

from __future__ import annotations

import json
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from concordat.cli.connect import connect
from concordat.cli.output import command_errors, speaker_of
from concordat.cli.settings import Settings
from concordat.client.effects import reading_of
from concordat.client.network import Network
from concordat.client.steward import Steward
from concordat.primitives.encoding import ZERO_ADDRESS, checksum_address, from_hex, to_hex
from concordat.primitives.errors import InputError
from concordat.primitives.units import Address, ModelId, Seconds, usd
from concordat.protocol.evidence import kinds_in
from concordat.protocol.guard import ANY_STEP, Guard

__all__ = ["effect"]

_EPOCH = click.option("--epoch", type=click.IntRange(1), help="Number of the epoch [the one that runs].")


@click.group()
def effect() -> None:
    """Let numbers on chain follow a model: stewards, epochs, guards."""


@effect.command()
@click.argument("model")
@click.option("--signer", "signers", multiple=True, required=True, help="Account that vouches for inputs (repeatable).")
@click.option("--quorum", type=click.IntRange(1), required=True, help="How many of them must sign: more than half.")
@click.option("--length", type=click.IntRange(1), default=86_400, show_default=True, help="Seconds of an epoch.")
@click.option("--observe-within", type=click.IntRange(1), help="Seconds in which it can be observed [a quarter].")
@command_errors
def source(model: str, signers: tuple[str, ...], quorum: int, length: int, observe_within: int | None) -> None:
    """Deploy a source of inputs for a model that named signers vouch for."""
    context = click.get_current_context()
    settings = context.find_object(Settings) or Settings()
    with connect(settings) as network:
        published = network.registry.model(ModelId(network.registry.find(model)))
        address = network.stewards.create_source(
            published,
            signers=[_account(network, name) for name in signers],
            quorum=quorum,
            length=Seconds(length),
            observe_within=Seconds(observe_within or max(1, length // 4)),
            account=settings.account,
        )
    data = {"source": checksum_address(address), "model": to_hex(published.id)}
    speaker_of(context).result(data, f"source {checksum_address(address)}")


@effect.command()
@click.argument("model")
@click.option("--source", "origin", required=True, help="Address of the source of its input.")
@click.option("--score", help="Which score is the number [the label's place].")
@click.option("--unit", default="1", show_default=True, help="What one unit of the value is worth.")
@click.option("--low", type=int, required=True, help="Least value.")
@click.option("--high", type=int, required=True, help="Greatest value.")
@click.option("--resting", type=int, required=True, help="Value while there is no decision in force.")
@click.option("--step", type=click.IntRange(1), help="Most that one decision moves it [any distance].")
@click.option("--per-day", type=click.IntRange(1), help="Most that all move it in a day; more than --step.")
@click.option("--lifetime", type=click.IntRange(1), default=172_800, show_default=True, help="Seconds in force.")
@click.option("--min-window", type=click.IntRange(1), default=3_600, show_default=True, help="Shortest window.")
@click.option("--min-bond", default="0", show_default=True, help="Least bond in dollars behind such an order.")
@click.option("--governor", help="Account or address that can start it again.")
@click.option("--guardian", help="Account or address that can stop it.")
@command_errors
def deploy(model: str, origin: str, score: str | None, unit: str, governor: str, guardian: str, **limits: Any) -> None:
    """Deploy a steward that follows a model."""
    context = click.get_current_context()
    settings = context.find_object(Settings) or Settings()
    with connect(settings) as network:
        published = network.registry.model(ModelId(network.registry.find(model)))
        steward = network.stewards.create(
            published,
            source=Address(from_hex(origin, length=20)),
            reading=reading_of(published.schema, score, unit=_decimal(unit)),
            guard=_guard(limits),
            account=settings.account,
            min_window=Seconds(limits["min_window"]),
            min_bond=usd(limits["min_bond"]),
            governor=_account(network, governor),
            guardian=_account(network, guardian),
        )
        _tell(context, steward)


@effect.command("list")
@command_errors
def list_() -> None:
    """Stewards that somebody here works for."""
    context = click.get_current_context()
    speaker = speaker_of(context)
    with connect(context.find_object(Settings) or Settings()) as network:
        data = [_describe(steward) for steward in network.stewards.all()]
    rows = [(d["steward"], str(d["value"]), str(d["epoch"]), "stopped" if d["stopped"] else "") for d in data]
    speaker.result(data, lambda: speaker.table("Stewards", ("steward", "value", "epoch", ""), rows))


@effect.command()
@click.argument("steward")
@command_errors
def show(steward: str) -> None:
    """What a steward follows, its limits, its value, and its decisions so far."""
    context = click.get_current_context()
    speaker = speaker_of(context)
    with connect(context.find_object(Settings) or Settings()) as network:
        found = _find(network, steward)
        data = _describe(found)
        said = [(type(event).__name__, str(getattr(event, "epoch", "")), _words(event)) for event in found.history()]
    data["history"] = [{"event": name, "epoch": epoch, "what": what} for name, epoch, what in said]
    speaker.result(data, lambda: speaker.table(_line(data), ("event", "epoch", ""), said))


@effect.command()
@click.argument("steward")
@click.argument("row", required=False)
@click.option("--signer", "signers", multiple=True, help="Account whose signature is given here (repeatable).")
@_EPOCH
@command_errors
def observe(steward: str, row: str | None, signers: tuple[str, ...], epoch: int | None) -> None:
    """Fix an epoch's input: a ROW (JSON) that signers vouch for, or nothing where the source reads the chain."""
    context = click.get_current_context()
    settings = context.find_object(Settings) or Settings()
    try:
        values = None if row is None else json.loads(row)
    except ValueError as error:
        raise InputError(f"The row is not JSON: {error}.", code="BadRow", hint='For example {"age": 41}.') from error
    with connect(settings) as network:
        found = _find(network, steward)
        number = epoch or found.epoch
        found.observe(values, signers=signers, epoch=number, account=settings.account)
    speaker_of(context).result({"steward": steward, "epoch": number}, f"observed epoch {number}")


@effect.command()
@click.argument("steward")
@click.option("--pay", required=True, help="Price in dollars, such as 0.50.")
@_EPOCH
@command_errors
def order(steward: str, pay: str, epoch: int | None) -> None:
    """Order a decision about an epoch's observed input."""
    context = click.get_current_context()
    settings = context.find_object(Settings) or Settings()
    with connect(settings) as network:
        placed = _find(network, steward).order(pay=usd(pay), epoch=epoch, client=settings.account)
    identity = to_hex(placed.id)
    speaker_of(context).result({"order": identity}, f"ordered {identity}; wait with: concordat order wait {identity}")


@effect.command("apply")
@click.argument("steward")
@_EPOCH
@command_errors
def apply_(steward: str, epoch: int | None) -> None:
    """Apply the first settled decision of an epoch that counts."""
    context = click.get_current_context()
    settings = context.find_object(Settings) or Settings()
    with connect(settings) as network:
        found = _find(network, steward)
        decided = found.apply(epoch, account=settings.account)
    kinds = sorted(kind.word for kind in kinds_in(decided.settled_by))
    data = {**asdict(decided), "settled_by": kinds}
    speaker_of(context).result(
        data, f"the model said {decided.said}, the value is {decided.value} ({', '.join(kinds)})"
    )


@effect.command()
@click.argument("steward")
@click.argument("epoch", type=click.IntRange(1))
@command_errors
def contradict(steward: str, epoch: int) -> None:
    """Stop a steward by a settled order that says something else than it applied."""
    context = click.get_current_context()
    settings = context.find_object(Settings) or Settings()
    with connect(settings) as network:
        _find(network, steward).contradict(epoch, account=settings.account)
    speaker_of(context).result({"steward": steward, "epoch": epoch}, f"contradicted epoch {epoch}; stopped")


@effect.command()
@click.argument("steward")
@command_errors
def stop(steward: str) -> None:
    """Put the resting value in force (guardian or governor)."""
    context = click.get_current_context()
    settings = context.find_object(Settings) or Settings()
    with connect(settings) as network:
        _find(network, steward).stop(account=settings.account)
    speaker_of(context).result({"steward": steward, "stopped": True}, "stopped")


@effect.command()
@click.argument("steward")
@click.option("--guardian", help="Account or address that can stop it from here on.")
@command_errors
def restart(steward: str, guardian: str | None) -> None:
    """Let a stopped steward go on from its resting value (governor)."""
    context = click.get_current_context()
    settings = context.find_object(Settings) or Settings()
    with connect(settings) as network:
        _find(network, steward).restart(_account(network, guardian), account=settings.account)
    speaker_of(context).result({"steward": steward, "stopped": False}, "goes on")


# -- words and values --------------------------------------------------------------------------------------------------


def _find(network: Network, steward: str) -> Steward:
    return network.stewards.at(Address(from_hex(steward, length=20)))


def _account(network: Network, name: str | None) -> Address:
    """An address as it is, a name as its account; nobody if there is none."""
    if not name:
        return ZERO_ADDRESS
    return Address(from_hex(name, length=20)) if name.startswith("0x") else network.keyring.signer(name).address


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise InputError(f"{text!r} is not a decimal number.", code="BadUnit") from error
    if not value.is_finite() or value <= 0:
        raise InputError(f"A unit of {text} means nothing.", code="BadUnit", hint="Such as 0.0001.")
    return value


def _guard(limits: dict[str, Any]) -> Guard:
    step, per_day = limits["step"], limits["per_day"]
    if (step is None) != (per_day is None):
        raise InputError("Give --step and --per-day together, or neither.", code="BadGuard")
    return Guard(
        low=limits["low"],
        high=limits["high"],
        resting=limits["resting"],
        step=ANY_STEP if step is None else step,
        per_day=ANY_STEP if per_day is None else per_day,
        lifetime=Seconds(limits["lifetime"]),
    )


def _describe(steward: Steward) -> dict[str, Any]:
    terms, state = steward.terms, steward.state
    return {
        "steward": checksum_address(steward.address),
        "model": to_hex(terms.model),
        "source": checksum_address(terms.source),
        "value": steward.value,
        "epoch": steward.epoch,
        "last_epoch": state.epoch,
        "stopped": state.stopped,
        "guardian": checksum_address(state.guardian),
        "governor": checksum_address(terms.governor),
        "accepts": sorted(kind.word for kind in kinds_in(terms.accepts)),
        "guard": asdict(terms.guard),
    }


def _line(data: dict[str, Any]) -> str:
    mark = ", stopped" if data["stopped"] else ""
    limits = data["guard"]
    return f"Value {data['value']} in epoch {data['epoch']}{mark}, between {limits['low']} and {limits['high']}"


def _words(event: Any) -> str:
    if hasattr(event, "value"):
        return f"said {event.said}, value {event.value}"
    return f"said {event.said}" if hasattr(event, "said") else ""


def _tell(context: click.Context, steward: Steward) -> None:
    data = _describe(steward)
    speaker_of(context).result(data, f"steward {data['steward']}: {_line(data)}")
