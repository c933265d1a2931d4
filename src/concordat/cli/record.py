"""``concordat record``: read the transparency log."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from concordat.cli.connect import connect
from concordat.cli.output import command_errors, speaker_of
from concordat.cli.settings import Settings
from concordat.node.log_keys import change_log_keys, make_recovery_keys, open_recovery_keys
from concordat.primitives.encoding import checksum_address, from_hex, to_hex
from concordat.primitives.units import ModelId, OrderId, Timestamp
from concordat.protocol.evidence import kinds_in
from concordat.protocol.verification import SettledOrder, settled_orders
from concordat.storage.files import write_file
from concordat.verify import Finding, check_sequence

__all__ = ["record"]


@click.group()
def record() -> None:
    """Read the transparency log."""


@record.command("list")
@click.option("--model", help="Only records of this model id.")
@command_errors
def list_(model: str | None) -> None:
    """List records, oldest first."""
    context = click.get_current_context()
    speaker = speaker_of(context)
    with connect(context.find_object(Settings) or Settings()) as network:
        wanted = ModelId(network.registry.find(model)) if model else None
        entries = [e for e in network.records.log.records() if wanted in (None, e.record.model)]
    data: list[dict[str, Any]] = [
        {
            "index": e.index,
            "order": to_hex(e.record.order_id),
            "model": to_hex(e.record.model),
            "sequence": e.record.sequence,
            "time": datetime.fromtimestamp(e.record.time, UTC).isoformat(),
            "evidence": sorted(kind.word for kind in kinds_in(e.record.gathered)),
        }
        for e in entries
    ]
    rows = [
        (str(d["index"]), str(d["time"]), str(d["sequence"]), ", ".join(d["evidence"]), str(d["order"])) for d in data
    ]
    speaker.result(data, lambda: speaker.table("Records", ("#", "time", "sequence", "evidence", "order"), rows))


@record.command()
@click.argument("subject")
@click.option("--yes", is_flag=True, help="Do not ask before it is gone for good.")
@command_errors
def erase(subject: str, yes: bool) -> None:
    """Erase everything private about SUBJECT, for good: key, inputs, answers, salts. The log keeps a tombstone."""
    context = click.get_current_context()
    settings, speaker = context.find_object(Settings) or Settings(), speaker_of(context)
    if not yes and not settings.json:
        click.confirm("This cannot be undone. Go on?", abort=True, err=True)
    with connect(settings) as network:
        erased = network.records.erase(subject)
    data = {
        "orders": [to_hex(name) for name in erased.orders],
        "unreached": [checksum_address(provider) for provider in erased.unreached],
    }
    lines = [f"erased what was private about {len(erased.orders)} orders"]
    lines += [f"provider {provider} did not confirm, and is asked again" for provider in data["unreached"]]
    speaker.result(data, "\n".join(lines))


@record.command()
@click.argument("identity")
@click.option("--save", type=click.Path(path_type=Path), help="Write the bundle here.")
@command_errors
def remains(identity: str, save: Path | None) -> None:
    """What an erasure left of an order: its record, proofs and tombstone, as a bundle."""
    context = click.get_current_context()
    speaker = speaker_of(context)
    with connect(context.find_object(Settings) or Settings()) as network:
        bundle = network.orders.remains(OrderId(from_hex(identity, length=32)))
    if save is not None:
        write_file(save, bundle.encode())
    assert bundle.tombstone is not None, "asked for what was erased"
    index = bundle.tombstone.tombstone.index
    speaker.result({"order": identity, "record": index, "file": str(save) if save else None}, f"record {index}, erased")


@record.command()
@click.argument("model")
@command_errors
def audit(model: str) -> None:
    """Compare a model's records with the orders the chain settled: a left-out decision shows."""
    context = click.get_current_context()
    speaker = speaker_of(context)
    with connect(context.find_object(Settings) or Settings()) as network:
        identity = ModelId(network.registry.find(model))
        records = [entry.record for entry in network.records.of_model(identity)]
        settled: list[SettledOrder] = []
        findings: list[Finding] = []
        for version in network.records.versions:
            paid, domain = settled_orders(version.ledger.events(), identity), version.ledger.domain
            others = {other.ledger.domain for other in network.records.versions} - {domain}
            settled += paid
            findings += check_sequence([r for r in records if r.domain not in others], paid, domain=domain)
    data = {"settled": len(settled), "recorded": len(records), "findings": [str(finding) for finding in findings]}
    verdict = "nothing is missing, changed or out of order" if not findings else "\n".join(map(str, findings))
    speaker.result(data, f"{len(settled)} settled, {len(records)} recorded: {verdict}")
    context.exit(1 if findings else 0)


@record.command("keys")
@command_errors
def keys() -> None:
    """Keys that speak for the log, and every change of them."""
    context = click.get_current_context()
    speaker = speaker_of(context)
    with connect(context.find_object(Settings) or Settings()) as network:
        log = network.records.log
        present, made = log.keys, [signed.statement for signed in log.statements()]
    data = {
        "keys": [key.encode() for key in present],
        "changes": [
            {"sequence": s.sequence, "entry": s.size, "time": s.time, "revoked": [g.key.encode() for g in s.revoked]}
            for s in made
        ],
    }
    rows = [("now", key.kind.algorithm, key.key_id.hex()) for key in present]
    rows += [
        (f"change {s.sequence}, entry {s.size}", key.kind.algorithm, key.key_id.hex()) for s in made for key in s.keys
    ]
    speaker.result(data, lambda: speaker.table("Log keys", ("", "algorithm", "key id"), rows))


@record.command("rotate")
@click.option("--lost", is_flag=True, help="The present seeds are gone.")
@click.option("--stolen-since", type=click.DateTime(), help="Others may hold the present keys since then (UTC).")
@click.option("--by", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="File of recovery keys.")
@click.option("--recovery", type=click.Path(path_type=Path), help="Make recovery keys in this new file.")
@command_errors
def rotate(lost: bool, stolen_since: datetime | None, by: Path | None, recovery: Path | None) -> None:
    """Make new keys for the log and let its next entry say so. The keeper must not run meanwhile."""
    context = click.get_current_context()
    settings = context.find_object(Settings) or Settings()
    statement = change_log_keys(
        settings.place,
        time=Timestamp(int(datetime.now(UTC).timestamp())),
        lost=lost,
        stolen_since=Timestamp(int(stolen_since.replace(tzinfo=UTC).timestamp())) if stolen_since else None,
        by=open_recovery_keys(by) if by else (),
        recovery=make_recovery_keys(recovery) if recovery else (),
    )
    data = {"sequence": statement.sequence, "entry": statement.size, "keys": [key.encode() for key in statement.keys]}
    sentence = f"change {statement.sequence} is entry {statement.size}; give verifiers a new trust file"
    speaker_of(context).result(data, sentence)


@record.command()
@command_errors
def trust() -> None:
    """Print this network's trust root; hand it to verifiers by another way than the bundles."""
    context = click.get_current_context()
    with connect(context.find_object(Settings) or Settings()) as network:
        text = network.records.trust_root().encode()
    speaker_of(context).result({"trust": text}, text.rstrip())
