"""``concordat verify``: sixteen numbered checks over one file."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click
from rich.markup import escape

from concordat.cli.connect import connect
from concordat.cli.output import command_errors, one_line, speaker_of
from concordat.cli.settings import Settings
from concordat.client.records import order_of
from concordat.graph.schema import ModelSchema
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import InputError
from concordat.primitives.wire import parse_json
from concordat.protocol.bundle import Bundle
from concordat.protocol.trust import TrustRoot
from concordat.protocol.verification import CHECKS, Outcome, Report
from concordat.verify import verify as verify_bundle
from concordat.zk.parameters import soundness
from concordat.zk.shown import ShownAnswer, is_shown_answer

__all__ = ["verify"]

_MARKS = {
    Outcome.PASS: "[green]pass[/]",
    Outcome.FAIL: "[bold red]FAIL[/]",
    Outcome.NOT_CHECKED: "[dim]----[/]",
    Outcome.ERASED: "[yellow]gone[/]",
}
_CHECK_LIST = "\n".join(f"  {number:>2}  {name}" for number, name in CHECKS.items())


@click.command(
    epilog=f"\b\nThe checks:\n{_CHECK_LIST}\n\n\b\nExit codes:\n  0  everything required was checked and holds\n"
    "  1  a check contradicts the file\n  2  the command cannot be carried out\n  3  consistent, but not trusted"
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--trust", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Whom to believe (TOML).")
@click.option("--rpc", is_flag=True, help="Also ask chain and log: settled, anchored, complete, erased?")
@click.option("--rerun/--no-rerun", default=True, help="Execute the model again if the bundle carries it.")
@click.option("--explain", is_flag=True, help="Say it in plain language.")
@command_errors
def verify(file: Path, trust: Path | None, rpc: bool, rerun: bool, explain: bool) -> None:
    """Verify one decision, or one proof of a hidden model's answer: without network, key or any server of ours."""
    context = click.get_current_context()
    settings = context.find_object(Settings) or Settings()
    if is_shown_answer(file.read_bytes()[:32]):
        _verify_shown(file)
        return
    root = TrustRoot.load(trust) if trust else None
    facts = erasure = None
    if rpc:
        if root is None:
            raise InputError("--rpc needs --trust.", code="NoTrust", hint="Name the chain and market to believe.")
        with connect(settings) as network:
            parsed = Bundle.parse(file.read_bytes())
            facts, erasure = network.records.facts(parsed), network.records.tombstone(order_of(parsed))
    bundle = Bundle.parse(file.read_bytes())
    report = verify_bundle(
        bundle if rerun else replace(bundle, program=None), root, endpoint_facts=facts, erasure=erasure
    )
    speaker_of(context).result(report.to_json(), report.explain() if explain else lambda: _show(report))
    sys.exit(report.exit_code)


def _verify_shown(file: Path) -> None:
    """A proof that answers no order: whether it holds, and what it shows."""
    speaker = speaker_of(click.get_current_context())
    shown = ShownAnswer.parse(file.read_bytes())
    hidden = shown.verify()
    manifest = parse_json(shown.manifest)
    said = str(ModelSchema.from_json(manifest["schema"]).decode(shown.output))
    bits = int(soundness(hidden.relation, hidden.parameters)["total"])
    rows = {
        "Model": to_hex(shown.model.model_id()),
        "Name": f"{manifest['name']} {manifest['version']}",
        "Output": said,
        "Context": shown.context or "none",
        "Soundness": f"{bits} bits, no trusted set-up",
    }

    def lines() -> None:
        for label, value in rows.items():
            speaker.out.print(f"[dim]{label:<18}[/]", one_line(value))
        speaker.out.print("[bold green]PROVEN: the committed model said this of an input that stays hidden.[/]")

    speaker.result({key.lower(): value for key, value in rows.items()}, lines)


def _show(report: Report) -> None:
    console = speaker_of(click.get_current_context()).out
    for label, value in report.subject:
        console.print(f"[dim]{label:<18}[/] {escape(value)}")
    for check in report.checks:
        console.print(f"{check.number:>3}  {_MARKS[check.outcome]}  {check.name}  [dim]{escape(check.reason)}[/]")
    colour = "green" if report.ok else "red" if report.failed else "yellow"
    console.print(f"[bold {colour}]{report.verdict}[/]")
