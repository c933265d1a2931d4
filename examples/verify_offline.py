"""Verify a decision from its file: no network, no key, no server of anybody's.

    python examples/verify_offline.py decision.json trust.toml

The exit code is 0 if everything required holds, 1 if something contradicts the file, 3 if something was not checked.
"""

from __future__ import annotations

import sys

import concordat as cd


def main(file: str = "decision.json", trust: str = "trust.toml") -> int:
    """Run the sixteen checks and say what came of them."""
    report = cd.verify(file, trust=cd.TrustRoot.load(trust))
    for check in report.checks:
        print(f"{check.number:>2}  {check.outcome:<11}  {check.name}")
    print(report.verdict)
    return report.exit_code


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
