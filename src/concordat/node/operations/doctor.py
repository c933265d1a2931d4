"""Everything the doctor looks at, numbered once and for good.

1 Python · 2 compiled twins · 3 Anvil · 4 Node · 5 the home · 6 who can read its secrets · 7 keystores · 8 disk ·
9 the endpoint · 10 its network · 11 its latest block and this machine's clock · 12 fees · 13 gas of a block ·
14 the deployment's contracts · 15 gas money · 16 stake · 17 journals · 18 a database on a server · 19 the log ·
20 its anchors · 21 running nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from concordat.node.operations import machine, stores, surroundings
from concordat.node.operations.symptoms import Patient, Symptom, sick
from concordat.primitives.errors import ConcordatError

__all__ = ["CHECKS", "Diagnosis", "examine"]

CHECKS: dict[int, tuple[str, Callable[[Patient], Symptom]]] = {
    1: ("python", machine.python),
    2: ("native", machine.native),
    3: ("anvil", machine.anvil),
    4: ("node", machine.node_program),
    5: ("home", machine.folder),
    6: ("secrets", machine.secrets),
    7: ("keystores", machine.keystores),
    8: ("disk", machine.disk),
    9: ("endpoint", surroundings.endpoint),
    10: ("network", surroundings.network),
    11: ("clock", surroundings.clock),
    12: ("fees", surroundings.fees),
    13: ("block gas", surroundings.block_gas),
    14: ("contracts", surroundings.contracts),
    15: ("gas money", surroundings.gas_money),
    16: ("stake", surroundings.stake),
    17: ("journals", stores.journals),
    18: ("database", stores.databases),
    19: ("log", stores.log),
    20: ("anchors", stores.anchors),
    21: ("nodes", stores.nodes),
}
"""Name and check by number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One numbered line."""

    number: int
    """Of the check; never given to another."""
    name: str
    """Of the check."""
    symptom: Symptom
    """What was found."""


def examine(patient: Patient) -> Iterator[Diagnosis]:
    """Make every check; none of them stops the others."""
    for number, (name, check) in CHECKS.items():
        try:
            symptom = check(patient)
        except ConcordatError as error:
            symptom = sick(f"{error.message} ({error.code})", error.hint or "Look at the documentation of that error.")
        yield Diagnosis(number=number, name=name, symptom=symptom)
