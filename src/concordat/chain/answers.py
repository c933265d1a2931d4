"""What an endpoint's answers mean: numbers, and refusals with their revert data."""

from __future__ import annotations

from typing import Any

from concordat.primitives.encoding import from_hex
from concordat.primitives.errors import EndpointError, InputError

__all__ = ["Refusal", "hex_bytes", "member", "quantity", "refusal_in"]


class Refusal(EndpointError):
    """The endpoint understood the request and refused it.

    Parameters
    ----------
    number : int
        JSON-RPC error code.
    text : str
        Its message.
    data : bytes
        Revert data, empty if there are none.
    where : str
        The endpoint.
    """

    def __init__(self, number: int, text: str, data: bytes, where: str) -> None:
        super().__init__(f"{where} refused: {text} ({number}).", code="Refusal", number=number, text=text)
        self.number = number
        self.text = text
        self.data = data

    @property
    def reverted(self) -> bool:
        """Whether a contract said no, rather than the endpoint."""
        return bool(self.data) or "revert" in self.text.lower()


def quantity(value: Any, where: str = "The endpoint") -> int:
    """Whole number of a JSON-RPC quantity (``0x…``).

    Raises
    ------
    EndpointError
        If it is something else.
    """
    try:
        number = int(value, 16)
    except (TypeError, ValueError) as error:
        raise EndpointError(f"{where} sent {str(value)[:40]!r} for a number.", code="EndpointGarbage") from error
    return number


def hex_bytes(value: Any, *, length: int | None = None, where: str = "The endpoint") -> bytes:
    """Bytes of a JSON-RPC data string.

    Raises
    ------
    EndpointError
        If it is something else, or of another length.
    """
    try:
        return from_hex(value, length=length)
    except (InputError, TypeError) as error:
        raise EndpointError(f"{where} sent {str(value)[:40]!r} for bytes.", code="EndpointGarbage") from error


def member(item: Any, name: str, where: str = "The endpoint") -> Any:
    """A field that every block, log or receipt has.

    Raises
    ------
    EndpointError
        If this one lacks it.
    """
    if not isinstance(item, dict) or item.get(name) is None:
        raise EndpointError(f"{where} sent an object without {name}.", code="EndpointGarbage")
    return item[name]


def refusal_in(error: Any, where: str) -> Refusal:
    """Refusal of a JSON-RPC error object."""
    if not isinstance(error, dict):
        return Refusal(0, str(error)[:200], b"", where)
    number = error.get("code")
    text = str(error.get("message", ""))[:500]
    return Refusal(number if isinstance(number, int) else 0, text, _revert_data(error.get("data")), where)


def _revert_data(data: Any) -> bytes:
    """Wherever the node family puts them: a string, or nested under ``data`` or ``originalError``."""
    for _ in range(4):
        if not isinstance(data, dict):
            break
        data = data.get("data", data.get("originalError"))
    if not isinstance(data, str) or "0x" not in data:
        return b""
    try:
        return from_hex("0x" + data.split("0x", 1)[1])
    except InputError:
        return b""
