"""A market in processes of its own, spoken to by the command line alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from concordat.cli.settings import ENVIRONMENT

__all__ = ["CONCORDAT", "Commands"]

CONCORDAT = [sys.executable, "-m", "concordat"]


class Commands:
    """The ``concordat`` command with one home.

    Parameters
    ----------
    home : Path
        Of the deployment.
    folder : Path, optional
        Where commands run.
    **environment : str
        More settings.
    """

    def __init__(self, home: Path, *, folder: Path | None = None, **environment: str) -> None:
        self.home, self.folder = home, folder or Path.cwd()
        kept = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
        self.environment = kept | {"CONCORDAT_HOME": str(home)} | environment

    def __call__(self, *words: str, code: int = 0) -> Any:
        """Run one command that has to end with that code; gives its data, or its error."""
        done = subprocess.run(
            [*CONCORDAT, "--json", *words],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == code, done.stdout + done.stderr
        answer = json.loads(done.stdout)
        return answer["data"] if answer.get("ok") else answer["error"]

    @contextmanager
    def market(self) -> Iterator[Commands]:
        """While ``concordat up`` runs."""
        up = subprocess.Popen([*CONCORDAT, "up"], env=self.environment, stderr=subprocess.PIPE, text=True)
        assert up.stderr is not None
        for line in up.stderr:
            if "Ctrl-C" in line:
                break
        yield self
        up.send_signal(signal.SIGINT)
        up.wait(timeout=60)
