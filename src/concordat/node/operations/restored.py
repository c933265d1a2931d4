"""Is the log that lies here the newest there is? A keeper that goes on with an old copy would show two faces.

What was anchored on chain cannot be taken back. A log that is shorter than its last anchor, or that does not lead to
it, was restored from a back-up that misses entries; others have them, because a log is public.
"""

from __future__ import annotations

from collections.abc import Sequence

from concordat.primitives.errors import StorageError, VerificationError
from concordat.protocol.transparency import verify_consistency
from concordat.protocol.verification import AnchoredRoot
from concordat.storage.log_reader import LogReader

__all__ = ["check_newest"]


def check_newest(log: LogReader, anchors: Sequence[AnchoredRoot]) -> None:
    """Return if nothing was anchored that the log does not contain.

    Raises
    ------
    StorageError
        ``LogBehind`` if the log misses anchored entries, ``LogForked`` if it holds others.
    """
    last = max(anchors, key=lambda anchor: anchor.size, default=None)
    if last is None:
        return
    if last.size > log.size:
        raise StorageError(
            f"The log here has {log.size} entries, {last.size} are anchored on chain.",
            code="LogBehind",
            hint="It is an old copy. Fetch the missing files of the log from a mirror before the keeper runs again: a "
            "log that is written twice from the same place convicts its keeper.",
            anchored=last.size,
            here=log.size,
        )
    try:
        verify_consistency(last.size, last.root, log.size, log.checkpoint.root, log.consistency(last.size))
    except VerificationError as error:
        raise StorageError(
            f"The log here does not contain the {last.size} entries that are anchored on chain.",
            code="LogForked",
            hint="It is another log, or was written from an old copy: keep both, and fetch the anchored one.",
        ) from error
