"""``concordat artifact``: check, publish and find models and data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click
from rich.text import Text

from concordat.cli.connect import connect
from concordat.cli.hidden import VERBS
from concordat.cli.output import command_errors, one_line, speaker_of
from concordat.cli.settings import Settings
from concordat.client.dataset import Dataset
from concordat.client.model import Card, Model, read_csv
from concordat.client.registry import PublishedModel
from concordat.client.secret import SecretModel
from concordat.graph.fidelity import fidelity
from concordat.graph.onnx import import_onnx
from concordat.primitives.encoding import checksum_address, from_hex, to_hex
from concordat.primitives.errors import InputError
from concordat.primitives.units import ModelId
from concordat.zk.account import account
from concordat.zk.parameters import soundness

__all__ = ["artifact"]

_WIDTHS: dict[str, Literal[8, 16, "auto"]] = {"8": 8, "16": 16, "auto": "auto"}
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def artifact() -> None:
    """Check, publish and find models and data sets."""


for _verb in VERBS:
    artifact.add_command(_verb)


@artifact.command()
@click.argument("model", type=_FILE)
@click.option("--data", type=_FILE, required=True, help="CSV rows like those the model will see.")
@click.option("--held-out", type=_FILE, help="Other rows to judge by [the last third of --data].")
@click.option("--card", type=_FILE, help="Card with column overrides (TOML).")
@click.option("--bits", type=click.Choice(["8", "16", "auto"]), default="auto", help="Width of the weights.")
@click.option("--threshold", default="0.5", help="Score at which the decision turns.")
@command_errors
def check(model: Path, data: Path, held_out: Path | None, card: Path | None, bits: str, threshold: str) -> None:
    """Import an ONNX model and report how faithful its integer form is, before anything is published."""
    speaker = speaker_of(click.get_current_context())
    rows = read_csv(data)
    count = len(next(iter(rows.values())))
    split = count if held_out else max(1, 2 * count // 3)
    calibration = {name: values[:split] for name, values in rows.items()}
    judged = read_csv(held_out) if held_out else {name: values[split:] for name, values in rows.items()}
    columns = Card.load(card).columns if card else None
    with speaker.log.status("importing and comparing with onnxruntime"):
        source = model.read_bytes()
        imported = import_onnx(source, calibration=calibration, schema=columns or None, bits=_WIDTHS[bits])
        report = fidelity(imported, source, judged, threshold=float(threshold))
    graph = imported.graph
    data_out = {
        "fidelity": report.to_json(),
        "program": {
            "nodes": len(graph.nodes),
            "weight_bytes": len(graph.weights),
            "trace_words": 1 << graph.trace_depth,
        },
    }
    speaker.result(data_out, "\n".join(report.lines()))


@artifact.command()
@click.argument("source", type=_FILE)
@click.option("--card", type=_FILE, required=True, help="Name, version, licence, texts (TOML).")
@click.option("--parent", multiple=True, help="Id of an artifact it descends from (repeatable).")
@click.option("--royalty", type=click.IntRange(0, 10_000), default=0, help="Hundredths of a per cent of resale.")
@click.option("--hidden", is_flag=True, help="Show nobody the model: its answers are proven in zero knowledge.")
@click.option("--show", help='What a hidden model\'s answers show: all, label, argmax, or "NAME >= 0.5" [all].')
@click.option("--proofs", type=click.IntRange(min=1), help="Answers a hidden model's commitment is good for [64].")
@command_errors
def publish(
    source: Path,
    card: Path,
    parent: tuple[str, ...],
    royalty: int,
    hidden: bool,
    show: str | None,
    proofs: int | None,
) -> None:
    """Publish an ONNX model or a CSV data set under the account's name.

    A hidden model stays in the home, where the provider of the same home finds it.
    """
    if not hidden and (show is not None or proofs is not None):
        raise InputError("Only hidden models have --show and --proofs.", code="NotHidden", hint="Add --hidden.")
    context = click.get_current_context()
    settings, speaker = context.find_object(Settings) or Settings(), speaker_of(context)
    parents = tuple(from_hex(item, length=32) for item in parent)
    said = Card.load(card)
    item: Model | SecretModel | Dataset
    if source.suffix == ".csv":
        item = Dataset.from_csv(source, name=said.name, version=said.version, licence=said.licence)
    elif hidden:
        with speaker.log.status("importing, committing"):
            wishes: dict[str, Any] = {"show": show or "all"} | ({"proofs": proofs} if proofs is not None else {})
            item = SecretModel.from_onnx(source, card=card, parents=parents, **wishes)
    else:
        with speaker.log.status("importing"):
            item = Model.from_onnx(source, card=card, parents=parents)
    with connect(settings) as network:
        entry = network.registry.publish(item, signer=settings.account, royalty=royalty)
    native = isinstance(entry, PublishedModel) and entry.native
    more = " (contracts can run it whole)" if native else ""
    speaker.result({"id": to_hex(entry.id), "native": native}, f"{to_hex(entry.id)}  {said.name} {said.version}{more}")


@artifact.command("list")
@command_errors
def list_() -> None:
    """List everything registered."""
    context = click.get_current_context()
    speaker = speaker_of(context)
    with connect(context.find_object(Settings) or Settings()) as network:
        found = [(entry, network.registry.name(entry)) for entry in network.registry.entries()]
    data = [
        {"id": to_hex(e.id), "kind": e.kind.name.lower(), "name": name, "owner": checksum_address(e.owner)}
        for e, name in found
    ]
    rows = [(item["kind"], item["name"], item["id"], item["owner"]) for item in data]
    speaker.result(data, lambda: speaker.table("Artifacts", ("kind", "name", "id", "owner"), rows))


@artifact.command()
@click.argument("model_name", metavar="MODEL")
@command_errors
def show(model_name: str) -> None:
    """Show a model: columns, outputs, card, lineage. MODEL is a name, an id, or the beginning of one."""
    context = click.get_current_context()
    speaker = speaker_of(context)
    with connect(context.find_object(Settings) or Settings()) as network:
        model = network.registry.model(ModelId(network.registry.find(model_name)))
        lineage = network.registry.lineage(model.id).lines()
        renewals = network.registry.renewals(model.id)

    def lines() -> None:
        speaker.out.print(one_line(f"{model.name} {model.version}  {to_hex(model.id)}"), style="bold")
        for key, value in sorted(model.manifest.get("card", {}).items()):
            speaker.out.print(Text(f"{key:<14} ", style="dim").append_text(one_line(str(value))))
        columns = one_line(", ".join(model.schema.names))
        speaker.out.print(Text(f"{'columns':<14} ", style="dim").append_text(columns))
        speaker.out.print("[dim]lineage[/]")
        for line in lineage:
            speaker.out.print(one_line("  " + line))
        if renewals:
            speaker.out.print("[dim]renewals of its commitment[/]")
        for step in renewals:
            speaker.out.print(one_line("  " + step.line()))
        if model.hidden is not None:
            speaker.out.print("[dim]hidden: what its proofs are worth[/]")
            for line in account(model.hidden.relation, model.hidden.parameters).splitlines():
                speaker.out.print(one_line("  " + line))

    data: dict[str, Any] = {"id": to_hex(model.id), "manifest": model.manifest, "lineage": lineage}
    if model.hidden is not None:
        data["renewals"] = [
            {"version": r.version, "old": to_hex(r.old), "new": to_hex(r.new), "holds": r.holds, "fault": r.fault}
            for r in renewals
        ]
        data["soundness"] = soundness(model.hidden.relation, model.hidden.parameters)
    speaker.result(data, lines)
