"""One node as a process: connect, step, rest, until told to stop.

A step that fails because the chain is away is taken again later; a step that fails for any other reason is logged and
taken again too, since nothing is half done. Only a journal or log that cannot be read or written ends the process.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from concordat.client.home import Home
from concordat.client.offer import Offer, QuotedOffer
from concordat.client.private import Erasure, PrivateOffer
from concordat.node.http import Door
from concordat.node.provider import Provider
from concordat.node.turns import says
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import ChainError, ConcordatError, NotFoundError, StorageError
from concordat.primitives.units import ModelId
from concordat.primitives.wire import from_wire, to_wire
from concordat.protocol.quote import QuoteRequest
from concordat.storage.files import write_file

__all__ = ["REST_SECONDS", "Stepper", "open_door", "run_steps"]

REST_SECONDS = 0.1
"""Pause after a step in which there was nothing to do."""
LONGEST_REST_SECONDS = 5.0
"""Longest pause while the chain does not answer."""

_log = logging.getLogger("concordat.node")


class Stepper(Protocol):
    """Anything that works in steps."""

    def step(self) -> int:
        """Do what there is to do; returns how much that was."""
        ...


def run_steps(
    steppers: Mapping[str, Stepper],
    stop: threading.Event,
    *,
    rest: float = REST_SECONDS,
    on_round: Callable[[float], None] = lambda _: None,
    on_idle: Callable[[], None] = lambda: None,
) -> None:
    """Let nodes work until told to stop.

    Parameters
    ----------
    steppers : mapping
        Nodes by name, stepped in turn.
    stop : Event
        Set from a signal handler.
    rest : float
        Seconds to wait after a round in which nothing was done.
    on_round : callable
        Called after every round with the seconds that it took.
    on_idle : callable
        Called after each such round.

    Raises
    ------
    StorageError
        If a journal or log cannot be written: going on would lose track of what was sent.
    """
    pause = rest
    while not stop.is_set():
        done, failed, began = 0, False, time.monotonic()
        for name, stepper in steppers.items():
            try:
                done += stepper.step()
            except StorageError:
                raise
            except Exception as error:  # noqa: BLE001 (whatever it is: the node goes on where it was)
                level = logging.WARNING if isinstance(error, ChainError) else logging.ERROR
                _log.log(level, "%s: %s", name, says(error), extra={"event": "failed", "fields": _failure(error)})
                failed = True
        on_round(time.monotonic() - began)
        pause = min(pause * 2, LONGEST_REST_SECONDS) if failed else rest
        if failed or not done:
            on_idle()
            stop.wait(pause)


def _failure(error: Exception) -> dict[str, str]:
    code = {"code": error.code} if isinstance(error, ConcordatError) else {}
    return {"kind": type(error).__name__, **code}


def open_door(
    provider: Provider,
    home: Home,
    name: str,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    more: Mapping[str, Callable[[Any], Any]] | None = None,
) -> Door:
    """Let clients in, by some more routes if given, and write down where."""
    door = Door(_routes(provider) | dict(more or {}), host=host, port=port)
    entry = {"url": door.url, "address": to_hex(provider.address), "name": name}
    write_file(door_file(home, name), json.dumps(entry, sort_keys=True).encode())
    return door


def door_file(home: Home, name: str) -> Path:
    """Where a provider of this home writes down how to reach it."""
    return home.journal(name).with_name("door.json")


def _routes(provider: Provider) -> dict[str, Callable[[Any], Any]]:
    def health(_: Any) -> Any:
        return {"address": to_hex(provider.address), "head": provider.ledger.head()}

    def quote(query: Mapping[str, str]) -> Any:
        return to_wire(provider.quote(ModelId(from_hex(query.get("model", ""), length=32))))

    def offer(body: Any) -> Any:
        return to_hex(provider.offer(from_wire(Offer, body)))

    def signed_quote(body: Any) -> Any:
        return to_wire(provider.sign_quote(from_wire(QuoteRequest, body)))

    def quoted_offer(body: Any) -> Any:
        quoted = from_wire(QuotedOffer, body)
        return to_hex(provider.quoted_offer(quoted.offer, quoted.quote))

    def keep_input(body: Any) -> Any:
        provider.keep_input(from_wire(Offer, body))
        return None

    def key(_: Any) -> Any:
        return to_wire(provider.sealing_key())

    def private_offer(body: Any) -> Any:
        return to_hex(provider.private_offer(from_wire(PrivateOffer, body)))

    def erase(body: Any) -> Any:
        request = from_wire(Erasure, body)
        provider.erase(request.order, request.signature)

    def look(identity: str) -> Any:
        item = provider.journal.item("offer", to_hex(from_hex(identity, length=32)))
        if item is None:
            raise NotFoundError("This provider knows no such order.", code="UnknownOrder")
        return {"stage": item[0], "reason": item[1].get("reason")}

    def public(name: str) -> Any:
        data = provider.public.named(from_hex(name, length=32))
        if data is None:
            raise NotFoundError("This provider does not have that.", code="PublicDataMissing")
        return to_hex(data)

    return {
        "GET /health": health,
        "GET /quote": quote,
        "POST /offers": offer,
        "GET /offers/": look,
        "POST /quotes": signed_quote,
        "POST /quoted": quoted_offer,
        "POST /inputs": keep_input,
        "GET /key": key,
        "POST /private": private_offer,
        "POST /erase": erase,
        "GET /public/": public,
    }
