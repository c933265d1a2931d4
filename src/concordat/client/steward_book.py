"""Which stewards somebody here works for."""

from __future__ import annotations

import json
from pathlib import Path

from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import CorruptionError, InputError
from concordat.primitives.units import Address
from concordat.storage.files import read_file, write_file

__all__ = ["StewardBook"]

FILE = "stewards.json"
"""Name of the book in a home."""
MOST_BYTES = 1 << 20
"""Longest book that is read."""


class StewardBook:
    """Addresses, in a file of a home or in memory.

    Parameters
    ----------
    folder : Path, optional
        A home; without one the book is gone with the process.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._path = folder / FILE if folder is not None else None
        self._held: list[Address] = []

    def addresses(self) -> list[Address]:
        """All of them, in the order in which they came.

        Raises
        ------
        CorruptionError
            If the file is no book.
        """
        if self._path is None:
            return list(self._held)
        data = read_file(self._path, limit=MOST_BYTES)
        try:
            return [Address(from_hex(text, length=20)) for text in json.loads(data or b"[]")]
        except (ValueError, TypeError, InputError) as error:
            raise CorruptionError(
                f"{self._path} is no list of stewards.", code="BadStewardBook", hint="Mend or remove the file."
            ) from error

    def add(self, steward: Address) -> None:
        """Put one in; a second time does nothing."""
        known = self.addresses()
        if steward in known:
            return
        if self._path is None:
            self._held.append(steward)
        else:
            write_file(self._path, json.dumps([to_hex(one) for one in (*known, steward)], indent=1).encode())
