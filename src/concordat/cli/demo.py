"""``concordat demo``: the whole story on a real chain node, in about a minute."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click

from concordat.cli.output import command_errors, speaker_of
from concordat.cli.story import Story
from concordat.client.home import Home

__all__ = ["demo"]


@click.command()
@click.option("--keep", type=click.Path(path_type=Path), help="Keep chain, log and bundles in this folder.")
@command_errors
def demo(keep: Path | None) -> None:
    """Buy decisions of a credit model on real data, honestly and from cheats; settle, record and verify them."""
    speaker = speaker_of(click.get_current_context())
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="concordat-demo-") as folder:
        home = Home((keep or Path(folder)).resolve())
        with Story(speaker.out if not speaker.quiet else speaker.log, home) as story:
            story.open()
            story.publish()
            story.buy_native()
            story.buy_optimistic()
            story.meet_cheats()
            story.meet_withheld_trace()
            story.meet_no_show()
            story.meet_false_challenge()
            story.sell_hidden()
            story.verify_bundles()
            story.show_accounts()
            story.show_trail()
            data = story.summary()
    data["seconds"] = round(time.monotonic() - began, 1)
    speaker.result(data, lambda: story.close_with(data["seconds"]))
