"""Packaged contracts: their ABIs and creation code, calls out, results, logs and custom errors in.

Python values go in and come out as the rest of Concordat has them: addresses and words are bytes, structs are
dataclasses or dictionaries with ``snake_case`` names, in the order of the ABI.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from eth_abi.codec import ABICodec
from eth_abi.decoding import StringDecoder
from eth_abi.encoding import TextStringEncoder
from eth_abi.exceptions import DecodingError, EncodingError
from eth_abi.registry import registry

from concordat.chain.words import Reader, log_reader
from concordat.primitives.encoding import from_hex
from concordat.primitives.errors import EndpointError, InputError, NotFoundError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address

__all__ = ["Contract", "CustomError", "contract", "custom_error", "packaged", "snake_case"]

Values = dict[str, Any]
_ADDRESS_WORD = 20


def _codec() -> ABICodec:
    """The general codec. Texts on chain come from anybody: bytes that are no UTF-8 must not stop who reads them."""
    known = registry.copy()  # type: ignore[no-untyped-call]
    known.unregister("string")
    reader = StringDecoder(handle_string_errors="replace")  # type: ignore[no-untyped-call]
    known.register("string", TextStringEncoder, reader, label="string")
    return ABICodec(known)


_CODEC = _codec()


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomError:
    """Why a call reverted."""

    name: str
    """Name of the Solidity error; ``Error`` for a string, ``Panic`` for a failed assertion, empty for no reason."""
    values: Values
    """Its arguments."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One function, event or error of an ABI."""

    name: str
    signature: str
    inputs: tuple[Mapping[str, Any], ...]
    outputs: tuple[Mapping[str, Any], ...]

    @property
    def hash(self) -> bytes:
        return keccak256(self.signature.encode())


class Contract:
    """One packaged contract.

    Parameters
    ----------
    name : str
        As in Solidity.
    abi : sequence of mapping
        JSON ABI.
    creation_code : bytes
        What deploys it, without constructor arguments.
    """

    def __init__(self, name: str, abi: Sequence[Mapping[str, Any]], creation_code: bytes) -> None:
        self.name = name
        self.creation_code = creation_code
        entries = [(item["type"], _entry(item)) for item in abi]
        self._constructor = next((e.inputs for kind, e in entries if kind == "constructor"), ())
        self._functions = [e for kind, e in entries if kind == "function"]
        self._events = {e.hash: e for kind, e in entries if kind == "event"}
        self._readers: dict[bytes, Reader | None] = {
            topic: log_reader(event.inputs, snake_case) for topic, event in self._events.items()
        }
        self.errors = {e.hash[:4]: e for kind, e in entries if kind == "error"}

    def creation(self, *arguments: Any) -> bytes:
        """Creation code with constructor arguments."""
        return self.creation_code + _encode(self._constructor, arguments, f"{self.name}()")

    def call(self, function: str, *arguments: Any) -> bytes:
        """Call data.

        Parameters
        ----------
        function : str
            Its name, or its whole signature where the number of arguments does not tell it from another of that name.
        *arguments
            Values, in order.

        Raises
        ------
        InputError
            If a value does not fit its type.
        """
        entry = self._function(function, len(arguments))
        return entry.hash[:4] + _encode(entry.inputs, arguments, f"{self.name}.{function}")

    def selector(self, function: str) -> bytes:
        """First bytes of a function's call data."""
        return self._function(function).hash[:4]

    def result(self, function: str, data: bytes) -> Any:
        """What a call returned: one value as it is, several as a tuple.

        Raises
        ------
        EndpointError
            If these bytes are no such result (for example because no contract is there).
        """
        values = tuple(_decode(self._function(function).outputs, data, f"{self.name}.{function}").values())
        return values[0] if len(values) == 1 else values

    def log(self, topics: Sequence[bytes], data: bytes) -> tuple[str, Values] | None:
        """Name and arguments of one of this contract's events; ``None`` for any other log.

        Of an indexed string, byte string or row there is only the hash in a log.
        """
        entry = self._events.get(topics[0]) if topics else None
        if entry is None:
            return None
        reader = self._readers[topics[0]]
        if reader is not None and (read := reader(topics[1:], data)) is not None:
            return entry.name, read
        indexed = [_topic(item) for item in entry.inputs if item["indexed"]]
        plain = [item for item in entry.inputs if not item["indexed"]]
        if len(topics) != len(indexed) + 1:
            raise EndpointError(f"A {entry.name} log has the wrong number of topics.", code="EndpointGarbage")
        values = _decode(indexed, b"".join(topics[1:]), entry.name) | _decode(plain, data, entry.name)
        return entry.name, {snake_case(item["name"]): values[snake_case(item["name"])] for item in entry.inputs}

    def topic(self, event: str) -> bytes:
        """First topic of an event."""
        return next(topic for topic, entry in self._events.items() if entry.name == event)

    def _function(self, name: str, count: int | None = None) -> _Entry:
        """The function of a name or signature, with that many arguments; any of several if only the result matters."""
        fitting = [entry for entry in self._functions if name in (entry.name, entry.signature)]
        if len(fitting) > 1 and count is not None:
            fitting = [entry for entry in fitting if len(entry.inputs) == count]
        kinds = {entry.signature if count is not None else ",".join(map(_type, entry.outputs)) for entry in fitting}
        if len(kinds) != 1:
            what = f"several functions {name!r}" if kinds else f"no such function {name!r}"
            raise InputError(f"{self.name} has {what}.", code="NoFunction", hint="Give name and types: name(type,…).")
        return fitting[0]


# -- packaged files --------------------------------------------------------------------------------------------------


def packaged() -> list[str]:
    """Names of all packaged contracts."""
    folder = files("concordat.chain") / "abi"
    return sorted(item.name.removesuffix(".json") for item in folder.iterdir() if item.name.endswith(".json"))


@cache
def contract(name: str) -> Contract:
    """A packaged contract.

    Raises
    ------
    NotFoundError
        If none has that name.
    """
    file = files("concordat.chain") / "abi" / f"{name}.json"
    try:
        document = json.loads(file.read_text())
    except FileNotFoundError:
        raise NotFoundError(
            f"There is no packaged contract {name!r}.",
            code="NoContract",
            hint="Run `make abi` after changing contracts.",
        ) from None
    return Contract(name, document["abi"], from_hex(document["bytecode"]))


@cache
def _all_errors() -> dict[bytes, _Entry]:
    entries = {selector: entry for name in packaged() for selector, entry in contract(name).errors.items()}
    for name, kind in (("Error", "string"), ("Panic", "uint256")):
        entry = _entry({"name": name, "type": "error", "inputs": [{"name": "reason", "type": kind}]})
        entries[entry.hash[:4]] = entry
    return entries


def custom_error(data: bytes) -> CustomError:
    """What revert data say; an unknown error is named by its selector."""
    if not data:
        return CustomError(name="", values={})
    entry = _all_errors().get(data[:4])
    if entry is None:
        return CustomError(name=f"0x{data[:4].hex()}", values={"data": data[4:]})
    try:
        return CustomError(name=entry.name, values=_decode(entry.inputs, data[4:], entry.name))
    except EndpointError:
        return CustomError(name=entry.name, values={"data": data[4:]})


# -- values ----------------------------------------------------------------------------------------------------------


@cache
def snake_case(name: str) -> str:
    """``acceptBy`` → ``accept_by``; leading and trailing underscores go."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower().strip("_")


def _entry(item: Mapping[str, Any]) -> _Entry:
    inputs, outputs = tuple(item.get("inputs", ())), tuple(item.get("outputs", ()))
    name = item.get("name", "")
    return _Entry(name, f"{name}({','.join(map(_type, inputs))})", inputs, outputs)


def _type(item: Mapping[str, Any]) -> str:
    kind: str = item["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(map(_type, item['components']))}){kind[5:]}"


def _topic(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a topic holds of an indexed argument: the value if it is one word, else its hash."""
    kind = item["type"]
    hashed = kind in ("string", "bytes") or kind.endswith("]") or kind.startswith("tuple")
    return {"name": item["name"], "type": "bytes32"} if hashed else item


def _encode(items: Sequence[Mapping[str, Any]], arguments: Sequence[Any], where: str) -> bytes:
    if len(items) != len(arguments):
        raise InputError(f"{where} takes {len(items)} arguments, not {len(arguments)}.", code="BadArguments")
    try:
        values = [_out(item, value) for item, value in zip(items, arguments, strict=True)]
        return _CODEC.encode([_type(item) for item in items], values)
    except (EncodingError, AttributeError, KeyError, TypeError, OverflowError) as error:
        raise InputError(f"{where} cannot take these values: {error}", code="BadArguments") from error


def _decode(items: Sequence[Mapping[str, Any]], data: bytes, where: str) -> Values:
    try:
        values = _CODEC.decode([_type(item) for item in items], data)
    except (DecodingError, OverflowError, UnicodeDecodeError) as error:
        raise EndpointError(
            f"The answer of {where} cannot be read.",
            code="EndpointGarbage",
            hint="Is the contract deployed at this address on this chain?",
        ) from error
    names = [snake_case(item["name"]) or str(index) for index, item in enumerate(items)]
    return {name: _in(item, value) for name, item, value in zip(names, items, values, strict=True)}


def _out(item: Mapping[str, Any], value: Any) -> Any:
    """A Python value as the codec wants it."""
    kind: str = item["type"]
    if kind.endswith("]"):
        element = {**item, "type": kind[: kind.rindex("[")]}
        return [_out(element, one) for one in value]
    if kind == "tuple":
        read = value.__getitem__ if isinstance(value, Mapping) else lambda name: getattr(value, name)
        return tuple(_out(part, read(snake_case(part["name"]))) for part in item["components"])
    return value


def _in(item: Mapping[str, Any], value: Any) -> Any:
    """A codec's value as Python wants it."""
    kind: str = item["type"]
    if kind.endswith("]"):
        element = {**item, "type": kind[: kind.rindex("[")]}
        return tuple(_in(element, one) for one in value)
    if kind == "tuple":
        parts = zip(item["components"], value, strict=True)
        return {snake_case(part["name"]): _in(part, one) for part, one in parts}
    if kind == "address":
        return Address(from_hex(value, length=_ADDRESS_WORD))
    return value
