"""The graph's compiler: from an integer graph to a relation of the proof system, and from an execution to its cells.

May import `concordat.graph` and `concordat.zk.relation`.
"""

from __future__ import annotations

from concordat.zk.circuit.compile import compile_graph
from concordat.zk.circuit.compiled import Circuit, Disclosure

__all__ = ["Circuit", "Disclosure", "compile_graph"]
