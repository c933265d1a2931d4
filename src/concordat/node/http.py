"""A provider's door: a small HTTP server for offers, quotes and health.

``GET /health`` · ``GET /quote?model=0x…`` · ``POST /offers`` (the JSON form of an `Offer`) · ``GET /offers/0x…`` ·
``GET /public/0x…`` (public data by name).
Every answer is ``{"ok": true, "data": …}`` or ``{"ok": false, "error": {"code", "message", "hint"}}``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

from concordat.primitives.errors import ConcordatError, InputError, NotFoundError

__all__ = ["MAX_BODY_BYTES", "Door"]

MAX_BODY_BYTES = 4 * 2**20
"""Largest offer a provider reads (an input of about two megabytes)."""


class Door:
    """Serves a table of routes on a local port until closed.

    Parameters
    ----------
    routes : dict
        ``"GET /path"`` → function of (query or body) → JSON value; a path ending in ``/`` takes the rest.
    host, port : str, int
        Where to listen; port 0 takes a free one.
    """

    def __init__(self, routes: dict[str, Callable[[Any], Any]], *, host: str = "127.0.0.1", port: int = 0) -> None:
        handler = type("Handler", (_Handler,), {"routes": routes})
        try:
            self._server = ThreadingHTTPServer((host, port), handler)
        except OSError as error:
            raise InputError(
                f"Cannot listen on {host}:{port}: {error.strerror}.", code="PortTaken", hint="Choose another port."
            ) from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="door", daemon=True)
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


class _Handler(BaseHTTPRequestHandler):
    routes: dict[str, Callable[[Any], Any]]
    timeout = 30
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlparse(self.path)
        self._answer("GET", url.path, {key: values[0] for key, values in parse_qs(url.query).items()})

    def do_POST(self) -> None:
        try:
            length = int(self.headers.get("Content-Length", "-1"))
        except ValueError:
            length = -1
        if not 0 <= length <= MAX_BODY_BYTES:
            self.close_connection = True
            self._reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _failure(InputError("Body too large.", code="BodySize")))
            return
        try:
            body = json.loads(self.rfile.read(length))
        except (ValueError, RecursionError):
            self._reply(HTTPStatus.BAD_REQUEST, _failure(InputError("The body is not JSON.", code="BadJson")))
            return
        self._answer("POST", self.path, body)

    def _answer(self, method: str, path: str, argument: Any) -> None:
        route = self.routes.get(f"{method} {path}")
        if route is None and "/" in path[1:]:
            head, _, tail = path.rpartition("/")
            route, argument = self.routes.get(f"{method} {head}/"), tail
        try:
            if route is None:
                raise NotFoundError(f"There is nothing at {path[:80]!r}.", code="NoRoute")
            self._reply(HTTPStatus.OK, {"ok": True, "data": route(argument)})
        except NotFoundError as error:
            self._reply(HTTPStatus.NOT_FOUND, _failure(error))
        except ConcordatError as error:
            self._reply(HTTPStatus.UNPROCESSABLE_ENTITY, _failure(error))

    def _reply(self, status: HTTPStatus, value: dict[str, Any]) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: they carry people's inputs."""


def _failure(error: ConcordatError) -> dict[str, Any]:
    return {"ok": False, "error": {"code": error.code, "message": error.message, "hint": error.hint}}
