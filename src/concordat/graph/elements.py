"""Elements in words: how integers of 8 to 64 bits lie in the 32-byte words of a memory."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concordat.primitives.errors import InputError, ModelError
from concordat.primitives.merkle import depth_for

__all__ = ["WORD", "ElementType", "Integers", "align", "pack_elements", "unpack_elements", "words_needed"]

Integers = NDArray[np.int64]
"""Array of signed 64-bit integers."""

WORD = 32
"""Bytes of a memory word, which is one Merkle leaf."""


class ElementType(IntEnum):
    """Two's-complement integers, big-endian, ``1 << code`` bytes."""

    I8 = 0
    I16 = 1
    I32 = 2
    I64 = 3

    @property
    def bytes(self) -> int:
        """Bytes of one element."""
        return 1 << self

    @property
    def per_word(self) -> int:
        """Elements in one word."""
        return WORD >> self

    @property
    def minimum(self) -> int:
        """Smallest value."""
        return -(1 << (8 * self.bytes - 1))

    @property
    def maximum(self) -> int:
        """Greatest value."""
        return (1 << (8 * self.bytes - 1)) - 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """Big-endian numpy type, as stored."""
        return np.dtype(f">i{self.bytes}")

    def holds(self, low: int, high: int) -> bool:
        """Whether every value of an interval is one of the type."""
        return self.minimum <= low and high <= self.maximum

    @classmethod
    def holding(cls, low: int, high: int) -> ElementType:
        """Smallest type for an interval.

        Raises
        ------
        ModelError
            If not even 64 bits hold it.
        """
        for kind in cls:
            if kind.holds(low, high):
                return kind
        raise ModelError(f"No element type holds [{low}, {high}].", code="OutOfType", hint="Shift or clamp first.")


def words_needed(elements: int, kind: ElementType) -> int:
    """Words that hold so many elements."""
    return -(-elements // kind.per_word)


def align(start: int, words: int) -> int:
    """First aligned place at or after `start` for a block: multiples of ``min(next power of two, 16)``."""
    unit = min(1 << depth_for(words), 16)
    return -(-start // unit) * unit


def pack_elements(values: Any, kind: ElementType) -> bytes:
    """Whole words that hold some integers; the last word is filled with zeros.

    Parameters
    ----------
    values : array-like of int, shape (n,)
        Element 0 goes into the most significant bytes of the first word.
    kind : ElementType
        How each is stored.

    Raises
    ------
    InputError
        If a value is not a whole number or not one of the type.
    """
    array = np.asarray(values)
    if array.size == 0:
        return b""
    if array.dtype.kind not in "iub" and not all(isinstance(value, int) for value in array.ravel().tolist()):
        raise InputError("Elements are whole numbers.", code="BadElement")
    low, high = int(array.min()), int(array.max())
    if not kind.holds(low, high):
        raise InputError(f"[{low}, {high}] does not fit {kind.name}.", code="BadElement", low=low, high=high)
    data = array.ravel().astype(kind.dtype).tobytes()
    return data.ljust(words_needed(array.size, kind) * WORD, b"\0")


def unpack_elements(words: bytes, kind: ElementType, count: int | None = None) -> Integers:
    """Elements in packed words; all of them, or the first `count`.

    Raises
    ------
    InputError
        If the words do not hold so many.
    """
    if len(words) % WORD or (count is not None and not 0 <= count <= len(words) // kind.bytes):
        raise InputError(f"{len(words)} bytes do not hold {count or 'whole words of'} elements.", code="BadElement")
    found = np.frombuffer(words, dtype=kind.dtype, count=-1 if count is None else count)
    return found.astype(np.int64)
