"""The doctor on what the home keeps: journals, log, running nodes."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from concordat.chain.ledger import EvmLedger
from concordat.client.connect import log_reader
from concordat.client.evm import EvmAnchors, log_id
from concordat.client.home import Home
from concordat.node.operations.restored import check_newest
from concordat.node.operations.symptoms import Patient, Symptom, fine, sick, suspect, unseen
from concordat.primitives.encoding import from_hex
from concordat.primitives.units import Address
from concordat.storage.journal import SCHEMA
from concordat.storage.sql.open import open_database

__all__ = ["anchors", "ask_nodes", "databases", "journals", "log", "nodes"]

ASK_SECONDS = 5.0
"""How long a node may take to say how it is."""


def journals(patient: Patient) -> Symptom:
    """Whether every database of the home is whole (SQLite's own check of each page, index and constraint)."""
    paths = [path for path in sorted(patient.home.path.rglob("*.db")) if path.is_file()]
    for path in paths:
        if said := _damage(path):
            return sick(
                f"{path.relative_to(patient.home.path)}: {said}.",
                "Stop the node and restore the file from a back-up; without one move it away: what matters is rebuilt "
                "from the chain, except a client's salts.",
            )
    return fine(f"{len(paths)} databases are whole.")


def _damage(path: Path) -> str:
    try:
        database = sqlite3.connect(path, timeout=ASK_SECONDS)
        try:
            found = str(database.execute("PRAGMA integrity_check(1)").fetchone()[0])
        finally:
            database.close()
    except sqlite3.Error as error:
        return str(error)
    return "" if found == "ok" else found


def databases(patient: Patient) -> Symptom:
    """Whether a database on a server answers."""
    url = patient.home.database
    if not url.startswith("postgresql"):
        return unseen("No database on a server is set.")
    database = open_database(url, SCHEMA, name="client")
    try:
        (row,) = database.execute("SELECT COUNT(*) FROM intent")
    finally:
        database.close()
    return fine(f"It answers; {row[0]} intents of the client.")


def log(patient: Patient) -> Symptom:
    """Whether every file of the log fits its signed checkpoint."""
    if not patient.home.log_key.exists():
        return unseen("This home has no transparency log yet.")
    reader = log_reader(patient.home)
    reader.audit()
    return fine(f"{reader.size} entries lead to the signed checkpoint.")


def anchors(patient: Patient) -> Symptom:
    """Whether the log contains all that was anchored on chain."""
    home = patient.home
    if (
        patient.endpoint is None
        or patient.deployment is None
        or not (home.log_key.exists() and home.log_owner.exists())
    ):
        return unseen("There is no endpoint, no deployment or no log.")
    ledger = EvmLedger(patient.endpoint, patient.deployment)
    owner = Address(from_hex(home.log_owner.read_text().strip(), length=20))
    posted, reader = EvmAnchors(ledger, log_id(owner)).anchors(), log_reader(home)
    check_newest(reader, posted)
    last = max((anchor.size for anchor in posted), default=0)
    if last < reader.size:
        return suspect(
            f"{reader.size - last} of {reader.size} entries are not anchored yet.", "Is the keeper running, and funded?"
        )
    return fine(f"All {reader.size} entries are anchored.")


def nodes(patient: Patient) -> Symptom:
    """Whether the home's running nodes are ready."""
    found = ask_nodes(patient.home)
    if not found:
        return unseen("No node of this home runs.")
    if missing := "; ".join(f"{name}: {why}" for name, why in found.items() if why):
        return sick(f"Not ready: {missing}.", "Look at the node's log, and at its /ready.")
    return fine(f"{', '.join(found)}: ready.")


def ask_nodes(home: Home) -> dict[str, str]:
    """Why each running node of a home is not ready; empty where it is."""
    return {path.parent.name: _unready(path) for path in sorted(home.path.glob("nodes/*/status.json"))}


def _unready(path: Path) -> str:
    """Why a node is not ready; empty if it is."""
    try:
        url = str(json.loads(path.read_bytes())["url"])
        if not url.startswith("http://"):
            return "status.json names no door"
        with urlopen(f"{url}/ready", timeout=ASK_SECONDS) as answer:  # noqa: S310 (checked above)
            answer.read()
    except HTTPError as error:
        reasons = json.loads(error.read())["data"]["reasons"]
        return ", ".join(f"{reason['name']} ({reason['detail']})" for reason in reasons if not reason["ok"])
    except (OSError, ValueError, KeyError):
        return "it does not answer"
    return ""
