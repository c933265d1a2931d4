"""A chain with any number of past orders, made up as it is read: an endpoint in this process, honest or not.

Which orders there are, who placed them and how they ended follows from their numbers, so nothing is kept, and a chain
of a million orders costs nothing until somebody reads it. Its events are logs as a node sends them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from concordat.chain.contracts import contract
from concordat.chain.deployment import Deployment
from concordat.primitives.encoding import ZERO32, to_bytes32, to_hex
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Amount, Bytes32, ModelId, Seconds, Timestamp
from concordat.protocol.order import Domain, Order

__all__ = ["PastChain", "PastMarket", "PastOrder"]

GENESIS = 1_700_000_000
"""Time of block 0."""
BLOCK_SECONDS = 12
"""Between two blocks."""
STAGES = 3
"""Blocks from an order's acceptance to its end."""
FATES = ("paid",) * 16 + ("expired", "cancelled", "slashed", "disputed")
"""How orders end, by their numbers."""


def _address(kind: str, number: int = 0) -> Address:
    return Address(keccak256(f"{kind} {number}".encode())[12:])


_CONTRACTS: dict[str, Any] = {item.name: _address(item.name) for item in fields(Deployment) if item.type == "Address"}
DEPLOYMENT = Deployment(chain_id=31337, block=1, token_name="Past Dollar", token_version="1", **_CONTRACTS)  # noqa: S106
"""Where the contracts of this chain are said to be."""


@dataclass(frozen=True, slots=True)
class PastOrder:
    """One order of the past."""

    number: int
    """Its number, from which everything follows."""
    order: Order
    """Its terms."""
    id: Bytes32
    """Its id."""
    fate: str
    """How it ended: one of :data:`FATES`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastMarket:
    """What was ordered."""

    orders: int
    """How many orders there are in all."""
    per_block: int = 4
    """How many are accepted in one block."""
    clients: int = 1_000
    """Who ordered."""
    providers: int = 8
    """Who worked."""
    models: int = 16
    """What was asked for."""
    branch: int = 0
    """Another number is another history."""
    domain: Domain = field(default_factory=lambda: DEPLOYMENT.domain)
    """Domain of the orders."""

    def order(self, number: int) -> PastOrder:
        """One of them."""
        draw = keccak256(f"{self.branch} {number}".encode())
        price = Amount(10_000 + int.from_bytes(draw[:3], "big"))
        accepted = Timestamp(GENESIS + (1 + number // self.per_block) * BLOCK_SECONDS)
        order = Order(
            client=_address("client", draw[3] * 256 + draw[4] % self.clients),
            provider=_address("provider", draw[5] % self.providers),
            price=price,
            bond=Amount(4 * price),
            accept_by=Timestamp(accepted + 600),
            deliver_by=Timestamp(accepted + 600),
            window=Seconds(600),
            model=ModelId(keccak256(f"model {draw[6] % self.models}".encode())),
            input=draw,
            evidence=to_bytes32(2),
            salt=Bytes32(to_bytes32(number)),
        )
        name = keccak256(b"\x19\x01" + self.domain.separator() + order.struct_hash())
        return PastOrder(number, order, name, FATES[draw[7] % len(FATES)])


Event = tuple[str, str, tuple[bytes, ...], bytes]
"""Contract, event, indexed words and data of a log."""


class PastChain:
    """Answers what an index asks of a node; a `concordat.client.indexing.IndexedLedger` as well.

    Parameters
    ----------
    market : PastMarket
        What happened.
    head : int, optional
        Newest block; default that in which the last order ended.
    lie : callable, optional
        Gets the logs of each answer and returns those that are sent instead.
    """

    name = "past"

    def __init__(
        self,
        market: PastMarket,
        *,
        head: int | None = None,
        lie: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = lambda logs: logs,
    ) -> None:
        self.market, self.lie = market, lie
        self.deployment = DEPLOYMENT
        self.newest = (market.orders - 1) // market.per_block + 1 + STAGES if head is None else head
        self._branches: list[tuple[int, PastMarket]] = [(0, market)]
        self._count = 0
        self.seconds = 0.0
        """Spent in here."""

    @property
    def endpoint(self) -> Any:
        """The node is this very object."""
        return self

    def head(self) -> int:
        """Number of the newest block."""
        return self.newest

    def reorganise(self, block: int, *, head: int | None = None) -> None:
        """From this block on everything was otherwise."""
        self._count += 1
        kept = [branch for branch in self._branches if branch[0] < block]
        self._branches = [*kept, (block, replace(self.market, branch=self._count))]
        self.newest = self.newest if head is None else head

    def market_at(self, block: int) -> PastMarket:
        """What happened, as seen from a block."""
        return next((market for first, market in reversed(self._branches) if first <= block), self.market)

    # -- what a node answers -----------------------------------------------------------------------------------------

    def call(self, method: str, *params: Any) -> Any:
        """One request."""
        began = time.perf_counter()
        try:
            return self._answer(method, params)
        finally:
            self.seconds += time.perf_counter() - began

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]], *, partial: bool = False) -> list[Any]:
        """Several requests."""
        return [self.call(method, *params) for method, params in calls]

    def _answer(self, method: str, params: Sequence[Any]) -> Any:
        if method == "eth_blockNumber":
            return hex(self.newest)
        if method == "eth_getBlockByNumber":
            number = self.newest if params[0] == "latest" else int(params[0], 16)
            return self.block(number) if 0 <= number <= self.newest else None
        if method == "eth_getLogs":
            return self.lie(self._logs_asked_for(params[0]))
        raise AssertionError(f"nobody asks for {method}")

    def _logs_asked_for(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        if "blockHash" in query:
            numbers = [n for n in range(self.newest + 1) if to_hex(self.hash(n)) == query["blockHash"]]
        else:
            first, last = int(query["fromBlock"], 16), int(query["toBlock"], 16)
            numbers = list(range(first, min(last, self.newest) + 1))
        return [log for number in numbers for log in self.logs(number)]

    def hash(self, number: int) -> Bytes32:
        """Hash of a block."""
        return keccak256(f"block {number} {self.market_at(number).branch}".encode())

    def block(self, number: int) -> dict[str, Any]:
        """Header of a block."""
        return {
            "number": hex(number),
            "hash": to_hex(self.hash(number)),
            "parentHash": to_hex(self.hash(number - 1)),
            "timestamp": hex(GENESIS + number * BLOCK_SECONDS),
            "logsBloom": "0x" + ("ff" if any(self.events(number)) else "00") * 256,
        }

    def logs(self, number: int) -> list[dict[str, Any]]:
        """Logs of a block."""
        name, stamp = to_hex(self.hash(number)), hex(GENESIS + number * BLOCK_SECONDS)
        addresses = {"Market": DEPLOYMENT.market, "Court": DEPLOYMENT.court, "Vault": DEPLOYMENT.vault}
        return [
            {
                "address": to_hex(addresses[where]),
                "topics": [to_hex(contract(where).topic(what)), *map(to_hex, words)],
                "data": to_hex(data),
                "blockNumber": hex(number),
                "logIndex": hex(index),
                "blockHash": name,
                "transactionHash": to_hex(keccak256(f"{name} {index}".encode())),
                "blockTimestamp": stamp,
            }
            for index, (where, what, words, data) in enumerate(self.events(number))
        ]

    # -- what happened -----------------------------------------------------------------------------------------------

    def events(self, number: int) -> Iterator[Event]:
        """Events of a block: orders accepted in it, delivered from the block before, ended from the one before that.

        An order belongs to the history in whose block it was accepted.
        """
        for stage, events in enumerate((_accepted, _delivered, _ended)):
            for past in self._begun(number - stage):
                yield from events(past, number)

    def _begun(self, block: int) -> Iterator[PastOrder]:
        market = self.market_at(block)
        first = (block - 1) * market.per_block
        for number in range(max(first, 0), max(min(first + market.per_block, market.orders), 0)):
            yield market.order(number)


def _word(value: bytes | int) -> bytes:
    return to_bytes32(value) if isinstance(value, int) else value.rjust(32, b"\0")


def _words(*values: bytes | int) -> bytes:
    return b"".join(map(_word, values))


def _challenger(past: PastOrder) -> Address:
    return _address("challenger", past.number % 4)


def _accepted(past: PastOrder, block: int) -> Iterator[Event]:
    o = past.order
    terms = _words(o.client, o.provider, o.price, o.bond, o.accept_by, o.deliver_by, o.window)
    data = terms + o.model + o.input + o.evidence + o.effect + o.terms + o.salt
    yield "Market", "Accepted", (past.id, _word(o.client), _word(o.provider)), data


def _delivered(past: PastOrder, block: int) -> Iterator[Event]:
    if past.fate == "expired":
        return
    output = past.order.input[:8]
    until = GENESIS + block * BLOCK_SECONDS + 600
    data = _words(past.order.input, 96, until, len(output)) + output.ljust(32, b"\0")
    yield "Market", "Delivered", (past.id, _word(past.order.provider)), data
    if past.fate == "disputed":
        yield "Court", "DisputeOpened", (past.id, _word(_challenger(past))), _words(until)


def _ended(past: PastOrder, block: int) -> Iterator[Event]:
    order, challenger = past.order, _challenger(past)
    if past.fate == "expired":
        yield "Market", "Expired", (past.id,), _words(order.bond // 4)
    elif past.fate == "cancelled":
        yield "Market", "Cancelled", (past.id,), b""
    elif past.fate == "slashed":
        half, quarter = order.bond // 2, order.bond // 4
        yield "Court", "FraudProven", (past.id, _word(challenger)), _words(7)
        amounts = _words(order.price + quarter, half, order.bond - half - quarter)
        yield "Market", "Slashed", (past.id, _word(challenger)), amounts
    else:
        if past.fate == "disputed":
            until = GENESIS + block * BLOCK_SECONDS
            yield "Court", "DisputeLost", (past.id, _word(challenger)), _words(2_000_000, 500_000, until)
        topics = (past.id, order.model, _word(order.provider))
        yield "Market", "Paid", topics, _words(ZERO32, 2)
