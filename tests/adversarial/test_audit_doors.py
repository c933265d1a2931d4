"""Doors that never finish: whoever asks them must get on with his work, above all a challenger."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from concordat.client.providers import HttpProvider
from concordat.client.remote import DoorClient, door_holder
from concordat.primitives.encoding import ZERO_ADDRESS
from concordat.primitives.errors import EndpointError
from concordat.primitives.units import ModelId

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
NAME = b"\x01" * 32

Behaviour = Callable[[socket.socket, threading.Event], None]


def endless_head(caller: socket.socket, over: threading.Event) -> None:
    """A header line that goes on, a byte at a time."""
    caller.sendall(HEAD + b"X-Slow: ")
    while not over.wait(0.02):
        caller.sendall(b"x")


def endless_body(caller: socket.socket, over: threading.Event) -> None:
    """A body that goes on, a byte at a time."""
    caller.sendall(HEAD + b"Content-Length: 1000000\r\n\r\n")
    while not over.wait(0.02):
        caller.sendall(b" ")


def flood(caller: socket.socket, over: threading.Event) -> None:
    """As much as the caller takes."""
    caller.sendall(HEAD + b"\r\n")
    while not over.is_set():
        caller.sendall(b" " * 65_536)


def deep(caller: socket.socket, over: threading.Event) -> None:
    """JSON that is nothing but brackets."""
    body = b"[" * 60_000
    caller.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)


@contextmanager
def door(behaviour: Behaviour) -> Iterator[tuple[str, list[int]]]:
    """URL of a door that behaves like that, and a count of its callers."""
    over, callers = threading.Event(), [0]
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                caller, _ = server.accept()
                callers[0] += 1
                threading.Thread(target=answer, args=(caller,), daemon=True).start()

    def answer(caller: socket.socket) -> None:
        with caller, suppress(OSError):
            caller.recv(65_536)
            behaviour(caller, over)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}", callers
    finally:
        over.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


@pytest.mark.parametrize("behaviour", [endless_head, endless_body, deep])
def test_door_that_never_finishes_is_given_up_and_left_alone(behaviour: Behaviour) -> None:
    now = [0.0]
    with door(behaviour) as (url, callers):
        ask = door_holder(url, seconds=0.3, clock=lambda: now[0])
        assert ask(NAME) is None
        assert ask(NAME) is None
        assert callers == [1], "it rests"
        now[0] += 61
        assert ask(NAME) is None
        assert callers == [2]


def test_door_that_floods_is_cut_off() -> None:
    with door(flood) as (url, _), pytest.raises(ValueError, match="too long"):
        DoorClient(url, seconds=30, most=1_000_000).ask("GET", "/")


@pytest.mark.parametrize("behaviour", [endless_head, endless_body, flood, deep])
def test_quote_that_never_comes_is_an_error(behaviour: Behaviour) -> None:
    with door(behaviour) as (url, _):
        provider = HttpProvider(url, ZERO_ADDRESS, timeout=0.3)
        with pytest.raises(EndpointError) as caught:
            provider.quote(ModelId(NAME))
        assert caught.value.code == "ProviderDown"


@pytest.mark.parametrize("url", ["http://[", "http://a b/", "http://127.0.0.1:99999"])
def test_door_at_no_address_is_not_there(url: str) -> None:
    assert door_holder(url)(NAME) is None
