"""Entry point of the ``concordat`` command."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import click

from concordat.cli.account import account
from concordat.cli.artifact import artifact
from concordat.cli.backup import backup
from concordat.cli.demo import demo
from concordat.cli.deploy import deploy
from concordat.cli.doctor import doctor
from concordat.cli.effect import effect
from concordat.cli.index import index
from concordat.cli.node import node
from concordat.cli.order import order
from concordat.cli.output import command_errors
from concordat.cli.pool import pool
from concordat.cli.prove import prove
from concordat.cli.record import record
from concordat.cli.reputation import reputation
from concordat.cli.settings import load_settings
from concordat.cli.standards import standards
from concordat.cli.up import down, up
from concordat.cli.verify import verify
from concordat.primitives.native import rust

__all__ = ["main"]

_HELP = """Accountable AI on Ethereum: publish a model, sell its decisions, prove them, settle them on
chain, and keep a record that anyone can check.

\b
The story, and the commands that tell it:
  artifact   check and publish models and data sets
  order      buy a decision, and wait for it
  node       run a provider, a challenger, a keeper or a steward's node
  record     read the transparency log
  index      search what happened on the chain
  effect     let numbers on chain follow a model
  prove      show what a hidden model says
  verify     check one decision or proof, offline

\b
Start here:
  concordat demo                 the whole story in a minute
  concordat up                   a market of your own, on this machine
  concordat deploy --url URL     a market on any EVM chain
  concordat verify FILE          without network, key or server of ours
"""


_TWINS = "with compiled twins" if rust is not None else "pure Python: install concordat-native for speed"


@click.group(help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--home", type=click.Path(path_type=Path), help="Folder of one deployment [CONCORDAT_HOME].")
@click.option("--url", help="anvil:// or the JSON-RPC URL of an EVM chain [CONCORDAT_URL].")
@click.option("--account", help="Name of the account that pays and signs [CONCORDAT_ACCOUNT].")
@click.option("--json", "json_", is_flag=True, help="Print one JSON object.")
@click.version_option(
    importlib.metadata.version("concordat"), prog_name="concordat", message=f"%(prog)s %(version)s, {_TWINS}"
)
@click.pass_context
def main(context: click.Context, /, json_: bool, **flags: Any) -> None:
    """Root of all commands."""
    build = command_errors(lambda: setattr(context, "obj", load_settings({**flags, "json": json_})))
    build()


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell; put its output into the shell's start-up file."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(main, {}, "concordat", "_CONCORDAT_COMPLETE").source())


for command in (
    account,
    artifact,
    backup,
    demo,
    deploy,
    doctor,
    down,
    effect,
    index,
    node,
    order,
    pool,
    prove,
    record,
    reputation,
    standards,
    up,
    verify,
):
    main.add_command(command)
