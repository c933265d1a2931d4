"""Talking to doors: everybody's is open, nobody's can be trusted to close again.

A provider who is to be judged may announce a door that answers a byte at a time, or without end. So an answer has an
end in seconds and in bytes, and a door that came to it is left alone for a while.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx

from concordat.client.public import Holder
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import InputError
from concordat.primitives.wire import parse_json

__all__ = ["DoorClient", "door_holder"]

MOST_BYTES = 128 * 2**20
"""Longest answer that is read."""
REST_SECONDS = 60.0
"""How long a door is not asked again that failed to answer."""
SILENCE_SECONDS = 5.0
"""Longest pause between two bytes."""


class DoorClient:
    """An HTTP client of one door.

    Parameters
    ----------
    url : str
        Base URL.
    seconds : float
        Within which an answer has to be there, all of it.
    most : int
        Bytes that an answer may have.
    """

    def __init__(self, url: str, *, seconds: float, most: int = MOST_BYTES) -> None:
        self.url = url
        self._seconds = seconds
        self._most = most
        self._client: httpx.Client | None = None

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON value of an answer.

        Raises
        ------
        httpx.HTTPError
            If there is none, or none in time.
        ValueError
            If it is too long, or not JSON.
        """
        client = self._client = self._client or httpx.Client(
            base_url=self.url, timeout=min(SILENCE_SECONDS, self._seconds), headers={"Accept-Encoding": "identity"}
        )
        alarm = threading.Timer(self._seconds, client.close)  # the next read of a closed connection fails
        alarm.daemon = True
        alarm.start()
        try:
            return self._read(client, method, path, body)
        except RuntimeError as error:
            raise httpx.ReadTimeout("The answer took too long.") from error
        finally:
            alarm.cancel()
            if client.is_closed:
                self._client = None

    def _read(self, client: httpx.Client, method: str, path: str, body: Any) -> tuple[int, Any]:
        data = bytearray()
        with client.stream(method, path, json=body) as answer:
            for part in answer.iter_raw():
                data += part
                if len(data) > self._most:
                    raise ValueError("The answer is too long.")
            return answer.status_code, parse_json(data)


def door_holder(url: str, *, seconds: float = 20.0, clock: Callable[[], float] = time.monotonic) -> Holder:
    """The public data behind a provider's door (``GET /public/0x…``).

    Parameters
    ----------
    url : str
        Base URL.
    seconds : float
        For one answer.
    clock : callable
        Seconds that only grow.
    """
    client, rests_until = DoorClient(url, seconds=seconds), float("-inf")

    def ask(name: bytes) -> bytes | None:
        nonlocal rests_until
        if clock() < rests_until:
            return None
        try:
            _, answer = client.ask("GET", f"/public/{to_hex(name)}")
            return from_hex(answer["data"]) if answer["ok"] is True else None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError):
            rests_until = clock() + REST_SECONDS
            return None
        except (KeyError, TypeError, InputError):
            return None  # not there, or not what was asked for: the next one may have it

    return ask
