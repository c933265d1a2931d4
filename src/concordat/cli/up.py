"""``concordat up`` and ``down``: a market of your own, on this machine."""

from __future__ import annotations

import json
import os
import signal
import threading

import click

from concordat.cli.output import command_errors, speaker_of
from concordat.cli.settings import Settings
from concordat.client.home import Home
from concordat.node.supervisor import NodeSpec, Supervisor
from concordat.primitives.errors import ConfigurationError

__all__ = ["down", "up"]


@click.command()
@click.option("--port", type=int, help="Port of the chain [a free one].")
@click.option("--providers", default=1, show_default=True, help="Number of provider processes.")
@click.option("--replicas", default=0, show_default=True, help="Number of replica processes.")
@command_errors
def up(port: int | None, providers: int, replicas: int) -> None:
    """Start chain, provider, challenger and keeper; keep running until Ctrl-C. Nothing is lost in between."""
    context = click.get_current_context()
    settings, speaker = context.find_object(Settings) or Settings(), speaker_of(context)
    names = ["provider", *(f"provider-{number}" for number in range(2, providers + 1))]
    nodes = (
        *(NodeSpec(role="provider", name=name) for name in names),
        NodeSpec(role="challenger", name="challenger"),
        NodeSpec(role="keeper", name="keeper"),
        *(NodeSpec(role="replica", name=f"replica-{number}") for number in range(1, replicas + 1)),
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    supervisor = Supervisor(settings.place, nodes, port=port)
    try:
        deployment = supervisor.start(lambda line: speaker.log.print(line, markup=False))
        speaker.log.print(f"home         {settings.home}\n\nTry in another terminal:", markup=False)
        speaker.log.print("  concordat artifact list\n  concordat account show\nStop with Ctrl-C.", markup=False)
        if settings.json:
            click.echo(json.dumps({"ok": True, "data": {"home": str(settings.home), "chain_id": deployment.chain_id}}))
        supervisor.watch(stop, lambda line: speaker.log.print(line, markup=False))
    finally:
        supervisor.stop()


@click.command()
@command_errors
def down() -> None:
    """Stop the market of this home."""
    context = click.get_current_context()
    home = Home((context.find_object(Settings) or Settings()).home)
    try:
        pid = json.loads(home.running.read_text())["pid"]
        os.kill(pid, signal.SIGTERM)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(f"No market runs in {home.path}.", code="NotRunning") from error
    speaker_of(context).result({"stopped": pid}, f"stopped {pid}")
