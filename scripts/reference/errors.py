"""Every error class and every code, found in the syntax trees of the sources.

A code is found where an error is made with ``code="…"``, where a function with a parameter ``code`` is called or has a
default for it, and in a table of tuples that a loop over ``…, code, …`` walks through.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from concordat.chain.contracts import contract, packaged
from concordat.cli.output import exit_code_for
from concordat.primitives import errors
from concordat.primitives.errors import ConcordatError
from concordat.protocol.order import OrderStatus
from concordat.protocol.refusals import refusal
from reference.markdown import NOTE, code, paragraph, table

__all__ = ["codes_in", "errors_page"]

_CAMEL_CASE = re.compile(r"[A-Z][A-Za-z0-9]+")
_MOST = 4
"""Sentences of one code that are shown."""
_ENDS = (OrderStatus.EXPIRED, OrderStatus.CANCELLED, OrderStatus.SLASHED)


@dataclass(frozen=True, slots=True, order=True)
class Raised:
    """One place where an error is made."""

    code: str
    """Its code."""
    kind: str
    """Its class; empty if the place does not say."""
    message: str
    """What it says, with an ellipsis for what is only known then."""
    hint: str
    """What it advises."""


@dataclass(frozen=True, slots=True)
class Maker:
    """A function that makes errors of a code it is given."""

    place: int
    """Position of the code among the arguments of a call."""
    kind: str
    """Class of what it makes."""
    default: str
    """Code without one; empty if there is none."""


def codes_in(folder: Path) -> list[Raised]:
    """All places under a folder, sorted, each once."""
    trees = [ast.parse(path.read_text()) for path in sorted(folder.rglob("*.py"))]
    makers: dict[str, Maker] = {}
    found: list[Raised] = []
    for function in (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        if "code" in (names := [item.arg for item in function.args.args + function.args.kwonlyargs]):
            place = names.index("code") - (names[0] == "self")
            makers[function.name] = Maker(place, _kind_made(function), _default_code(function))
        found += _from_table(function)
    for definition in (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        found += _from_constructor(definition)
    for tree in trees:
        found += [item for node in ast.walk(tree) if isinstance(node, ast.Call) for item in _from_call(node, makers)]
    return sorted({item for item in found if _CAMEL_CASE.fullmatch(item.code)})


def _from_call(call: ast.Call, makers: dict[str, Maker]) -> Iterator[Raised]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    keywords = {item.arg: item.value for item in call.keywords}
    maker = makers.get(name)
    kind = name if name.endswith("Error") else maker.kind if maker else ""
    given = keywords.get("code")
    if given is None and maker is not None and maker.place < len(call.args):
        given = call.args[maker.place]
    code = _text(given) or (maker.default if maker and given is None else "")
    if not code or not kind:
        return
    texts = [text for argument in call.args if argument is not given and (text := _text(argument))]
    says, hint = texts[0] if texts else "", _text(keywords.get("hint"))
    if code == "Order…":  # named after the state in which the order ended
        yield from (Raised(f"Order{end.name.capitalize()}", kind, says, hint) for end in _ENDS)
    else:
        yield Raised(code, kind, says, hint)


def _from_table(function: ast.FunctionDef) -> list[Raised]:
    loops = [node for node in ast.walk(function) if isinstance(node, ast.For) and isinstance(node.target, ast.Tuple)]
    for loop in loops:
        assert isinstance(loop.target, ast.Tuple)
        names = [getattr(item, "id", "") for item in loop.target.elts]
        if {"code", "message"} <= set(names):
            rows = [n.elts for n in ast.walk(function) if isinstance(n, ast.Tuple) and len(n.elts) == len(names)]
            pairs = [(_text(row[names.index("code")]), _text(row[names.index("message")])) for row in rows]
            return [Raised(text, _kind_made(function), says, "") for text, says in pairs if text]
    return []


def _from_constructor(definition: ast.ClassDef) -> Iterator[Raised]:
    """Code that an error class of a module of its own gives to itself."""
    base = next((name for item in definition.bases if (name := ast.unparse(item)).endswith("Error")), "")
    for call in (node for node in ast.walk(definition) if isinstance(node, ast.Call)):
        keywords = {item.arg: item.value for item in call.keywords}
        if base and ast.unparse(call.func) == "super().__init__" and (code := _text(keywords.get("code"))):
            says = (ast.get_docstring(definition) or "").split("\n\n")[0]
            yield Raised(code, base, says, _text(keywords.get("hint")))


def _default_code(function: ast.FunctionDef) -> str:
    pairs = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    return next((_text(value) for item, value in pairs if item.arg == "code"), "")


def _kind_made(function: ast.FunctionDef) -> str:
    calls = (node for node in ast.walk(function) if isinstance(node, ast.Call))
    names = [node.func.id for node in calls if isinstance(node.func, ast.Name)]
    return next((name for name in names if name.endswith("Error")), "")


def _text(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "…" for part in node.values)
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    return ""


# -- the page --------------------------------------------------------------------------------------------------------


def errors_page(folder: Path) -> str:
    """``errors.md``."""
    tree = errors.__doc__.split("::\n\n")[1].split("\n\n")[0] if errors.__doc__ else ""
    drawn = "\n".join(line.removeprefix("    ") for line in tree.splitlines())
    refused = refused_codes()
    others = [item for item in codes_in(folder) if item.code not in refused or item.kind not in _refusal_kinds()]
    return "".join(
        (
            NOTE,
            "# Errors\n\nEverything that goes wrong as expected is one class below `ConcordatError`, with a `code` for "
            "programs, a sentence for people, a `hint` and typed `fields`. The command line prints code, sentence and "
            'hint; with `--json` it prints `{"ok": false, "error": {"code", "message", "hint", "fields"}}`. '
            "Codes are stable.\n\n## Classes\n\n```text\n",
            drawn,
            "\n```\n\nThe exit code is that of a command that ends with the error "
            "([all exit codes](cli.md#exit-codes)).\n\n",
            table(("class", "below", "exit code", "what it is about"), _class_rows()),
            "\n## Refusals of the contracts\n\nThe code is the name of the Solidity custom error, on `memory://` as on "
            "a chain. What is refused changes nothing and costs at most gas.\n\n",
            table(("code", "class", "what it says", "what to do"), _refusal_rows(refused)),
            "\n## All other codes\n\nA code with several sentences is raised in several places. `…` stands for a value."
            "\n\n",
            table(("code", "class", "what it says", "what to do"), _code_rows(others)),
        )
    )


def refused_codes() -> list[str]:
    """Custom errors of the packaged contracts that have a sentence of their own."""
    names = {entry.name for name in packaged() for entry in contract(name).errors.values()} | {"InsufficientFunds"}
    return sorted(name for name in names if refusal(name).message != f"The contract refused: {name}.")


def _refusal_kinds() -> set[str]:
    return {"ProtocolError", "OrderError", "FundsError", "DisputeError"}


def _class_rows() -> Iterator[tuple[str, ...]]:
    def below(kind: type[ConcordatError]) -> Iterator[type[ConcordatError]]:
        yield kind
        for child in kind.__subclasses__():
            if child.__module__ == errors.__name__:
                yield from below(child)

    for kind in below(ConcordatError):
        parent = kind.__mro__[1].__name__
        yield code(kind.__name__), code(parent), str(exit_code_for(kind(""))), paragraph(kind.__doc__)


def _refusal_rows(names: list[str]) -> Iterator[tuple[str, ...]]:
    for name in names:
        error = refusal(name)
        yield code(name), code(type(error).__name__), error.message, error.hint


def _code_rows(found: list[Raised]) -> Iterator[tuple[str, ...]]:
    for name, items in groupby(found, key=lambda item: item.code):
        places = list(items)
        kinds = sorted({item.kind for item in places})
        yield (
            code(name),
            ", ".join(map(code, kinds)),
            _few([item.message for item in places]) or "What is wrong with the value at hand.",
            _few([item.hint for item in places]),
        )


def _few(texts: list[str]) -> str:
    """Different texts in a row, the first few of them."""
    known = [text for text in dict.fromkeys(texts) if text]
    more = f" / and {len(known) - _MOST} more" if len(known) > _MOST else ""
    return " / ".join(known[:_MOST]) + more
