"""What the events of the registries of artifacts and agents do to the tables. Their texts come from anybody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

from concordat.primitives.encoding import ZERO_ADDRESS
from concordat.protocol.artifact import ArtifactKind, ModelCommitment
from concordat.protocol.registry import artifact_id
from concordat.storage.index.batch import Batch, Fields
from concordat.storage.index.happening import Happening, contradiction
from concordat.storage.index.tables import AGENT, ARTIFACT

__all__ = ["LONGEST_URI", "REGISTRIES"]

LONGEST_URI = 16_384
"""Longer URIs are not kept, only how long they are: anybody can write them."""
WALLET_KEY = "agentWallet"
"""Metadata of an agent that says which account it is paid to (ERC-8004)."""
_LARGEST = 2**63 - 1


def _artifact_registered(batch: Batch, event: Happening, place: int) -> None:
    values = event.values
    key, kind, digest = values["id"], values["kind"], values["manifest_digest"]
    if batch.has(ARTIFACT, key):
        raise contradiction(f"artifact 0x{key.hex()} was registered twice")
    if kind != ArtifactKind.MODEL and artifact_id(kind, digest) != key:
        raise contradiction(f"artifact 0x{key.hex()} is not what was registered")
    row = {
        "id": key,
        "place": place,
        "kind": kind,
        "owner": values["owner"],
        "manifest": digest,
        "parents": b"".join(values["parents"]),
        "royalty": _number(values["royalty_bps"]),
        "commitment": None,
    }
    batch.add(ARTIFACT, {**row, **_uri(values["uri"]), **_moment(event)})


def _model_registered(batch: Batch, event: Happening, place: int) -> None:
    commitment, key = event.values["commitment"], event.values["id"]
    if not isinstance(commitment, ModelCommitment):
        commitment = ModelCommitment(**commitment)
    row = batch.edit(ARTIFACT, key)
    if row is None or commitment.model_id() != key:
        raise contradiction(f"model 0x{key.hex()} is not what was registered")
    row["commitment"] = b"".join(getattr(commitment, item.name) for item in fields(commitment))


def _artifact_transferred(batch: Batch, event: Happening, place: int) -> None:
    _transfer(batch.edit(ARTIFACT, event.values["token_id"].to_bytes(32, "big")), event)


def _agent_registered(batch: Batch, event: Happening, place: int) -> None:
    values = event.values
    key = _number(values["agent_id"])
    if batch.has(AGENT, key):
        raise contradiction(f"agent {key} was registered twice")
    row = {"id": key, "place": place, "owner": values["owner"], "wallet": None}
    batch.add(AGENT, {**row, **_uri(values["agent_uri"]), **_moment(event)})


def _agent_moved(batch: Batch, event: Happening, place: int) -> None:
    _agent(batch, event).update(_uri(event.values["new_uri"]))


def _agent_described(batch: Batch, event: Happening, place: int) -> None:
    row, wallet = _agent(batch, event), event.values["metadata_value"]
    if event.values["metadata_key"] == WALLET_KEY:
        row["wallet"] = wallet if len(wallet) == 20 and any(wallet) else None


def _agent_transferred(batch: Batch, event: Happening, place: int) -> None:
    _transfer(batch.edit(AGENT, _number(event.values["token_id"])), event)


def _agent(batch: Batch, event: Happening) -> Fields:
    row = batch.edit(AGENT, _number(event.values["agent_id"]))
    if row is None:
        raise contradiction(f"{event.topic} for agent {event.values['agent_id']}, which was never registered")
    return row


def _transfer(row: Fields | None, event: Happening) -> None:
    """A token has another owner; those just made are told of before they are registered."""
    if row is not None:
        row["owner"] = event.values["to"]
    elif event.values["from"] != ZERO_ADDRESS:
        raise contradiction(f"{event.topic} of token {event.values['token_id']}, which was never registered")


def _uri(uri: str) -> Fields:
    """A stranger's text as every database takes it."""
    return {"uri": uri.replace("\0", "\ufffd") if len(uri) <= LONGEST_URI else "", "uri_length": len(uri)}


def _moment(event: Happening) -> Fields:
    return {"registered_time": event.time, "registered_tx": event.transaction}


def _number(value: int) -> int:
    if not 0 <= value <= _LARGEST:
        raise contradiction("a number is larger than any that the registries give")
    return value


REGISTRIES: dict[str, Callable[[Batch, Happening, int], None]] = {
    "Artifacts.Registered": _artifact_registered,
    "Artifacts.ModelRegistered": _model_registered,
    "Artifacts.Transfer": _artifact_transferred,
    "Agents.Registered": _agent_registered,
    "Agents.URIUpdated": _agent_moved,
    "Agents.MetadataSet": _agent_described,
    "Agents.Transfer": _agent_transferred,
}
"""What to do on each event."""
