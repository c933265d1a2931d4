"""What a node says: sentences for people, or one JSON object a line for programs; always on stderr.

A line may name an event and carry fields (``extra={"event": …, "fields": {…}}``). Only the fields listed here are ever
written, and each of them is a public name or number: an input, an output, a salt or a key has no field to be in.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

__all__ = ["FIELDS", "FORMATS", "JsonLines", "say_on"]

FORMATS = ("text", "json")
"""Forms of the log."""
FIELDS = ("order", "tx", "action", "gas", "block", "blocks", "code", "feed", "kind", "address", "version")
"""What a line may say besides time, level, role, node, event and message."""
ROOT = "concordat"
"""Logger above all of ours."""


class JsonLines(logging.Formatter):
    """One JSON object a line.

    Parameters
    ----------
    role, node : str
        Of this process; in every line.
    """

    def __init__(self, role: str, node: str) -> None:
        super().__init__()
        self._role, self._node = role, node

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "role": self._role,
            "node": self._node,
            "event": getattr(record, "event", "said"),
            "message": record.getMessage(),
        }
        fields = getattr(record, "fields", {})
        line |= {name: fields[name] for name in FIELDS if name in fields}
        return json.dumps(line, ensure_ascii=False)


def say_on(role: str, node: str, *, form: str = "text", stream: TextIO | None = None) -> logging.Handler:
    """Send what this process says to stderr; what only counts (level DEBUG) is handed on but not written.

    Parameters
    ----------
    role, node : str
        Role and name of this node.
    form : str
        One of :data:`FORMATS`.
    stream : file, optional
        Written to instead of stderr.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setLevel(logging.INFO)
    plain = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(JsonLines(role, node) if form == "json" else plain)
    logging.getLogger(ROOT).setLevel(logging.DEBUG)
    logging.getLogger().addHandler(handler)  # of other libraries only warnings pass
    return handler
