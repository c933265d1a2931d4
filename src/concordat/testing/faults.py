"""A chain endpoint that misbehaves on command: an HTTP proxy in front of a real one.

Tests queue faults, each for the next request that fits, or make the whole endpoint lag behind or claim another chain.
Everything else passes through unchanged.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import urllib.request
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

__all__ = ["Fault", "FaultyEndpoint"]

Request = dict[str, Any]


class Fault(Enum):
    """What happens to one request."""

    RESET = "the connection is reset, the chain never sees the request"
    LOST_ANSWER = "the chain acts on the request, then the connection is reset"
    SILENCE = "the request is swallowed and no answer comes until the endpoint is closed"
    GARBAGE = "the answer is a web page"
    TRUNCATED = "the answer ends in the middle"
    BUSY = "HTTP 503"
    DUPLICATED_REQUEST = "the chain gets the request twice"
    DUPLICATED_ANSWER = "the answer comes twice on one connection"
    OTHER_QUESTION = "the answer carries another request's number"
    EMPTY_LOGS = "the chain's logs are left out of the answer"


class FaultyEndpoint:
    """The proxy; a context manager.

    Parameters
    ----------
    upstream : str
        URL of the real endpoint.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.lag = 0
        """Blocks by which the endpoint is behind."""
        self.chain_id: int | None = None
        """Chain it claims to be, if not its own."""
        self.down = False
        """Whether every connection is reset."""
        self.methods: list[str] = []
        """Methods asked for, in order."""
        self.released = threading.Event()
        self._queue: list[tuple[Fault, str]] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> FaultyEndpoint:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def inject(self, *faults: Fault, method: str = "") -> None:
        """Let these happen, one each, to the next requests; only to those that ask for the method, if one is given."""
        with self._lock:
            self._queue.extend((fault, method) for fault in faults)

    @property
    def pending(self) -> int:
        """Faults that have not happened yet."""
        return len(self._queue)

    # -- the work ----------------------------------------------------------------------------------------------------

    def take(self, methods: list[str]) -> Fault | None:
        """The fault for a request, if one is due."""
        with self._lock:
            self.methods.extend(methods)
            for index, (fault, method) in enumerate(self._queue):
                if not method or method in methods:
                    del self._queue[index]
                    return fault
        return None

    def forward(self, body: Any) -> Any:
        """The chain's answer, as a lagging or lying endpoint would give it."""
        calls = body if isinstance(body, list) else [body]
        head = int(self._ask({"jsonrpc": "2.0", "id": 0, "method": "eth_blockNumber", "params": []})["result"], 16)
        shown = max(head - self.lag, 0)
        answers = [self._one(call, shown) for call in calls]
        return answers if isinstance(body, list) else answers[0]

    def _one(self, call: Request, head: int) -> Request:
        if self.lag:
            call = _as_of(call, head)
        answer: Request = self._ask(call)
        if self.lag and call["method"] == "eth_blockNumber":
            answer["result"] = hex(head)
        if self.lag and _too_new(answer.get("result"), head):
            answer["result"] = None
        if self.chain_id is not None and call["method"] == "eth_chainId":
            answer["result"] = hex(self.chain_id)
        return answer

    def _ask(self, body: Any) -> Any:
        request = urllib.request.Request(self.upstream, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            answer: Any = json.loads(response.read())
            return answer


def _as_of(call: Request, head: int) -> Request:
    """The request as a machine would understand it whose newest block is `head`."""
    params: list[Any] = list(call["params"])
    if call["method"] == "eth_getLogs":
        query = dict(params[0])
        if "blockHash" not in query:
            query["toBlock"] = hex(min(_number(query.get("toBlock"), head), head))
            query["fromBlock"] = hex(min(_number(query.get("fromBlock"), head), head + 1))
        params[0] = query
    elif call["method"] != "eth_feeHistory":
        params = [hex(head) if param in ("latest", "pending") else param for param in params]
    return {**call, "params": params}


def _number(tag: Any, head: int) -> int:
    return int(tag, 16) if isinstance(tag, str) and tag.startswith("0x") else head


def _too_new(result: Any, head: int) -> bool:
    """Whether a block, receipt or transaction lies above the head."""
    if not isinstance(result, dict):
        return False
    number = result.get("blockNumber", result.get("number"))
    return isinstance(number, str) and int(number, 16) > head


def _handler(endpoint: FaultyEndpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            methods = [call["method"] for call in (body if isinstance(body, list) else [body])]
            fault = endpoint.take(methods)
            if endpoint.down or fault is Fault.RESET:
                return self._reset()
            if fault is Fault.SILENCE:
                endpoint.released.wait(60)
                return self._reset()
            if fault is Fault.DUPLICATED_REQUEST:
                endpoint.forward(body)
            self._answer(fault, body)
            return None

        def _answer(self, fault: Fault | None, body: Any) -> None:
            if fault is Fault.GARBAGE:
                return self._send(200, b"<html>Bad gateway</html>")
            if fault is Fault.BUSY:
                return self._send(503, b"busy")
            answer = endpoint.forward(body)
            if fault is Fault.LOST_ANSWER:
                return self._reset()
            if fault is Fault.OTHER_QUESTION:
                answer = _renumbered(answer)
            if fault is Fault.EMPTY_LOGS:
                answer["result"] = []
            data = json.dumps(answer).encode()
            if fault is Fault.TRUNCATED:
                self._send(200, data[: len(data) // 2], claimed=len(data))
                return self._reset()
            self._send(200, data)
            if fault is Fault.DUPLICATED_ANSWER:
                self._send(200, data)
            return None

        def _send(self, status: int, data: bytes, *, claimed: int | None = None) -> None:
            with contextlib.suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(claimed or len(data)))
                self.end_headers()
                self.wfile.write(data)

        def _reset(self) -> None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()

    return Handler


def _renumbered(answer: Any) -> Any:
    def renumber(item: Request) -> Request:
        return {**item, "id": item["id"] + 1_000_000}

    return [renumber(item) for item in answer] if isinstance(answer, list) else renumber(answer)
