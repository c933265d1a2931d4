"""Rows that some events touch, read once, changed in memory, and written back together, with a way back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeAlias

from concordat.storage.index.tables import DATA, UNDO
from concordat.storage.sql.schema import Database, Row, Table

__all__ = ["Batch", "Fields", "undo_block"]

Fields: TypeAlias = dict[str, Any]
"""A row by column name."""


class Batch:
    """One transaction's worth of changes.

    Parameters
    ----------
    database : Database
        In a transaction.
    undoable : bool
        Whether every change can be taken back later.
    """

    def __init__(self, database: Database, *, undoable: bool) -> None:
        self._database, self._undoable = database, undoable
        self._rows: dict[tuple[str, Any], Fields | None] = {}
        self._stored: set[tuple[str, Any]] = set()
        self._changed: dict[str, dict[Any, None]] = {name: {} for name in DATA}
        self._listed: dict[tuple[str, bytes], list[int]] = {}
        self._block = -1
        self._touched: set[tuple[str, Any]] = set()
        self._undo: list[tuple[int, str, str]] = []

    def preload(self, table: Table, keys: Iterable[Any]) -> None:
        """Read rows that will be wanted, in one go."""
        wanted = [key for key in dict.fromkeys(keys) if (table.name, key) not in self._rows]
        for row in self._database.fetch(table, wanted):
            self._keep(table, row)
        for key in wanted:
            self._rows.setdefault((table.name, key), None)

    def begin(self, block: int) -> None:
        """What follows is of this block."""
        if block != self._block:
            self._block = block
            self._touched = set()

    def has(self, table: Table, key: Any) -> bool:
        """Whether there is such a row."""
        return self._row(table, key) is not None

    def edit(self, table: Table, key: Any) -> Fields | None:
        """A row to be changed in place; ``None`` if there is none."""
        row = self._row(table, key)
        if row is not None:
            self._touch(table, key, row)
        return row

    def add(self, table: Table, row: Fields) -> None:
        """A new row."""
        key = row[table.key]
        self._touch(table, key, None)
        self._rows[table.name, key] = row

    def of_order(self, table: Table, order: bytes) -> list[int]:
        """Places of an order's rows in a table whose key is the place, oldest first."""
        if (table.name, order) not in self._listed:
            query = f"SELECT {table.listed} FROM {table.name} WHERE order_id = :order ORDER BY place"  # noqa: S608 (our own names)
            rows = self._database.execute(query, {"order": order})
            for row in rows:
                if (table.name, row[0]) not in self._rows:
                    self._keep(table, row)
            self._listed[table.name, order] = [row[0] for row in rows]
        return self._listed[table.name, order]

    def write(self) -> None:
        """Write everything back."""
        for table in DATA.values():
            keys = self._changed[table.name]
            self._database.delete(table, [key for key in keys if (table.name, key) in self._stored])
            rows = (self._rows[table.name, key] for key in keys)
            self._database.insert(table, (tuple(row[name] for name in table.columns) for row in rows if row))
        if self._undo:
            first = (self._database.execute("SELECT COALESCE(MAX(seq), 0) FROM undo")[0][0]) + 1
            self._database.insert(UNDO, ((first + number, *entry) for number, entry in enumerate(self._undo)))

    def _row(self, table: Table, key: Any) -> Fields | None:
        name = (table.name, key)
        if name not in self._rows:
            self.preload(table, [key])
        return self._rows[name]

    def _keep(self, table: Table, row: Row) -> None:
        self._stored.add((table.name, row[0]))
        self._rows[table.name, row[0]] = dict(zip(table.columns, row, strict=True))

    def _touch(self, table: Table, key: Any, old: Fields | None) -> None:
        name = (table.name, key)
        self._changed[table.name][key] = None
        if self._undoable and name not in self._touched:
            self._touched.add(name)
            before = None if old is None else [_plain(old[column]) for column in table.columns]
            self._undo.append((self._block, table.name, json.dumps([_plain(key), before])))


def undo_block(database: Database, block: int) -> None:
    """Put everything back to how it was before a block; its changes and later ones must all have been kept."""
    entries = database.execute("SELECT kind, body FROM undo WHERE block >= :block ORDER BY seq DESC", {"block": block})
    for kind, body in entries:
        table, (key, before) = DATA[kind], json.loads(body)
        database.delete(table, [_value(key)])
        if before is not None:
            database.insert(table, [tuple(map(_value, before))])
    database.execute("DELETE FROM undo WHERE block >= :block", {"block": block})


def _plain(value: Any) -> Any:
    """A value for JSON: bytes as a list of one."""
    return [value.hex()] if isinstance(value, bytes) else value


def _value(plain: Any) -> Any:
    return bytes.fromhex(plain[0]) if isinstance(plain, list) else plain
