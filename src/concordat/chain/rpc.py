"""One JSON-RPC endpoint: calls, batches, time-outs, bounded retries, typed errors.

Connections are kept and reused, one per thread at a time. Every new connection asks for the chain id first, so that an
endpoint that comes back as another network is noticed before anything else is believed. Reads are tried again with
growing pauses; a request that may have changed something never is (`concordat.chain.transactions` sends the same signed
bytes again, which is harmless).

Errors (all `EndpointError`): ``EndpointDown`` (refused, reset, name not found), ``EndpointSlow`` (no complete answer in
time), ``EndpointGarbage`` (not JSON-RPC, or the answer to another question), ``EndpointBusy`` (HTTP 429 or 5xx),
``WrongChain``, and `Refusal` when the endpoint understood the request and said no.
"""

from __future__ import annotations

import http.client
import json
import logging
import select
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any
from urllib.parse import unquote, urlsplit

from concordat.chain.answers import Refusal, quantity, refusal_in
from concordat.primitives.errors import ConfigurationError, EndpointError

__all__ = ["Endpoint"]

MAX_ANSWER_BYTES = 256 << 20
"""An endpoint that sends more than this is lying or broken."""
_CHUNK = 1 << 16
_READS = ("eth_", "net_", "web3_", "debug_", "trace_")
_WRITES = frozenset(
    {
        "eth_sendRawTransaction",
        "eth_sendTransaction",
        "eth_sendRawTransactionSync",
        "eth_newFilter",
        "eth_newBlockFilter",
    }
)
_LIMIT_EXCEEDED = -32005
_log = logging.getLogger("concordat.chain")


class Endpoint:
    """JSON-RPC over HTTP or HTTPS, safe to share between threads.

    Parameters
    ----------
    url : str
        ``http://`` or ``https://``; path, query and user info may hold a secret and are never shown.
    chain_id : int, optional
        The chain this must be; otherwise whatever it first says it is.
    timeout : float
        Seconds for one complete answer.
    retries : int
        How often a read is tried again.
    pause : float
        Seconds before the first repetition; doubled each time, at most one second.

    Raises
    ------
    ConfigurationError
        If the URL is of another kind.
    """

    def __init__(
        self,
        url: str,
        *,
        chain_id: int | None = None,
        timeout: float = 10.0,
        retries: int = 4,
        pause: float = 0.05,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(
                "A chain endpoint is given as an http:// or https:// URL.",
                code="BadEndpoint",
                hint="For example http://127.0.0.1:8545.",
            )
        self.timeout = timeout
        self.name = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"
        self._parts, self._retries, self._pause, self._sleep = parts, retries, pause, sleep
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._expected = chain_id
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._ids = count(1)

    def __repr__(self) -> str:
        return f"Endpoint({self.name})"

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close idle connections; the endpoint can be used again."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @property
    def chain_id(self) -> int:
        """EIP-155 id of the chain, asked once."""
        if self._expected is None:
            self.call("eth_chainId")
        if self._expected is None:
            raise EndpointError(f"{self.name} did not say which chain it is.", code="EndpointGarbage")
        return self._expected

    def call(self, method: str, *params: Any) -> Any:
        """Result of one request.

        Raises
        ------
        EndpointError
            As listed at the top of this module.
        """
        return self._again([(method, params)], whole=False)[0]

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]], *, partial: bool = False) -> list[Any]:
        """Results of several requests in one round trip, in the order asked.

        Parameters
        ----------
        calls : sequence of (method, params)
            The requests.
        partial : bool
            Put a `Refusal` in its place in the list instead of raising the first one.
        """
        return self._again(calls, whole=True, partial=partial) if calls else []

    # -- one exchange ------------------------------------------------------------------------------------------------

    def _again(self, calls: Sequence[tuple[str, Sequence[Any]]], *, whole: bool, partial: bool = False) -> list[Any]:
        repeatable = all(method.startswith(_READS) and method not in _WRITES for method, _ in calls)
        attempt = 0
        while True:
            try:
                return self._exchange(calls, whole=whole, partial=partial)
            except EndpointError as error:
                if not isinstance(error, Refusal):
                    _log.debug("%s", error.code, extra={"event": "endpoint", "fields": {"code": error.code}})
                temporary = (
                    error.number == _LIMIT_EXCEEDED if isinstance(error, Refusal) else error.code != "WrongChain"
                )
                if not (repeatable and temporary) or attempt >= self._retries:
                    raise
            self._sleep(min(self._pause * 2**attempt, 1.0))
            attempt += 1

    def _exchange(self, calls: Sequence[tuple[str, Sequence[Any]]], *, whole: bool, partial: bool) -> list[Any]:
        deadline = time.monotonic() + self.timeout
        connection = self._take()
        try:
            if connection is None:
                connection = self._connect(deadline)
            first = [next(self._ids) for _ in calls]
            requests = [
                {"jsonrpc": "2.0", "id": i, "method": method, "params": list(params)}
                for i, (method, params) in zip(first, calls, strict=True)
            ]
            answer = self._post(connection, requests if whole else requests[0], deadline)
            results = self._match(answer if whole else [answer], first, partial)
        except Refusal:
            self._keep(connection)
            raise
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        self._keep(connection)
        return results

    def _take(self) -> http.client.HTTPConnection | None:
        """An idle connection on which nothing has arrived: neither its end nor an answer that nobody waits for."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if connection.sock is not None and not select.select([connection.sock], [], [], 0)[0]:
                return connection
            connection.close()

    def _keep(self, connection: http.client.HTTPConnection | None) -> None:
        if connection is not None and connection.sock is not None:
            with self._lock:
                self._idle.append(connection)

    def _connect(self, deadline: float) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        connection: http.client.HTTPConnection
        if self._parts.scheme == "https":
            connection = http.client.HTTPSConnection(
                host, port, timeout=self.timeout, context=ssl.create_default_context()
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=self.timeout)
        number = next(self._ids)
        try:
            answer = self._post(
                connection, {"jsonrpc": "2.0", "id": number, "method": "eth_chainId", "params": []}, deadline
            )
            chain_id = quantity(self._match([answer], [number], False)[0], self.name)
            self._check_chain(chain_id)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_chain(self, chain_id: int) -> None:
        if self._expected is None:
            self._expected = chain_id
        if chain_id != self._expected:
            raise EndpointError(
                f"{self.name} is chain {chain_id}, not chain {self._expected}.",
                code="WrongChain",
                hint="Point the setting at an endpoint of the right network.",
                expected=self._expected,
                found=chain_id,
            )

    def _post(self, connection: http.client.HTTPConnection, body: Any, deadline: float) -> Any:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._parts.username is not None:
            headers["Authorization"] = _basic(self._parts.username, self._parts.password or "")
        try:
            connection.request("POST", self._path, json.dumps(body, separators=(",", ":")).encode(), headers)
            response = connection.getresponse()
            data = self._read(response, deadline)
        except TimeoutError as error:
            raise EndpointError(
                f"{self.name} did not answer within {self.timeout:g} s.",
                code="EndpointSlow",
                hint="Try again, or use another endpoint.",
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise EndpointError(
                f"{self.name} cannot be reached: {type(error).__name__}.",
                code="EndpointDown",
                hint="Check that the node runs and that the URL is right.",
            ) from error
        if response.status == 429 or response.status >= 500:
            raise EndpointError(f"{self.name} answered HTTP {response.status}.", code="EndpointBusy")
        try:
            return json.loads(data)
        except ValueError as error:
            raise EndpointError(
                f"{self.name} answered HTTP {response.status} with something that is not JSON.",
                code="EndpointGarbage",
                hint="Is this URL a JSON-RPC endpoint?",
            ) from error

    def _read(self, response: http.client.HTTPResponse, deadline: float) -> bytes:
        parts, size = [], 0
        while chunk := response.read1(_CHUNK):
            parts.append(chunk)
            size += len(chunk)
            if time.monotonic() > deadline:
                raise TimeoutError
            if size > MAX_ANSWER_BYTES:
                raise EndpointError(f"{self.name} sends without end.", code="EndpointGarbage")
        response.read()  # nothing is left, or the answer was cut short and this says so
        return b"".join(parts)

    def _match(self, answer: Any, ids: list[int], partial: bool) -> list[Any]:
        if isinstance(answer, dict) and answer.get("error") is not None:
            raise refusal_in(answer["error"], self.name)
        items = [item for item in answer if isinstance(item, dict)] if isinstance(answer, list) else []
        by_id = {item["id"]: item for item in items if isinstance(item.get("id"), int)}
        results: list[Any] = []
        for number in ids:
            item = by_id.get(number, {})
            if item.get("error") is not None:
                refusal = refusal_in(item["error"], self.name)
                if not partial:
                    raise refusal
                results.append(refusal)
            elif "result" in item:
                results.append(item["result"])
            else:
                raise EndpointError(f"{self.name} answered another question.", code="EndpointGarbage")
        return results


def _basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
