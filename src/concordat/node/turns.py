"""Every order gets its turn: one that fails waits longer and longer, and never stops the others."""

from __future__ import annotations

import logging
from collections.abc import Callable

from concordat.primitives.errors import ConcordatError, CorruptionError, EndpointError, StorageError

__all__ = ["LONGEST_WAIT", "Turns", "says"]

LONGEST_WAIT = 256
"""Most turns that something which keeps failing is left out."""
MOST_REMEMBERED = 4096
"""Failures remembered at once."""

_log = logging.getLogger("concordat.node")


class Turns:
    """Takes one thing at a time a step further.

    Counted in turns and not in seconds, so that it is the same on a chain whose clock is moved.
    """

    def __init__(self) -> None:
        self._waits: dict[str, tuple[int, int]] = {}  # key: turns left to wait, length of the last wait

    def take(self, key: str, act: Callable[[], int]) -> int:
        """Let one thing take its turn; returns how much it did.

        Raises
        ------
        EndpointError
            If the chain is away: it is away for everybody.
        StorageError
            If the journal or the disk refuses; only public data that is damaged concerns one order alone.
        """
        left, last = self._waits.get(key, (0, 0))
        if left > 0:
            self._waits[key] = (left - 1, last)
            return 0
        try:
            done = act()
        except EndpointError:
            raise
        except StorageError as error:
            if not isinstance(error, CorruptionError) or error.code == "JournalCorrupt":
                raise
            return self._later(key, last, error)
        except Exception as error:  # noqa: BLE001 (whatever is wrong with one order, the others go on)
            return self._later(key, last, error)
        self._waits.pop(key, None)
        return done

    def _later(self, key: str, last: int, error: Exception) -> int:
        if len(self._waits) >= MOST_REMEMBERED:
            self._waits.clear()
        wait = min(max(2 * last, 1), LONGEST_WAIT)
        self._waits[key] = (wait, wait)
        _log.warning("%s: %s", key, says(error))
        return 0


def says(error: BaseException) -> str:
    """What may be logged of an error: our own sentences hold nothing personal, other people's might."""
    if isinstance(error, ConcordatError):
        return f"{error.message} ({error.code})"
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = f" at {where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else ""
    return f"{type(error).__name__}{place}"
