"""Write ABI and creation bytecode of every deployable contract into the package.

Reads what ``forge build`` left in ``build/contracts/out`` and writes ``src/concordat/chain/abi/<Contract>.json``, so
that the wheel deploys and drives the contracts without a compiler. Interfaces, libraries and abstract contracts are
left out.

Build the sources alone, as ``make abi`` does: what is compiled beside them changes the bytecode.

Usage: ``make_abi.py [--check] [--out FOLDER]``. With ``--check`` nothing is written, and the exit code is 1 if the
committed files are not what the compiler's output gives.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "contracts" / "src"
PACKAGE = ROOT / "src" / "concordat" / "chain" / "abi"
DEPLOYABLE = re.compile(r"^contract (\w+)", re.MULTILINE)


def deployable_contracts() -> dict[str, Path]:
    """Source file of each contract that can be deployed, by name."""
    return {
        name: source for source in sorted(SOURCES.rglob("*.sol")) for name in DEPLOYABLE.findall(source.read_text())
    }


def without_internal_types(node: Any) -> Any:
    """The ABI without the compiler's own type names, which no caller needs."""
    if isinstance(node, dict):
        return {key: without_internal_types(value) for key, value in node.items() if key != "internalType"}
    if isinstance(node, list):
        return [without_internal_types(item) for item in node]
    return node


def render(artifact: Path) -> str:
    """One contract's file: one ABI entry per line, sorted, then the bytecode."""
    compiled = json.loads(artifact.read_text())
    entries = sorted(json.dumps(without_internal_types(entry), sort_keys=True) for entry in compiled["abi"])
    lines = ",\n".join(f"  {entry}" for entry in entries)
    return f'{{"abi": [\n{lines}\n],\n"bytecode": "{compiled["bytecode"]["object"]}"}}\n'


def main() -> int:
    """Write or compare; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare only")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "contracts" / "out", help="forge's output folder")
    options = parser.parse_args()
    contracts = deployable_contracts()
    artifacts = {name: options.out / source.name / f"{name}.json" for name, source in contracts.items()}
    missing = [str(path) for path in artifacts.values() if not path.exists()]
    if missing:
        print(f"make_abi: run forge build first; not there: {', '.join(missing)}", file=sys.stderr)
        return 1
    wanted = {PACKAGE / f"{name}.json": render(artifact) for name, artifact in artifacts.items()}
    present = {path: path.read_text() for path in PACKAGE.glob("*.json")}
    if options.check:
        stale = sorted(path.name for path in wanted.keys() | present.keys() if wanted.get(path) != present.get(path))
        if stale:
            print(f"make_abi: not fresh, run `make abi`: {', '.join(stale)}", file=sys.stderr)
        return 1 if stale else 0
    PACKAGE.mkdir(parents=True, exist_ok=True)
    for path in present.keys() - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
