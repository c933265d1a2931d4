"""Every error that Concordat raises on purpose.

::

    ConcordatError
    ├── InputError              what the caller passed in cannot be used
    │   ├── ModelError          an ONNX file or integer graph that cannot be kept bit-exact
    │   ├── SchemaError         a model input of the wrong shape, range, column or category
    │   ├── PolicyError         an evidence policy that can never be met
    │   └── ConfigurationError  a setting, URL or missing program
    ├── NotFoundError           an artifact, order or record that is not there
    ├── ProtocolError           a message the market, vault or court refuses
    │   ├── OrderError          wrong state, party, time or signature for this order
    │   ├── FundsError          too little balance, stake or bond
    │   └── DisputeError        a challenge that is early, late, malformed or unproven
    ├── ChainError              the chain endpoint
    │   ├── EndpointError       down, too slow, lying, or on another network
    │   ├── TransactionError    dropped, stuck, reverted for a reason outside the protocol
    │   └── ReorganisationError a block we relied on is gone
    ├── StorageError            journal, content store or log cannot be read or written
    │   └── CorruptionError     bytes on disk do not hash to what they should
    └── VerificationError       evidence, record or bundle that does not hold

Each has a stable ``code`` for programs, a sentence for people, a ``hint`` that says what to do, and typed
fields. Solidity custom errors carry the same names as the ``code`` of the matching ``ProtocolError``.
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "ChainError",
    "ConcordatError",
    "ConfigurationError",
    "CorruptionError",
    "DisputeError",
    "EndpointError",
    "FundsError",
    "InputError",
    "ModelError",
    "NotFoundError",
    "OrderError",
    "PolicyError",
    "ProtocolError",
    "ReorganisationError",
    "SchemaError",
    "StorageError",
    "TransactionError",
    "VerificationError",
]


class ConcordatError(Exception):
    """Root of every expected error.

    Parameters
    ----------
    message : str
        What is wrong, in one sentence, with the offending value unless it is secret or personal.
    code : str, optional
        Stable CamelCase name; the class name without ``Error`` if left out.
    hint : str, optional
        What the reader can do about it.
    **fields
        Typed details, kept in :attr:`fields` and shown by ``--json``.
    """

    default_code: ClassVar[str] = "Error"

    def __init__(self, message: str, *, code: str | None = None, hint: str = "", **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).default_code
        self.hint = hint
        self.fields = fields

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.default_code = cls.__name__.removesuffix("Error")

    def __str__(self) -> str:
        return f"{self.message} Hint: {self.hint}" if self.hint else self.message


class InputError(ConcordatError):
    """What the caller passed in cannot be used."""


class ModelError(InputError):
    """An ONNX file or integer graph that is malformed, hostile, unsupported or cannot be kept bit-exact."""


class SchemaError(InputError):
    """A model input of the wrong shape, range, column or category."""


class PolicyError(InputError):
    """An evidence policy that can never be met, or is written in no known form."""


class ConfigurationError(InputError):
    """A setting, URL or missing program."""


class NotFoundError(ConcordatError):
    """An artifact, order or record that is not there."""


class ProtocolError(ConcordatError):
    """A message that the market, vault or court refuses; ``code`` equals the Solidity custom error's name."""


class OrderError(ProtocolError):
    """Wrong state, party, time or signature for this order."""


class FundsError(ProtocolError):
    """Too little balance, stake or bond."""


class DisputeError(ProtocolError):
    """A challenge that is early, late, malformed or unproven."""


class ChainError(ConcordatError):
    """The chain endpoint."""


class EndpointError(ChainError):
    """The endpoint is down, too slow, lying, or on another network."""


class TransactionError(ChainError):
    """A transaction was dropped, is stuck, or reverted for a reason outside the protocol."""


class ReorganisationError(ChainError):
    """A block we relied on is gone."""


class StorageError(ConcordatError):
    """Journal, content store or log cannot be read or written."""


class CorruptionError(StorageError):
    """Bytes on disk do not hash to what they should."""


class VerificationError(ConcordatError):
    """Evidence, record or bundle that does not hold."""
