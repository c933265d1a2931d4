"""Logs of some contracts in a range of blocks, whatever limits the endpoint sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from concordat.chain.answers import Refusal, hex_bytes, member, quantity
from concordat.chain.rpc import Endpoint
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import EndpointError
from concordat.primitives.units import Address

__all__ = ["block_times", "fetch_logs", "logs_in"]

WIDEST_RANGE = 10_000
"""Blocks asked for at once; halved whenever the endpoint refuses."""
_BATCH = 100


def fetch_logs(endpoint: Endpoint, addresses: Sequence[Address], first: int, last: int) -> list[dict[str, Any]]:
    """Logs in blocks ``first … last``, each once, in the chain's order.

    Raises
    ------
    EndpointError
        If the endpoint refuses even single blocks, or sends logs nobody asked for.
    """
    wanted = sorted(to_hex(address) for address in addresses)
    found: dict[tuple[int, int], dict[str, Any]] = {}
    width = WIDEST_RANGE
    while first <= last:
        upto = min(first + width - 1, last)
        query = {"address": wanted, "fromBlock": hex(first), "toBlock": hex(upto)}
        try:
            logs = logs_in(endpoint, endpoint.call("eth_getLogs", query), addresses)
        except Refusal:
            if width == 1:
                raise
            width = max(min(width, upto - first + 1) // 4, 1)
            continue
        for log in logs:
            place = quantity(log["blockNumber"]), quantity(log["logIndex"])
            if first <= place[0] <= upto and not log.get("removed"):
                found[place] = log
        first, width = upto + 1, min(width * 2, WIDEST_RANGE)
    return [found[place] for place in sorted(found)]


def block_times(endpoint: Endpoint, logs: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Time of each block that the logs are in, by block number as the logs write it."""
    times = {log["blockNumber"]: quantity(log["blockTimestamp"]) for log in logs if log.get("blockTimestamp")}
    missing = sorted({log["blockNumber"] for log in logs} - times.keys())
    for at in range(0, len(missing), _BATCH):
        part = missing[at : at + _BATCH]
        blocks = endpoint.batch([("eth_getBlockByNumber", [number, False]) for number in part])
        for number, block in zip(part, blocks, strict=True):
            times[number] = quantity(member(block, "timestamp"))
    return times


def logs_in(endpoint: Endpoint, answer: Any, addresses: Sequence[Address]) -> list[dict[str, Any]]:
    """The logs of an answer, which must be whole and by these contracts.

    Raises
    ------
    EndpointError
        If it is anything else.
    """
    if not isinstance(answer, list):
        raise EndpointError(f"{endpoint.name} sent something else for logs.", code="EndpointGarbage")
    for log in answer:
        for name in ("address", "topics", "data", "blockNumber", "logIndex", "blockHash", "transactionHash"):
            member(log, name, endpoint.name)
        if hex_bytes(log["address"], where=endpoint.name) not in addresses or not isinstance(log["topics"], list):
            raise EndpointError(f"{endpoint.name} sent a log that nobody asked for.", code="EndpointGarbage")
    return answer
