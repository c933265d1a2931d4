"""A provider's door: a small HTTP server for offers, quotes and health.

``GET /health`` · ``GET /quote?model=0x…`` · ``POST /offers`` (the JSON form of an `Offer`) · ``GET /offers/0x…`` ·
``GET /public/0x…`` (public data by name) · ``POST /inputs`` (an input that watchers may see) · ``GET /key`` and
``POST /private`` (what to seal private offers to, and such an offer). Every node's door, of whatever role, also has
``GET /ready`` and ``GET /metrics`` (`concordat.node.operations.health`).
Every answer is ``{"ok": true, "data": …}`` or ``{"ok": false, "error": {"code", "message", "hint"}}``.

What comes in holds people's inputs: nothing of it is logged, and nothing of it comes back in an error. A caller that is
slow, or that keeps many connections, is cut off; others are served all the while.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from concordat.node.turns import says
from concordat.primitives.errors import ChainError, ConcordatError, InputError, NotFoundError, StorageError
from concordat.primitives.wire import parse_json

__all__ = ["MAX_BODY_BYTES", "Door", "Page"]

MAX_BODY_BYTES = 4 * 2**20
"""Largest offer a provider reads (an input of about two megabytes)."""
MAX_CONNECTIONS = 128
"""Connections held at once; more are closed at once."""
MAX_SECONDS = 30.0
"""How long a caller may take for one request, from its first byte (or the answer before) to its last."""
LOOK_SECONDS = 0.05
"""Between two looks at whether somebody is too slow, or the door is to be closed."""

_log = logging.getLogger("concordat.node")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """An answer in a form of its own, where a value as JSON will not do."""

    status: HTTPStatus
    """HTTP status."""
    content_type: str
    """What the body is."""
    body: bytes
    """The body."""

    @classmethod
    def json(cls, data: Any, status: HTTPStatus) -> Page:
        """The usual form with another status."""
        value = {"ok": status < HTTPStatus.BAD_REQUEST, "data": data}
        return cls(status=status, content_type="application/json", body=json.dumps(value).encode())


class Door:
    """Serves a table of routes on a local port until closed.

    Parameters
    ----------
    routes : dict
        ``"GET /path"`` → function of (query or body) → JSON value or `Page`; a path ending in ``/`` takes the rest.
    host, port : str, int
        Where to listen; port 0 takes a free one.
    """

    def __init__(self, routes: dict[str, Callable[[Any], Any]], *, host: str = "127.0.0.1", port: int = 0) -> None:
        handler = type("Handler", (_Handler,), {"routes": routes})
        try:
            self._server = _Server((host, port), handler)
        except OSError as error:
            raise InputError(
                f"Cannot listen on {host}:{port}: {error.strerror}.", code="PortTaken", hint="Choose another port."
            ) from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(LOOK_SECONDS,), name="door", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Base URL."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = MAX_CONNECTIONS

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.since: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a connection in, unless there are too many."""
        with self._lock:
            full = len(self.since) >= MAX_CONNECTIONS
            if not full:
                self.since[request] = time.monotonic()
        if full:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def heard(self, request: socket.socket) -> None:
        """A request is complete: the time for the next begins."""
        with self._lock:
            self.since[request] = time.monotonic()

    def shutdown_request(self, request: Any) -> None:
        """Let a connection go."""
        with self._lock:
            self.since.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Cut off whoever takes too long; called between connections, and many times a second."""
        now = time.monotonic()
        with self._lock:
            slow = [request for request, since in self.since.items() if now - since > MAX_SECONDS]
        for request in slow:
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hung up is no news, and a traceback would show what it sent."""


class _Handler(BaseHTTPRequestHandler):
    routes: dict[str, Callable[[Any], Any]]
    server: _Server
    timeout = MAX_SECONDS
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "concordat", ""

    def do_GET(self) -> None:
        try:
            url = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(url.query, max_num_fields=16).items()}
        except ValueError:
            self._fail(HTTPStatus.BAD_REQUEST, InputError("This is no path.", code="BadPath"))
            return
        self._answer("GET", url.path, query)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 12 and int(length) <= MAX_BODY_BYTES):
            self.close_connection = True
            error = InputError(f"A body has a length of at most {MAX_BODY_BYTES} bytes.", code="BodySize")
            self._fail(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error)
            return
        try:
            body = parse_json(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            self._fail(HTTPStatus.BAD_REQUEST, InputError("The body is not JSON.", code="BadJson"))
            return
        self._answer("POST", self.path, body)

    def _answer(self, method: str, path: str, argument: Any) -> None:
        self.server.heard(self.request)
        route = self.routes.get(f"{method} {path}")
        if route is None and "/" in path[1:]:
            head, _, tail = path.rpartition("/")
            route, argument = self.routes.get(f"{method} {head}/"), tail
        try:
            if route is None:
                raise NotFoundError("There is nothing here.", code="NoRoute")
            value = route(argument)
            page = value if isinstance(value, Page) else Page.json(value, HTTPStatus.OK)
            self._send(page)
        except NotFoundError as error:
            self._fail(HTTPStatus.NOT_FOUND, error)
        except (ChainError, StorageError) as error:
            _log.warning("door: %s", says(error))
            self._fail(HTTPStatus.SERVICE_UNAVAILABLE, error)
        except ConcordatError as error:
            self._fail(HTTPStatus.UNPROCESSABLE_ENTITY, error)
        except OSError:
            raise  # the caller hung up
        except Exception as error:  # noqa: BLE001 (one caller's nonsense must not show, nor end anything)
            _log.error("door: %s", says(error))
            self._fail(HTTPStatus.INTERNAL_SERVER_ERROR, ConcordatError("Something went wrong here.", code="Internal"))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses, in our form and without its echo of the request."""
        self.close_connection, self.request_version = True, self.protocol_version
        self._fail(HTTPStatus(code), InputError(HTTPStatus(code).phrase + ".", code="BadRequest"))

    def _fail(self, status: HTTPStatus, error: ConcordatError) -> None:
        failure = {"code": error.code, "message": error.message, "hint": error.hint}
        body = json.dumps({"ok": False, "error": failure}).encode()
        self._send(Page(status=status, content_type="application/json", body=body))

    def _send(self, page: Page) -> None:
        self.send_response(page.status)
        self.send_header("Content-Type", page.content_type)
        self.send_header("Content-Length", str(len(page.body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page.body)
        self.server.heard(self.request)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: they carry people's inputs."""
