"""Reading other people's public data through their doors."""

from __future__ import annotations

import httpx

from concordat.client.public import Holder
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import InputError

__all__ = ["door_holder"]


def door_holder(url: str, *, timeout: float = 5.0) -> Holder:
    """The public data behind a provider's door (``GET /public/0x…``).

    Parameters
    ----------
    url : str
        Base URL.
    timeout : float
        Seconds for one answer.
    """
    client = httpx.Client(base_url=url, timeout=timeout)

    def ask(name: bytes) -> bytes | None:
        try:
            answer = client.get(f"/public/{to_hex(name)}").json()
            return from_hex(answer["data"]) if answer["ok"] is True else None
        except (httpx.HTTPError, ValueError, KeyError, TypeError, InputError):
            return None  # not there, or not what was asked for: the next one may have it

    return ask
