"""A provider's HTTP door against callers who mean no good, or just get it wrong."""

from __future__ import annotations

import http.client
import json
import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from concordat.client.home import Home
from concordat.client.keyring import development_account
from concordat.client.memory import MemoryChain
from concordat.client.offer import Offer
from concordat.client.providers import HttpProvider
from concordat.client.public import PublicData
from concordat.node import http as door_module
from concordat.node.http import MAX_BODY_BYTES, Door
from concordat.node.outbox import Outbox
from concordat.node.process import open_door
from concordat.node.provider import Provider, Terms
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import EndpointError, InputError, NotFoundError, OrderError, StorageError
from concordat.primitives.units import usd
from concordat.primitives.wire import to_wire
from concordat.protocol.order import order_id
from concordat.storage.journal import Journal
from concordat.testing.offers import make_offer
from concordat.testing.small import small_model

SECRET = "5200"  # the income in every offer made here


class Front:
    """A provider in memory behind a real door."""

    def __init__(self, home: Home) -> None:
        chain, self.client, signer = MemoryChain(), development_account("client"), development_account("provider")
        self.ledger = chain.ledger
        model, public = small_model(), PublicData(chain.content)
        public.put_model(model.commitment, model.graph, model.manifest.encode())
        for account in (self.client, signer):
            chain.fund(account.address, usd(100))
        chain.stake(signer.address, usd(50))
        self.journal = Journal(home.journal("provider"))
        outbox = Outbox(chain.ledger, self.journal, signer.address)
        terms = Terms(price=usd("0.05"), bond_limit=usd(1000))
        self.provider = Provider(chain.ledger, self.journal, public, outbox, terms)
        self.door = open_door(self.provider, home, "provider")
        self.url = urlsplit(self.door.url)

    def offer(self, **terms: Any) -> Offer:
        return make_offer(self.ledger, self.client, self.provider.address, small_model(), salt=1, **terms)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.url.hostname or "", self.url.port, timeout=20)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, Any]]:
        connection = self.connect()
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def send(self, raw: bytes) -> bytes:
        """What comes back on raw bytes until the door closes."""
        with socket.create_connection((self.url.hostname, self.url.port), timeout=20) as connection:
            connection.sendall(raw)
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
            return b"".join(parts)


@pytest.fixture
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    front = Front(Home(tmp_path_factory.mktemp("home")))
    yield front
    front.door.close()
    front.journal.close()


def refused(answer: tuple[int, dict[str, Any]], status: int, code: str) -> None:
    assert answer[0] == status
    assert answer[1]["ok"] is False
    assert set(answer[1]) == {"ok", "error"}
    assert set(answer[1]["error"]) == {"code", "message", "hint"}
    assert answer[1]["error"]["code"] == code
    assert SECRET not in json.dumps(answer[1])


def test_offer_taken_twice_is_one_order(front: Front) -> None:
    link = HttpProvider(front.door.url, front.provider.address)
    offer = front.offer()
    assert link.quote(small_model().id).provider == front.provider.address
    name = order_id(offer.order, front.ledger.domain)
    assert link.offer(offer) == link.offer(offer) == name
    assert len(front.journal.items("offer")) == 1
    assert front.ask("GET", f"/offers/{to_hex(name)}") == (
        200,
        {"ok": True, "data": {"stage": "received", "reason": None}},
    )


def test_offer_from_elsewhere_raises_the_typed_error_of_the_provider(front: Front) -> None:
    link = HttpProvider(front.door.url, front.provider.address)
    with pytest.raises(OrderError) as caught:
        link.offer(front.offer(price=usd("0.01")))
    assert caught.value.code == "PriceTooLow"
    with pytest.raises(NotFoundError):
        link.quote(small_model(seed=7).id)
    front.door.close()
    with pytest.raises(EndpointError) as down:
        HttpProvider(front.door.url, front.provider.address, timeout=2).offer(front.offer())
    assert down.value.code == "ProviderDown"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"order":' * 50_000,
        b"9" * 100_000,
        b'"\\ud800"' + b"x",
    ],
)
def test_body_that_is_no_json_is_refused(front: Front, body: bytes) -> None:
    refused(front.ask("POST", "/offers", body), 400, "BadJson")


@pytest.mark.parametrize("body", [b"null", b"[]", b"1", b'"x"', b"{}", b"NaN", b"[[]]", b'{"order": {}, "funding": 1}'])
def test_body_of_another_shape_is_refused(front: Front, body: bytes) -> None:
    refused(front.ask("POST", "/offers", body), 422, "BadWire")


def _spoil(front: Front) -> Iterator[tuple[str, Any]]:
    """The JSON of an offer with one field changed, each in many ways."""
    good: dict[str, Any] = to_wire(front.offer())
    values: list[Any] = [None, -1, 2**300, 1.5, "", "0x", "0x00", "zz", [], {}, True, "0x" + "ab" * 500, "ü" * 9]
    for part, fields in good.items():
        for field in fields:
            for value in values:
                yield f"{part}.{field}={value!r}"[:60], {**good, part: {**fields, field: value}}
        yield f"{part} missing", {name: fields for name, fields in good.items() if name != part}


def test_offer_with_any_field_spoilt_is_refused_with_a_code(front: Front) -> None:
    for name, body in _spoil(front):
        status, answer = front.ask("POST", "/offers", json.dumps(body).encode())
        assert status == 422 or answer["error"]["code"] in ("ContentMissing",), (name, answer)
        assert answer["ok"] is False, name
        assert answer["error"]["code"] != "Internal", (name, answer)
        assert SECRET not in json.dumps(answer)
    assert front.journal.items("offer") == []


@pytest.mark.parametrize("length", ["-1", "+5", "1e3", "", "x", "²", str(MAX_BODY_BYTES + 1), "9" * 40])
def test_body_without_a_sound_length_is_refused_unread(front: Front, length: str) -> None:
    raw = b"POST /offers HTTP/1.1\r\nHost: x\r\nContent-Length: " + length.encode("latin-1", "replace") + b"\r\n\r\n"
    answer = front.send(raw)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"BodySize"' in answer


def test_body_in_chunks_is_refused_unread(front: Front) -> None:
    raw = b"POST /offers HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n0\r\n\r\n"
    assert b'"BodySize"' in front.send(raw)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/offers"),
        ("GET", "/../../etc/passwd"),
        ("GET", "/public"),
        ("GET", "/quote/0x00"),
        ("GET", "//evil.example/health"),
        ("POST", "/health"),
        ("POST", "/offers/"),
        ("GET", "/secret-5200"),
    ],
)
def test_route_that_does_not_exist_is_not_found_and_not_repeated(front: Front, method: str, path: str) -> None:
    refused(front.ask(method, path, b"{}" if method == "POST" else None), 404, "NoRoute")


@pytest.mark.parametrize("name", ["..%2f..%2fjournal.db", "0x", "0x" + "00" * 31, "%00", "x" * 5000, "0x" + "zz" * 32])
@pytest.mark.parametrize("route", ["/offers/", "/public/", "/quote?model="])
def test_name_that_is_no_hash_is_refused(front: Front, route: str, name: str) -> None:
    status, answer = front.ask("GET", route + name)
    assert status in (404, 422)
    assert answer["error"]["code"] != "Internal"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_method_that_does_not_exist_gets_an_error_in_our_form(front: Front, method: str) -> None:
    refused(front.ask(method, "/offers"), 501, "BadRequest")


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense 5200\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET " + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % i for i in range(200)) + b"\r\n",
        b"GET /health?[ HTTP/1.1\r\nHost: [\r\nConnection: close\r\n\r\n",
    ],
)
def test_bytes_that_are_no_http_get_an_error_without_an_echo(front: Front, raw: bytes) -> None:
    answer = front.send(raw)
    assert SECRET.encode() not in answer
    assert b"Traceback" not in answer
    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5", b"HTTP/1.1 200"))


def test_caller_that_never_ends_its_request_is_cut_off(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "MAX_SECONDS", 0.2)
    with socket.create_connection((front.url.hostname, front.url.port), timeout=20) as slow:
        slow.sendall(b"POST /offers HTTP/1.1\r\nContent-Length: 1000\r\n\r\n{")
        assert slow.recv(1000) == b""
        assert front.ask("GET", "/health")[0] == 200


def test_callers_beyond_the_limit_are_turned_away_and_the_rest_is_served(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "MAX_CONNECTIONS", 3)
    held = [front.connect() for _ in range(3)]
    for connection in held:
        connection.request("GET", "/health")
        assert connection.getresponse().read()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        front.ask("GET", "/health")
    held[0].request("GET", "/health")
    assert held[0].getresponse().status == 200
    for connection in held:
        connection.close()


def test_error_within_shows_neither_its_text_nor_the_input(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    def stumble(offer: Offer) -> None:
        raise ZeroDivisionError(f"about {SECRET}")

    front.provider.offer = stumble  # type: ignore[method-assign, assignment]
    with caplog.at_level(logging.DEBUG):
        answer = front.ask("POST", "/offers", json.dumps(to_wire(front.offer())).encode())
    refused(answer, 500, "Internal")
    assert "ZeroDivisionError" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("error", [StorageError("Full.", code="JournalWrite"), EndpointError("Away.")])
def test_disk_or_chain_that_refuses_is_the_providers_fault_and_not_the_callers(front: Front, error: Exception) -> None:
    def refuse(offer: Offer) -> None:
        raise error

    front.provider.offer = refuse  # type: ignore[method-assign, assignment]
    status, answer = front.ask("POST", "/offers", json.dumps(to_wire(front.offer())).encode())
    assert (status, answer["ok"]) == (503, False)


def test_door_on_a_port_that_is_taken_raises_a_typed_error(front: Front) -> None:
    with pytest.raises(InputError) as caught:
        Door({}, port=front.door.port)
    assert caught.value.code == "PortTaken"


def test_offer_whose_input_is_another_is_refused_without_showing_it(front: Front) -> None:
    offer = front.offer()
    words = offer.opening.words[:-1] + bytes([offer.opening.words[-1] ^ 1])
    other = replace(offer, opening=replace(offer.opening, words=words))
    answer = front.ask("POST", "/offers", json.dumps(to_wire(other)).encode())
    refused(answer, 422, "InputMismatch")
    assert other.opening.words.hex() not in json.dumps(answer[1])


def test_nothing_a_caller_sends_is_logged(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    requests: list[Callable[[], object]] = [
        lambda: front.ask("POST", "/offers", json.dumps(to_wire(front.offer())).encode()),
        lambda: front.ask("GET", f"/quote?model={SECRET}"),
        lambda: front.send(f"{SECRET}\r\n\r\n".encode()),
    ]
    with caplog.at_level(logging.DEBUG):
        for request in requests:
            request()
        front.provider.step()
    assert SECRET not in caplog.text
    assert front.offer().opening.words.hex() not in caplog.text
