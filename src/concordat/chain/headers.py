"""Block headers as a chain hashes them, for contracts that read one.

Nodes tell the fields of a block's header, not its bytes. So the fields are put together again, in the order of the
protocol's history, and the result must hash to the block's hash: a header with fields that are not known here is
asked for as it is, which not every node answers.
"""

from __future__ import annotations

from typing import Any

import rlp

from concordat.chain.answers import Refusal, hex_bytes, member
from concordat.chain.rpc import Endpoint
from concordat.primitives.encoding import from_hex
from concordat.primitives.errors import EndpointError, InputError
from concordat.primitives.hashing import keccak256

__all__ = ["block_header"]

_HASHES = ("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom")
_FIELDS: tuple[tuple[str, bool], ...] = (
    *((name, False) for name in _HASHES),
    *((name, True) for name in ("difficulty", "number", "gasLimit", "gasUsed", "timestamp")),
    *((name, False) for name in ("extraData", "mixHash", "nonce")),
    ("baseFeePerGas", True),
    ("withdrawalsRoot", False),
    ("blobGasUsed", True),
    ("excessBlobGas", True),
    ("parentBeaconBlockRoot", False),
    ("requestsHash", False),
)
"""Names of the fields, and whether each is a number: those carry no zeros in front."""
_FIRST_OPTIONAL = 15
"""Fields from here on were added one by one, and are left out where a chain does not have them."""


def block_header(endpoint: Endpoint, number: int) -> bytes:
    """Header of a block, RLP.

    Raises
    ------
    EndpointError
        ``NoHeader`` if the endpoint has no such block, or says nothing that hashes to its hash.
    """
    try:
        block = endpoint.call("eth_getBlockByNumber", hex(number), False)
    except Refusal as error:
        raise EndpointError(f"{endpoint.name} does not tell block {number}.", code="NoHeader") from error
    if block is None:
        raise EndpointError(f"{endpoint.name} has no block {number}.", code="NoHeader")
    expected = hex_bytes(member(block, "hash"), length=32)
    for header in (_assembled(block), _asked_for(endpoint, number)):
        if header is not None and keccak256(header) == expected:
            return header
    raise EndpointError(f"{endpoint.name} does not tell all of block {number}'s header.", code="NoHeader")


def _assembled(block: Any) -> bytes | None:
    values = []
    try:
        for place, (name, is_number) in enumerate(_FIELDS):
            if block.get(name) is None and place >= _FIRST_OPTIONAL:
                break
            text = str(block[name])
            values.append(_number(text) if is_number else from_hex(text))
    except (AttributeError, KeyError, ValueError, InputError):
        return None
    encoded: bytes = rlp.encode(values)
    return encoded


def _number(text: str) -> bytes:
    value = int(text, 16)
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _asked_for(endpoint: Endpoint, number: int) -> bytes | None:
    try:
        return hex_bytes(endpoint.call("debug_getRawHeader", hex(number)))
    except (Refusal, EndpointError):
        return None
