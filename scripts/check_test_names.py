"""Check that tests are named for behaviour: ``test_<subject>_<condition>_<outcome>``.

Python: at least three words after ``test_``, all in lower case. Solidity: a subject, then what happens, in camelCase,
after ``test_``, ``testFuzz_`` or ``invariant_``. In both: no name twice in a file (the first would never run), no words
that say nothing, and no Python file name twice (pytest could not import both).

Usage: ``check_test_names.py [FOLDER …]``; without folders, ``tests`` and ``contracts/test``. The exit code is 1 if a
name is refused.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_PYTHON = re.compile(r"test(_[a-z0-9]+){3,}")
_SOLIDITY = re.compile(r"(test|testFuzz|invariant)(_[a-z0-9][A-Za-z0-9]*){2,}")
_SOLIDITY_TEST = re.compile(r"function ((?:test|invariant)\w*)\s*\(")
_SAYS_NOTHING = {"ok", "stuff", "misc", "correctly", "properly", "basic", "simple", "foo"}


def refusals(folders: list[Path]) -> Iterator[str]:
    """One line for every name that is refused."""
    python = sorted(path for folder in folders for path in folder.rglob("test_*.py"))
    for name, count in sorted(Counter(path.name for path in python).items()):
        if count > 1:
            yield f"{name}: {count} files have this name"
    for path in python:
        yield from _judge(path, _python_tests(path), _PYTHON)
    for path in sorted(path for folder in folders for path in folder.rglob("*.sol")):
        yield from _judge(path, _SOLIDITY_TEST.findall(path.read_text()), _SOLIDITY)


def _judge(path: Path, names: list[str], pattern: re.Pattern[str]) -> Iterator[str]:
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{shown}: {name} is there {count} times, and all but one never run"
        if not pattern.fullmatch(name):
            yield f"{shown}: {name} does not say subject, condition and outcome"
        elif empty := _SAYS_NOTHING & set(name.lower().split("_")):
            yield f"{shown}: {name} has a word that says nothing: {', '.join(sorted(empty))}"


def _python_tests(path: Path) -> list[str]:
    tree = ast.parse(path.read_text())
    scopes: list[ast.Module | ast.ClassDef] = [tree, *(n for n in tree.body if isinstance(n, ast.ClassDef))]
    functions = [n for scope in scopes for n in scope.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [function.name for function in functions if function.name.startswith("test")]


def main() -> int:
    """Print what is refused; the exit code."""
    folders = [Path(argument).resolve() for argument in sys.argv[1:]] or [ROOT / "tests", ROOT / "contracts" / "test"]
    found = list(refusals(folders))
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
