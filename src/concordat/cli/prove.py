"""``concordat prove``: let a hidden model of one's own say something, and show that it did."""

from __future__ import annotations

import secrets
from pathlib import Path

import click
from rich.progress import BarColumn, Progress, TextColumn

from concordat.cli.hidden import find_secret
from concordat.cli.order_bids import read_row
from concordat.cli.output import command_errors, speaker_of
from concordat.cli.settings import Settings
from concordat.client.secret import SecretModel, free_memory, secrets_of
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import InputError
from concordat.storage.files import write_file
from concordat.storage.openings import Openings
from concordat.zk.estimate import estimate
from concordat.zk.parameters import soundness

__all__ = ["prove"]


@click.command()
@click.argument("model")
@click.argument("row", required=False)
@click.option("--input", "file", type=click.Path(exists=True, path_type=Path), help="JSON file with the row.")
@click.option("--context", default="", help="What the proof is for; it is none for anything else.")
@click.option("--save", type=click.Path(path_type=Path), help="Write the proof here [only say what it takes].")
@click.option("--memory", type=click.IntRange(min=1), help="Most megabytes to take [what is free].")
@command_errors
def prove(model: str, row: str | None, file: Path | None, context: str, save: Path | None, memory: int | None) -> None:
    """Prove what a hidden MODEL of this home (a name, an id, or the beginning of one) says of ROW (JSON).

    The proof shows its output and nothing else; anybody checks it with: concordat verify FILE
    """
    clicked = click.get_current_context()
    settings, speaker = clicked.find_object(Settings) or Settings(), speaker_of(clicked)
    folder = secrets_of(settings.home)
    owned = SecretModel.load(find_secret(folder, model))
    words = owned.schema.encode_one(read_row(row, file))
    openings = Openings(folder / "openings")
    relation, parameters = owned.hidden.relation, owned.hidden.parameters
    cost, bits = estimate(relation, parameters), int(soundness(relation, parameters)["total"])
    left = openings.left(owned.weights.commitment.root, owned.limit)
    speaker.log.print(
        f"about {cost.proof_bytes:,} bytes, {cost.memory_bytes / 1e6:,.0f} MB, {cost.prove_seconds:.2g} s; "
        f"{bits} bits of soundness; the commitment is good for {left} more proofs"
    )
    if left < 1:
        raise InputError(
            "The model's commitment is used up.",
            code="CommitmentSpent",
            hint=f"Renew it: concordat artifact renew {to_hex(owned.id)[:18]}",
        )
    cost.require(memory_bytes=memory * 1_000_000 if memory else free_memory())
    data = {"model": to_hex(owned.id), "bytes": cost.proof_bytes, "memory": cost.memory_bytes, "left": left}
    if save is None:
        speaker.result(data, "nothing was proven: say where to with --save")
        return
    bar = Progress(TextColumn("{task.description:<12}"), BarColumn(), console=speaker.log, transient=True)
    with bar:
        task = bar.add_task("execution", total=1.0)
        shown = owned.show(
            words,
            secrets.token_bytes(32),
            context,
            openings,
            lambda phase, share: bar.update(task, description=phase, completed=share),
        )
    write_file(save, shown.encode())
    said = str(owned.schema.decode(shown.output))
    speaker.result({**data, "output": said, "file": str(save)}, f"{said}\n{save}")
