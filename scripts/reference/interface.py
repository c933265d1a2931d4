"""What people call: commands, settings, and the public names of the package."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import click

import concordat
from concordat.cli.main import main
from concordat.cli.settings import ENVIRONMENT, KEY_PREFIX, Settings
from reference.markdown import NOTE, code, paragraph, table

__all__ = ["EXIT_CODES", "OTHER_VARIABLES", "api_page", "cli_page", "commands", "settings_page"]

EXIT_CODES = {
    0: "Done. For `verify`: nothing contradicts the bundle, and everything required was checked. For `record audit`: "
    "nothing is missing.",
    1: "A check failed, a decision is missing from the log, or what was asked for was refused or could not be carried "
    "out (protocol, chain, storage).",
    2: "The call cannot be carried out as written: wrong usage, input, setting, file.",
    3: "`verify`: consistent, but something required was not checked (no trust file, evidence not checked, …). "
    "`deploy verify`: nothing is wrong, but something could not be checked.",
    130: "Stopped with Ctrl-C.",
}
"""Every exit code of the command line."""
OTHER_VARIABLES = {
    "CONCORDAT_ANVIL": "Path of the Anvil program, if it is neither in `node_modules` nor on the path.",
    "CONCORDAT_NO_NATIVE": "Set to anything: leave the compiled twins (`concordat-native`) alone and run on plain "
    "Python.",
}
"""Environment variables that are not settings of a command."""
_WIDTH = 100


# -- commands --------------------------------------------------------------------------------------------------------


def cli_page() -> str:
    """``cli.md``."""
    parts = [
        NOTE,
        "# Command line\n\n`concordat [OPTIONS] NOUN VERB`. Results go to stdout, everything else to stderr. Options "
        "of `concordat` itself stand before the noun: `concordat --json order list`. With `--json` a command prints "
        'one object, `{"ok": true, "data": …}` or `{"ok": false, "error": …}` ([errors](errors.md)).\n\n'
        "## Exit codes\n\n",
        table(("code", "meaning"), [(str(number), text) for number, text in EXIT_CODES.items()]),
    ]
    for path, command, context in commands():
        parts.append(f"\n## {' '.join(path)}\n\n```text\n{command.get_help(context)}\n```\n")
    return "".join(parts)


def commands(
    command: click.Command = main, path: tuple[str, ...] = ("concordat",), parent: click.Context | None = None
) -> Iterator[tuple[tuple[str, ...], click.Command, click.Context]]:
    """Every command and group with its path, depth first, in alphabetical order."""
    context = click.Context(
        command, info_name=path[-1], parent=parent, terminal_width=_WIDTH, help_option_names=["-h", "--help"]
    )
    yield path, command, context
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from commands(command.commands[name], (*path, name), context)


# -- settings --------------------------------------------------------------------------------------------------------


def settings_page() -> str:
    """``settings.md``."""
    flags = {option.name: option.opts[0] for option in main.params if isinstance(option, click.Option)}
    variables = {setting: variable for variable, setting in ENVIRONMENT.items()} | {"keys": f"{KEY_PREFIX}<NAME>"}
    tree = ast.parse(inspect.getsource(Settings))
    told = dict(_field_lines(tree.body[0]))
    rows = [
        (
            code(field.name),
            _default(tree.body[0], field.name),
            code(variables.get(field.name, "")),
            code(flags.get(field.name) or flags.get(f"{field.name}_", "")),
            paragraph(told[field.name]),
        )
        for field in dataclasses.fields(Settings)
    ]
    return "".join(
        (
            NOTE,
            "# Settings\n\nA command reads its settings once: flags win over environment variables, those over "
            "`concordat.toml`, that over the defaults. The file is the one in the working folder, else the one in the "
            "home folder; only one is read. An unknown setting in it is an error (`BadSettings`).\n\n",
            table(("setting", "default", "environment", "flag", "meaning"), rows),
            '\n```toml\n# concordat.toml\nhome = "~/market"\nurl = "http://127.0.0.1:8545"\naccount = "lender"\n\n'
            '[signers.lender]\naddress = "0x…"\ncommand = ["my-hardware-signer", "--slot", "1"]\n```\n'
            "\n## Other environment variables\n\n",
            table(("variable", "meaning"), [(code(name), text) for name, text in OTHER_VARIABLES.items()]),
            "\nThe library itself reads no environment except these two; the command line reads the rest and hands it "
            "down. A signer's program reads one line, `0x<address> 0x<digest>`, and prints `0x<signature>`.\n",
        )
    )


def _field_lines(definition: ast.stmt) -> Iterator[tuple[str, str]]:
    body = getattr(definition, "body", [])
    for field, line in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant):
            yield ast.unparse(field.target), str(line.value.value)


def _default(definition: ast.stmt, name: str) -> str:
    fields = [item for item in getattr(definition, "body", []) if isinstance(item, ast.AnnAssign)]
    value = next(item.value for item in fields if ast.unparse(item.target) == name)
    if isinstance(value, ast.Call):
        keywords = {item.arg: item.value for item in value.keywords}
        value = keywords.get("default") or keywords["default_factory"]
    if isinstance(value, ast.Lambda):
        return "the user's data folder (`~/.local/share/concordat` on Linux)"
    text = ast.unparse(value) if value else ""
    return "empty" if text in ("''", "dict") else code(text.strip("'"))


# -- public names ----------------------------------------------------------------------------------------------------


def api_page() -> str:
    """``api.md``."""
    parts = [
        NOTE,
        "# Python API\n\n`import concordat as cd`. These names are the public API; everything below "
        "`concordat.protocol`, `concordat.graph` and so on is importable too, but moves faster. Docstrings hold the "
        "rest: `help(cd.open)`.\n",
    ]
    for name in concordat.__all__:
        definition, module = _definition(getattr(concordat, name))
        parts.append(f"\n## {name}\n\n")
        if isinstance(definition, ast.ClassDef):
            parts.append(_class(definition, module))
        else:
            parts.append(f"```python\n{_signature(definition)}\n```\n{paragraph(ast.get_docstring(definition))}\n")
    return "".join(parts)


def _definition(value: object) -> tuple[ast.ClassDef | ast.FunctionDef, ModuleType]:
    module = sys.modules[value.__module__]
    tree = ast.parse(inspect.getsource(module))
    name = getattr(value, "__name__", "")
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return node, module
    raise LookupError(f"{name} is not defined at the top of {module.__name__}")


def _class(definition: ast.ClassDef, module: ModuleType) -> str:
    parts = [f"Class in `{module.__name__}`. {paragraph(ast.get_docstring(definition))}\n"]
    fields = [(code(name), paragraph(line)) for name, line in _field_lines(definition) if not name.startswith("_")]
    if fields:
        parts.append("\n" + table(("field", "what"), fields))
    rows = []
    for node in definition.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            marks = {ast.unparse(mark) for mark in node.decorator_list}
            shown = node.name if "property" in marks else _signature(node, method="staticmethod" not in marks)
            kind = "property" if "property" in marks else "class method" if "classmethod" in marks else "method"
            rows.append((code(shown), kind, paragraph(ast.get_docstring(node))))
    if rows:
        parts.append("\n" + table(("method or property", "", "what"), rows))
    return "".join(parts)


def _signature(node: ast.FunctionDef | ast.ClassDef, *, method: bool = False) -> str:
    assert isinstance(node, ast.FunctionDef)
    arguments = ast.parse(ast.unparse(node)).body[0].args  # type: ignore[attr-defined]
    if method:
        arguments.args = arguments.args[1:]
    returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{node.name}({ast.unparse(arguments)}){returned}"


def sources() -> Path:
    """Folder of the package."""
    return Path(next(iter(concordat.__path__)))
