"""``concordat artifact renew|adopt``: how long a hidden model of one's own stays hidden."""

from __future__ import annotations

from pathlib import Path

import click

from concordat.cli.connect import connect
from concordat.cli.output import command_errors, speaker_of
from concordat.cli.settings import Settings
from concordat.client.secret import SecretModel, secrets_of
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import InputError, NotFoundError
from concordat.primitives.units import ModelId
from concordat.primitives.wire import parse_json
from concordat.storage.openings import Openings

__all__ = ["VERBS", "find_secret"]

_LIST = "Hidden models are put into the home when they are published: concordat artifact publish --hidden"


@click.command()
@click.argument("model_name", metavar="MODEL")
@command_errors
def renew(model_name: str) -> None:
    """Commit the weights of a hidden MODEL of this home anew, for when its commitment is (nearly) spent.

    The new model is published with the old one as its parent and a proof that both hold the same weights. A renewal
    that was interrupted goes on when it is asked for again.
    """
    context = click.get_current_context()
    settings, speaker = context.find_object(Settings) or Settings(), speaker_of(context)
    with connect(settings) as network:
        old = ModelId(network.registry.find(model_name))
        with speaker.log.status("committing, proving that the weights are the same"):
            made = network.registry.renew(old, signer=settings.account)
        lineage, steps = network.registry.lineage(made.id).lines(), network.registry.renewals(made.id)
    version = made.hidden.version if made.hidden is not None else 0
    data = {"id": to_hex(made.id), "version": version, "lineage": lineage, "holds": all(step.holds for step in steps)}
    said = f"{to_hex(made.id)}  {made.name} {made.version}, version {version} of its commitment"
    speaker.result(data, "\n".join([said, *lineage]))


@click.command()
@click.argument("model_name", metavar="MODEL")
@click.option("--made", type=int, required=True, help="A number that fewer proofs than that were ever made.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@command_errors
def adopt(model_name: str, made: int, yes: bool) -> None:
    """Go on with a copied or restored count of the proofs of a hidden MODEL of this home.

    The count cannot know what was proven since the copy was made. One proof too many shows numbers that hide the
    weights; so does another copy that goes on as well. Where in doubt, renew the model instead.
    """
    context = click.get_current_context()
    settings, speaker = context.find_object(Settings) or Settings(), speaker_of(context)
    folder = secrets_of(settings.home)
    owned = SecretModel.load(find_secret(folder, model_name))
    if not yes:
        speaker.log.print(
            f"If {made} proofs or more were made with this model, or another copy of its home goes on proving, its "
            "weights may be learned from the proofs."
        )
        click.confirm("Were fewer made, and is no other copy in use?", abort=True, err=True)
    root = owned.weights.commitment.root
    with Openings(folder / "openings") as openings:
        openings.adopt(root, owned.limit, made)
        left = openings.left(root, owned.limit)
    data = {"model": to_hex(owned.id), "made": made, "left": left}
    speaker.result(data, f"{to_hex(owned.id)}: {left} more proofs")


def find_secret(folder: Path, text: str) -> Path:
    """The folder of a hidden model, by its id, the beginning of its id, its name, or its name and version.

    Of a model and those that it was renewed to, the newest is meant.

    Raises
    ------
    NotFoundError
        If nothing fits.
    InputError
        If several do.
    """
    fitting: dict[str, list[str]] = {}
    for place in sorted(folder.glob("0x*")):
        manifest = parse_json((place / "manifest.json").read_bytes())
        name, version = str(manifest["name"]), str(manifest["version"])
        if (text.startswith("0x") and place.name.startswith(text)) or text in (name, f"{name} {version}"):
            fitting[place.name] = manifest["parents"]
    newest = [name for name in fitting if not any(name in parents for parents in fitting.values())]
    if not newest:
        raise NotFoundError(f"No hidden model here fits {text[:80]!r}.", code="UnknownArtifact", hint=_LIST)
    if len(newest) > 1:
        said = f"{len(newest)} hidden models fit {text[:80]!r}."
        raise InputError(said, code="AmbiguousArtifact", hint="Use the id.")
    return folder / newest[0]


VERBS = (renew, adopt)
"""What the ``artifact`` group has besides."""
