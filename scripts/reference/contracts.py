"""Functions, events and custom errors of the packaged contracts, with what their Solidity says about them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from concordat.chain.contracts import packaged
from concordat.primitives.hashing import keccak256
from concordat.protocol.refusals import refusal
from reference.markdown import NOTE, code, table

__all__ = ["abi_of", "contracts_page", "events_page"]

_SOURCES = Path(__file__).resolve().parents[2] / "contracts" / "src"
_DOCUMENTED = re.compile(
    r"((?:^[ \t]*///.*\n)+)^[ \t]*(?:function|event|error)\s+(\w+)|"
    r"((?:^[ \t]*///.*\n)+)^[^\n/]*\bpublic\s+(?:constant\s+|immutable\s+)?(\w+)\s*=",
    re.MULTILINE,
)
_TITLE = re.compile(r"((?:^///.*\n)+)^(?:abstract )?(?:contract|interface)\s+(\w+)", re.MULTILINE)
_INHERITED = "inherited"


def abi_of(name: str) -> list[Mapping[str, Any]]:
    """JSON ABI of a packaged contract."""
    document = json.loads((files("concordat.chain") / "abi" / f"{name}.json").read_text())
    return list(document["abi"])


def contracts_page() -> str:
    """``contracts.md``."""
    parts = [
        NOTE,
        "# Contracts\n\nGenerated from the ABIs that travel in the package (`concordat.chain.abi`) and the comments in "
        "`contracts/src`. The rules behind Market, Vault and Court are in "
        "[orders and disputes](../explain/orders-and-disputes.md); events have [their own page](events.md). "
        "Rows marked *inherited* come from OpenZeppelin's ERC-20, ERC-721, ERC-2612, ERC-2981, ERC-3009 and EIP-712.\n",
    ]
    for name in packaged():
        entries = abi_of(name)
        parts.append(f"\n## {name}\n\n{_about(name)}\n\n")
        parts.append(table(("function", "", "what it does"), _function_rows(name, entries)))
        if rows := list(_error_rows(name, entries)):
            parts.append("\n" + table(("custom error", "when"), rows))
    return "".join(parts)


def events_page() -> str:
    """``events.md``."""
    parts = [
        NOTE,
        "# Events\n\nEvents of the contracts; those of Market, Court and Vault are also what `memory://` emits "
        "(`concordat.protocol.events`, same names, fields in `snake_case`). `indexed` fields are topics; the last "
        "column is the first four bytes of topic 0.\n",
    ]
    for name in packaged():
        events = sorted((e for e in abi_of(name) if e["type"] == "event"), key=lambda entry: entry["name"])
        if not events:
            continue
        rows = [(code(_shown(e)), _says(name, e["name"]), code(f"0x{_topic(e)[:4].hex()}")) for e in events]
        parts.append(f"\n## {name}\n\n" + table(("event", "what happened", "topic"), rows))
    return "".join(parts)


def _function_rows(name: str, entries: list[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    functions = [entry for entry in entries if entry["type"] == "function"]
    for entry in sorted(functions, key=lambda e: (_says(name, e["name"]) == _INHERITED, e["name"], len(e["inputs"]))):
        kind = "" if entry["stateMutability"] == "nonpayable" else entry["stateMutability"]
        returned = ", ".join(_typed(item) for item in entry["outputs"])
        yield code(_shown(entry) + (f" → {returned}" if returned else "")), kind, _says(name, entry["name"])


def _error_rows(name: str, entries: list[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    rows = sorted((_says(name, e["name"]) == _INHERITED, e["name"]) for e in entries if e["type"] == "error")
    for _, error in rows:
        known = refusal(error)
        generic = known.message.startswith("The contract refused")
        yield code(error), _says(name, error) if generic or _says(name, error) != _INHERITED else known.message


def _shown(entry: Mapping[str, Any]) -> str:
    return f"{entry['name']}({', '.join(_typed(item) for item in entry['inputs'])})"


def _typed(item: Mapping[str, Any]) -> str:
    kind = item["type"].replace("tuple", "struct")
    return " ".join(part for part in (kind, "indexed" if item.get("indexed") else "", item["name"]) if part)


def _topic(entry: Mapping[str, Any]) -> bytes:
    return bytes(keccak256(f"{entry['name']}({','.join(map(_canonical, entry['inputs']))})".encode()))


def _canonical(item: Mapping[str, Any]) -> str:
    kind: str = item["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(map(_canonical, item['components']))}){kind[5:]}"


# -- what the Solidity says ------------------------------------------------------------------------------------------


def _says(contract: str, name: str) -> str:
    """Of the contract itself, of its interface, or of whatever of ours it takes the name from."""
    for source in (contract, f"I{contract}"):
        if text := _notices().get((source, name)):
            return text
    return next((text for (_, known), text in sorted(_notices().items()) if known == name), _INHERITED)


@cache
def _notices() -> dict[tuple[str, str], str]:
    found = {}
    for path in sorted(_SOURCES.rglob("*.sol")):
        for match in _DOCUMENTED.finditer(path.read_text()):
            comment, name = match[1] or match[3], match[2] or match[4]
            if text := _notice(comment):
                found.setdefault((path.stem, name), text)
    return found


def _about(name: str) -> str:
    """The longest notice among contract and interface."""
    texts = []
    for path in _SOURCES.rglob("*.sol"):
        texts += [_notice(m[1]) for m in _TITLE.finditer(path.read_text()) if m[2] in (name, f"I{name}")]
    return max(texts, key=len, default="")


def _notice(comment: str) -> str:
    lines = [line.strip().removeprefix("///").strip() for line in comment.splitlines()]
    text: list[str] = []
    taking = False
    for line in lines:
        if line.startswith("@"):
            taking = line.startswith("@notice")
            line = line.removeprefix("@notice")
        if taking:
            text.append(line.strip())
    return " ".join(part for part in text if part)
