"""Tables of the index."""

from __future__ import annotations

from concordat.storage.sql.schema import Schema, Table

__all__ = [
    "ACCOUNT",
    "AGENT",
    "ARTIFACT",
    "BLOCK_BITS",
    "CREDIT",
    "DATA",
    "DISPUTE",
    "MEMBER",
    "ORDER",
    "PANEL",
    "PARTS",
    "SCHEMA",
    "SEAT",
    "SEEN",
    "UNDO",
    "place_of",
]

LOG_BITS = 20
"""A place is the block's number and, in its last bits, the log's: more logs do not fit into a block."""
BLOCK_BITS = 38
"""Blocks with larger numbers have no place."""
PARTS = 16
"""Most credits or seats of one event: their place is that many times the event's, and their number."""


def place_of(block: int, index: int) -> int:
    """One number for a place on the chain; later places have larger numbers."""
    return block << LOG_BITS | index


_COLUMNS = {
    "market_order": """
        id bytes, place number, client bytes, provider bytes, model bytes, status number, price text, bond text,
        accept_by number, deliver_by number, challenge_window number, input bytes, evidence bytes, effect bytes,
        terms bytes, salt bytes, accepted_time number, accepted_tx bytes,
        delivered_place number?, delivered_time number?, delivered_tx bytes?, until number?, trace_root bytes?,
        output bytes?, ended_place number?, ended_time number?, ended_tx bytes?, gathered number, output_hash bytes?""",
    "dispute": """
        place number, order_id bytes, challenger bytes, kind number, status number, moves number, part number?,
        deadline number?, opened_time number, opened_tx bytes,
        ended_place number?, ended_time number?, ended_tx bytes?""",
    "artifact": """
        id bytes, place number, kind number, owner bytes, manifest bytes, parents bytes, royalty number, uri text,
        uri_length number, commitment bytes?, registered_time number, registered_tx bytes""",
    "agent": """
        id number, place number, owner bytes, uri text, uri_length number, wallet bytes?, registered_time number,
        registered_tx bytes""",
    "credit": """
        place number, account bytes, order_id bytes?, kind number, amount text, time number, tx bytes""",
    "pool_member": """
        id bytes, place number, status number, tickets number, free_at number?, joined_time number, joined_tx bytes""",
    "panel": """
        id bytes, place number, provider bytes, status number, fee text, draw_block number, draw_by number,
        commit_by number?, reveal_by number?, sealed_time number, sealed_tx bytes,
        ended_place number?, ended_time number?, ended_tx bytes?""",
    "seat": """
        place number, order_id bytes, replica bytes, status number, digest bytes?, trace_root bytes?,
        output_hash bytes?, paid text, fined text, drawn_time number, drawn_tx bytes""",
    "account": "id bytes, total text, entries number",
    "undo": "seq number, block number, kind text, body text",
    "seen": "number number, hash bytes",
}
_INDEXES: dict[str, tuple[tuple[str, ...], ...]] = {
    "market_order": (
        ("place",),
        ("status", "place"),
        ("client", "status", "place"),
        ("provider", "status", "place"),
        ("model", "status", "place"),
    ),
    "dispute": (("order_id", "place"), ("challenger", "place"), ("status", "place")),
    "artifact": (("place",), ("owner", "place"), ("kind", "place")),
    "agent": (("place",), ("owner", "place")),
    "credit": (("account", "place"), ("order_id", "place")),
    "pool_member": (("place",), ("status", "place")),
    "panel": (("place",), ("provider", "place"), ("status", "place")),
    "seat": (("order_id", "place"), ("replica", "place"), ("status", "place")),
    "undo": (("block",),),
}


def _names(table: str) -> list[list[str]]:
    return [column.split() for column in _COLUMNS[table].split(",")]


def _table(name: str) -> Table:
    columns = tuple(column for column, _ in _names(name))
    return Table(name=name, key=columns[0], columns=columns, indexes=_INDEXES.get(name, ()))


ORDER = _table("market_order")
"""Orders, from acceptance to their end."""
DISPUTE = _table("dispute")
"""Disputes, fraud proofs and demands."""
ARTIFACT = _table("artifact")
"""Registered artifacts."""
AGENT = _table("agent")
"""Registered agents."""
CREDIT = _table("credit")
"""Changes of balances in the vault."""
ACCOUNT = _table("account")
"""Sum of each account's credits."""
MEMBER = _table("pool_member")
"""Replicas that are or were in the pool."""
PANEL = _table("panel")
"""Panels of replicas, from a sealed result to what is given back."""
SEAT = _table("seat")
"""Seats on them."""
UNDO = _table("undo")
"""How rows were before blocks that may be taken back."""
SEEN = _table("seen")
"""Hashes of the last blocks read."""
DATA = {table.name: table for table in (ORDER, DISPUTE, ARTIFACT, AGENT, CREDIT, ACCOUNT, MEMBER, PANEL, SEAT)}
"""What the events said; the other tables are for going on and for going back."""


def _make(table: Table) -> list[str]:
    parts = [
        f"{name} {{{kind.rstrip('?')}}}{'' if kind.endswith('?') else ' NOT NULL'}" for name, kind in _names(table.name)
    ]
    parts[0] += " PRIMARY KEY"
    return [f"CREATE TABLE IF NOT EXISTS {table.name} ({', '.join(parts)})", *index_statements(table)]


def index_statements(table: Table) -> list[str]:
    """What makes the indexes of a table."""
    return [
        f"CREATE INDEX IF NOT EXISTS {table.name}_by_{'_'.join(columns)} ON {table.name} ({', '.join(columns)})"
        for columns in table.indexes
    ]


SCHEMA = Schema(
    name="index",
    version=2,
    statements=(
        *(statement for table in (*DATA.values(), UNDO, SEEN) for statement in _make(table)),
        "CREATE TABLE IF NOT EXISTS progress (name {text} PRIMARY KEY, value {text} NOT NULL)",
    ),
)
"""All of them."""
