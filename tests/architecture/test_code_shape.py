"""How the sources are cut: sizes, docstrings, no markers for later work."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "concordat"
MODULES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = sorted([*(ROOT / "scripts").rglob("*.py"), *ROOT.glob("benchmarks/*.py"), *ROOT.glob("examples/*.py")])
LONGEST_MODULE, LONGEST_FUNCTION, MOST_METHODS = 500, 60, 15
LONGER: dict[str, int] = {}
"""Functions that are longer, with their lines; may only get fewer and shorter."""
SILENT: set[str] = set()
"""Modules in which not everything public has a docstring; may only get fewer."""
_MARKERS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError|\b(todo|unimplemented)!")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def definitions(tree: ast.Module) -> Iterator[tuple[str, Function | ast.ClassDef]]:
    """Functions and classes at the top of a module, and what is in its classes."""

    def inside(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[str, Function | ast.ClassDef]]:
        for child in node.body:
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield prefix + child.name, child
            if isinstance(child, ast.ClassDef):
                yield from inside(child, f"{prefix}{child.name}.")

    yield from inside(tree, "")


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Every function of a module, nested ones too, with its lines of code: the docstring does not count."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None:
                said = node.body[0]
                assert said.end_lineno is not None
                lines -= said.end_lineno - said.lineno + 1
            yield f"{named(path)}:{node.name}", lines


@pytest.mark.parametrize("path", [*MODULES, *SCRIPTS], ids=named)
def test_module_is_short_enough_to_be_read_at_once(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_MODULE


def test_functions_are_short_and_the_list_of_longer_ones_only_shrinks() -> None:
    long = {name: size for path in [*MODULES, *SCRIPTS] for name, size in functions(path) if size > LONGEST_FUNCTION}
    assert {name: size for name, size in long.items() if size > LONGER.get(name, 0)} == {}
    assert set(LONGER) <= set(long), "take what is short enough off the list"


def test_classes_have_few_public_methods() -> None:
    crowded = {}
    for path in MODULES:
        for name, node in definitions(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                public = [item for item in node.body if isinstance(item, Function) and not item.name.startswith("_")]
                if len(public) > MOST_METHODS:
                    crowded[f"{named(path)}:{name}"] = len(public)
    assert crowded == {}


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_module_and_everything_public_in_it_says_what_it_is(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "a module tells its place in the story"
    public = [(name, node) for name, node in definitions(tree) if not any(p.startswith("_") for p in name.split("."))]
    silent = [name for name, node in public if not ast.get_docstring(node)]
    assert bool(silent) == (named(path) in SILENT), silent or "take it off the list"


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_dataclass_fields_that_are_public_have_a_line_each(path: Path) -> None:
    silent = []
    for name, node in definitions(ast.parse(path.read_text())):
        if not isinstance(node, ast.ClassDef) or "dataclass" not in " ".join(map(ast.unparse, node.decorator_list)):
            continue
        for place, item in enumerate(node.body):
            if isinstance(item, ast.AnnAssign) and "ClassVar" not in ast.unparse(item.annotation):
                after = node.body[place + 1] if place + 1 < len(node.body) else None
                told = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                if not told and not name.startswith("_") and not ast.unparse(item.target).startswith("_"):
                    silent.append(f"{name}.{ast.unparse(item.target)}")
    assert silent == []


def test_sources_have_no_markers_for_later_work() -> None:
    folders = ("src", "contracts", "native/src", "scripts", "benchmarks", "examples", "tests")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".sol", ".rs")]
    own = Path(__file__).resolve()
    found = [
        f"{named(path)}:{number}"
        for path in files
        if path != own
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if _MARKERS.search(line)
    ]
    assert found == []


def test_names_of_modules_say_what_is_in_them() -> None:
    empty = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
    files = [
        path for folder in ("src", "contracts", "native/src", "tests", "scripts") for path in (ROOT / folder).rglob("*")
    ]
    assert [named(path) for path in files if path.stem.lower() in empty] == []
