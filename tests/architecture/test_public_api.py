"""The public API is what `concordat.__all__` says: sorted, complete, documented, and every name is there."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import concordat

PACKAGE = Path(concordat.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name not in ("__main__.py",))


def exported(tree: ast.Module) -> list[str] | None:
    """Names in a module's ``__all__``; ``None`` if it has none."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return None


def test_public_names_are_sorted_and_each_there_once() -> None:
    assert concordat.__all__ == sorted(set(concordat.__all__))


def test_public_names_for_type_checkers_are_those_at_run_time() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in nodes if node.module is not None and node.module.startswith("concordat.")]
    assert sorted(alias.name for node in ours for alias in node.names) == concordat.__all__


@pytest.mark.parametrize("name", concordat.__all__)
def test_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(concordat, name)
    assert inspect.getdoc(value)
    assert value.__name__ == name


def test_public_api_has_no_other_name() -> None:
    assert dir(concordat) == concordat.__all__
    with pytest.raises(AttributeError, match="nothing_of_the_sort"):
        concordat.nothing_of_the_sort  # noqa: B018


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_exports_are_sorted_and_defined(path: Path) -> None:
    tree = ast.parse(path.read_text())
    names = exported(tree)
    if names is None:
        assert path.name == "__init__.py"
        return
    assert len(names) == len(set(names))
    order = sorted(names, key=lambda name: (not name.isupper(), name[0].islower(), name))
    assert names == order, "constants, classes, functions; each in alphabetical order"
    if path == PACKAGE / "__init__.py":
        return
    bound = {
        item
        for node in ast.walk(tree)
        for item in (
            [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef)
            else [a.asname or a.name for a in node.names] if isinstance(node, ast.ImportFrom | ast.Import)
            else [ast.unparse(t) for t in node.targets] if isinstance(node, ast.Assign)
            else [ast.unparse(node.target)] if isinstance(node, ast.AnnAssign) else []
        )
    }  # fmt: skip
    assert [name for name in names if name not in bound] == []
