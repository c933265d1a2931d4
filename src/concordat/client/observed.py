"""Inputs that sources announced on chain, for watchers from whom a client hides what he ordered a decision about.

The words of an open source are in its event, and their salt follows from the source and the epoch. So whoever watches
needs neither the client nor the provider to check a decision for a steward.
"""

from __future__ import annotations

from typing import Any

from concordat.chain.answers import Refusal
from concordat.chain.contracts import contract
from concordat.chain.ledger import EvmLedger
from concordat.client.offer import InputOpening
from concordat.client.public import input_entry
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import ConcordatError, EndpointError
from concordat.primitives.merkle import depth_for
from concordat.primitives.units import Address
from concordat.protocol.execution import input_root
from concordat.protocol.source import MAX_DEPTH, source_salt

__all__ = ["ObservedInputs"]

MOST_INPUTS = 16_384
"""Inputs kept at once; anybody can announce any number of them, and pays for it."""
WIDEST_RANGE = 10_000
"""Blocks asked for at once."""
UNSETTLED = 8
"""Blocks at the head that are read again: a re-organisation may still change them."""


class ObservedInputs:
    """A `Holder` of the inputs in ``Observed`` events, whoever emitted them."""

    def __init__(self, ledger: EvmLedger) -> None:
        self._ledger = ledger
        self._next = ledger.deployment.block
        self._found: dict[bytes, bytes] = {}

    def __call__(self, name: bytes) -> bytes | None:
        """The input of that name, if some source announced it."""
        if name not in self._found:
            self._read_on()
        return self._found.get(name)

    def _read_on(self) -> None:
        topic = to_hex(contract("SignedSource").topic("Observed"))
        try:
            head = self._ledger.head()
            while self._next <= head:
                last = min(self._next + WIDEST_RANGE - 1, head)
                query = {"topics": [topic], "fromBlock": hex(self._next), "toBlock": hex(last)}
                for log in self._ledger.endpoint.call("eth_getLogs", query):
                    self._take(log)
                self._next = last + 1
        except (EndpointError, Refusal, TypeError):
            return  # what is not told now may be told next time; the clients' own disclosures are there besides
        self._next = max(self._ledger.deployment.block, head + 1 - UNSETTLED)

    def _take(self, log: Any) -> None:
        try:
            found = contract("SignedSource").log([from_hex(topic) for topic in log["topics"]], from_hex(log["data"]))
            if found is None:
                return
            values, source = found[1], Address(from_hex(log["address"], length=20))
            salt = source_salt(source, values["epoch"])
            if not _opens(values["words"], salt, values["input"]):
                return
        except (ConcordatError, KeyError, TypeError):
            return  # somebody else's event of the same name
        if len(self._found) >= MOST_INPUTS:
            self._found.pop(next(iter(self._found)))
        key, data = input_entry(values["input"], InputOpening(words=values["words"], salt=salt))
        self._found[key] = data


def _opens(words: bytes, salt: bytes, root: bytes) -> bool:
    count = len(words) // 32
    if not words or len(words) % 32 or count > 1 << MAX_DEPTH:
        return False
    return any(input_root(words, salt, depth) == root for depth in range(depth_for(count), MAX_DEPTH + 1))
