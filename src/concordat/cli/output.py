"""How commands speak: tables and sentences for people, one JSON envelope for programs, one place for errors."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from concordat.cli.settings import Settings
from concordat.primitives.errors import ConcordatError, InputError

__all__ = ["Speaker", "command_errors", "exit_code_for", "one_line", "plain_table", "speaker_of"]

Arguments = ParamSpec("Arguments")
_UNBROKEN = 240


def console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """Where to print: as wide as the terminal, and never broken into lines where there is none."""
    made = Console(stderr=stderr, highlight=False, quiet=quiet)
    if not made.is_terminal:
        made.width = _UNBROKEN
    return made


class Speaker:
    """Prints results on stdout and progress on stderr."""

    def __init__(self, settings: Settings) -> None:
        self._json = settings.json
        self.quiet = settings.json
        self.out = console()
        self.log = console(stderr=True, quiet=settings.json)

    def result(self, data: Any, lines: Callable[[], None] | str) -> None:
        """Print a result: `data` with ``--json``, else a sentence or whatever `lines` prints."""
        if self._json:
            click.echo(json.dumps({"ok": True, "data": data}, indent=2, sort_keys=True))
        elif isinstance(lines, str):
            self.out.print(lines, markup=False, soft_wrap=True)  # what is a value may be pasted elsewhere
        else:
            lines()

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table."""
        self.out.print(Text(title, style="bold"))
        self.out.print(plain_table(columns, rows), crop=False)


def plain_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: bool = False) -> Table:
    """A table without lines whose cells are never broken; columns after the first to the right if asked for."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_header=any(columns))
    for index, column in enumerate(columns):
        table.add_column(column, no_wrap=True, overflow="ignore", justify="right" if right and index else "left")
    for row in rows:
        table.add_row(*map(one_line, row))
    return table


def one_line(text: str) -> Text:
    """Text that may come from anybody: no markup, nothing that moves the cursor."""
    return Text("".join(character if character.isprintable() else "\ufffd" for character in text))


def speaker_of(context: click.Context) -> Speaker:
    """The speaker of a running command."""
    return Speaker(context.find_object(Settings) or Settings())


def exit_code_for(error: ConcordatError) -> int:
    """2 for what the caller can correct in his call, 1 for everything else."""
    return 2 if isinstance(error, InputError) else 1


def command_errors(function: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """Turn expected errors into a sentence (or the JSON envelope) and an exit code."""

    @wraps(function)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        settings = click.get_current_context().find_object(Settings) or Settings()
        try:
            function(*args, **kwargs)
        except ConcordatError as error:
            _report(error, settings)
            sys.exit(exit_code_for(error))
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
            sys.exit(130)

    return run


def _report(error: ConcordatError, settings: Settings) -> None:
    if settings.json:
        fields = {key: value.hex() if isinstance(value, bytes) else value for key, value in error.fields.items()}
        body = {"code": error.code, "message": error.message, "hint": error.hint, "fields": fields}
        click.echo(json.dumps({"ok": False, "error": body}, indent=2, sort_keys=True, default=str))
        return
    log = console(stderr=True)
    log.print(Text.assemble((error.code, "bold red"), " ", error.message))
    if error.hint:
        log.print(Text(f"→ {error.hint}", style="dim"))
