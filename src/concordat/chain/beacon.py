"""Blobs from a consensus node, which keeps them for 18 days.

A block of the execution chain lies in a beacon block. The next execution block names that beacon block by its root;
while there is no next one, the time of the block tells the slot.

References
----------
Beacon API: ``/eth/v1/beacon/blobs/{block_id}``, before it ``/eth/v1/beacon/blob_sidecars/{block_id}``; EIP-4788
(a block names its parent beacon block).
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import httpx

from concordat.chain.answers import hex_bytes, member, quantity
from concordat.chain.blobs import versioned_hash
from concordat.chain.rpc import Endpoint
from concordat.primitives.encoding import ZERO32, to_hex
from concordat.primitives.errors import ConfigurationError, EndpointError

__all__ = ["BeaconNode"]

MOST_BYTES = 64 << 20
"""Longest answer that is read: a block full of blobs is a third of that."""
SLOT_SECONDS = 12
"""Of chains whose consensus nodes do not tell their own."""


class BeaconNode:
    """The beacon API of one consensus node (`BlobReader`); safe to share between threads.

    Parameters
    ----------
    url : str
        ``http://`` or ``https://``; path, query and user info may hold a secret and are never shown.
    endpoint : Endpoint
        The execution chain that it drives.
    timeout : float
        Seconds for one complete answer.

    Raises
    ------
    ConfigurationError
        If the URL is of another kind.
    """

    def __init__(self, url: str, endpoint: Endpoint, *, timeout: float = 10.0) -> None:
        try:
            base = httpx.URL(url)
        except httpx.InvalidURL:
            base = httpx.URL("")
        if base.scheme not in ("http", "https") or not base.host:
            raise ConfigurationError(
                "A consensus node is given as an http:// or https:// URL.",
                code="BadEndpoint",
                hint="For example http://127.0.0.1:5052.",
            )
        self.name = f"{base.scheme}://{base.host}{f':{base.port}' if base.port else ''}"
        self._base, self._endpoint, self._timeout = base, endpoint, timeout
        self._lock = threading.Lock()
        self._clock: tuple[int, int] | None = None

    def __repr__(self) -> str:
        return f"BeaconNode({self.name})"

    def candidates(self, versioned: bytes, block: int) -> list[bytes]:
        """Blobs of a block, among which that with a versioned hash should be; unchecked.

        Raises
        ------
        EndpointError
            If one of the two nodes does not answer, or says something that makes no sense.
        """
        place = self._place(block)
        found = self._get(f"/eth/v1/beacon/blobs/{place}", versioned_hashes=to_hex(versioned))
        if found is not None:
            return [hex_bytes(blob, where=self.name) for blob in self._list(found)]
        sidecars = self._get(f"/eth/v1/beacon/blob_sidecars/{place}")  # nodes from before the end of 2025
        return [] if sidecars is None else self._named(self._list(sidecars), versioned)

    def _named(self, sidecars: list[Any], versioned: bytes) -> list[bytes]:
        def of(sidecar: Any, name: str) -> bytes:
            return hex_bytes(member(sidecar, name, self.name), where=self.name)

        return [of(one, "blob") for one in sidecars if versioned_hash(of(one, "kzg_commitment")) == versioned]

    def _list(self, items: Any) -> list[Any]:
        if not isinstance(items, list):
            raise self._garbage()
        return items

    # -- where a block is --------------------------------------------------------------------------------------------

    def _place(self, block: int) -> str:
        """Root or slot of the beacon block that holds an execution block."""
        asked: list[tuple[str, list[Any]]] = [("eth_getBlockByNumber", [hex(n), False]) for n in (block + 1, block)]
        after, here = self._endpoint.batch(asked)
        root = after.get("parentBeaconBlockRoot") if isinstance(after, dict) else None
        if root is not None and hex_bytes(root, length=32) != ZERO32:
            return str(root)
        genesis, seconds = self._times()
        return str((quantity(member(here, "timestamp")) - genesis) // seconds)

    def _times(self) -> tuple[int, int]:
        """Time of genesis and length of a slot, asked once."""
        with self._lock:
            if self._clock is None:
                spec, genesis = self._get("/eth/v1/config/spec"), self._get("/eth/v1/beacon/genesis")
                try:
                    seconds = int((spec or {}).get("SECONDS_PER_SLOT", SLOT_SECONDS))
                    self._clock = int(member(genesis, "genesis_time", self.name)), max(seconds, 1)
                except (AttributeError, TypeError, ValueError) as error:
                    raise self._garbage() from error
            return self._clock

    # -- one exchange ------------------------------------------------------------------------------------------------

    def _get(self, path: str, **query: str) -> Any:
        """What an answer has under ``data``; ``None`` if the node does not know the path, or has nothing there."""
        url = self._base.copy_with(path=self._base.path.rstrip("/") + path).copy_merge_params(query)
        try:
            status, body = self._exchange(url)
        except httpx.TimeoutException as error:
            raise EndpointError(f"{self.name} did not answer in time.", code="EndpointSlow") from error
        except (httpx.HTTPError, OSError) as error:
            raise EndpointError(
                f"{self.name} cannot be reached: {type(error).__name__}.",
                code="EndpointDown",
                hint="Check that the consensus node runs and that the URL is right.",
            ) from error
        if status == 429 or status >= 500:
            raise EndpointError(f"{self.name} answered HTTP {status}.", code="EndpointBusy")
        if status != 200:
            return None
        try:
            return json.loads(body)["data"]
        except (ValueError, KeyError, TypeError) as error:
            raise self._garbage() from error

    def _exchange(self, url: httpx.URL) -> tuple[int, bytes]:
        deadline, data = time.monotonic() + self._timeout, bytearray()
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        with httpx.stream("GET", url, headers=headers, timeout=self._timeout) as answer:
            for part in answer.iter_raw():
                data += part
                if len(data) > MOST_BYTES:
                    raise self._garbage()
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("The answer took too long.")
            return answer.status_code, bytes(data)

    def _garbage(self) -> EndpointError:
        return EndpointError(
            f"{self.name} answered something that makes no sense.",
            code="EndpointGarbage",
            hint="Is this URL the beacon API of a consensus node?",
        )
