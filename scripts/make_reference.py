"""Write what is generated in the documentation: the pages of docs/reference on commands, settings, errors, events,
contracts and public names, and the README's table of figures.

All of it is read from the sources, so nothing can be forgotten.

Usage: ``make_reference.py [--check]``. With ``--check`` nothing is written, and the exit code is 1 if something
committed is not what the sources give.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reference.contracts import contracts_page, events_page
from reference.errors import errors_page
from reference.figures import with_figures
from reference.interface import api_page, cli_page, settings_page, sources

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"


def pages() -> dict[Path, str]:
    """Text of every generated page, and of the README with its generated table."""
    readme = ROOT / "README.md"
    return {
        FOLDER / "api.md": api_page(),
        FOLDER / "cli.md": cli_page(),
        FOLDER / "contracts.md": contracts_page(),
        FOLDER / "errors.md": errors_page(sources()),
        FOLDER / "events.md": events_page(),
        FOLDER / "settings.md": settings_page(),
        readme: with_figures(readme.read_text()),
    }


def main() -> int:
    """Write or compare; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare only")
    options = parser.parse_args()
    wanted = pages()
    stale = sorted(path for path, text in wanted.items() if not path.exists() or path.read_text() != text)
    if options.check:
        if stale:
            print(
                f"make_reference: not fresh, run `make docs`: {', '.join(path.name for path in stale)}", file=sys.stderr
            )
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.write_text(wanted[path])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
