"""Compiled twins of Concordat's hashing and integer-graph execution."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

__version__: str

def keccak256(data: bytes) -> bytes:
    """Keccak-256 as Ethereum uses it."""

def merkle_levels(words: bytes, depth: int) -> list[bytes]:
    """Hashes that cover the words, end to end, for each height from 0 to `depth`."""

class Program:
    """A program of the integer graph, made ready to run; immutable and shareable between threads.

    It must be a program that `concordat.graph.intervals.validate` accepts: of any other well-formed one, the values
    are unspecified. The interpreter lock is released while it runs.
    """

    def __init__(self, graph_bytes: bytes, *, tier: Literal["plain", "avx2", "avx512"] | None = None) -> None:
        """Read a program file and plan its execution.

        ValueError if it is malformed or a node reads outside its memories. The instructions are the best that the
        machine has, or no better than `tier`; what is computed does not depend on them.
        """

    @property
    def input_elements(self) -> int:
        """Elements of one row of inputs."""

    @property
    def output_elements(self) -> int:
        """Elements of one row of outputs."""

    @property
    def steps(self) -> list[str]:
        """Kinds of the steps that the program runs in (``dense weighted forest rescale pointwise reduce``).

        Empty if no steps fit it and it is interpreted, element by element.
        """

    def run_outputs(self, inputs: NDArray[np.int64], *, threads: int | None = None) -> NDArray[np.int64]:
        """Outputs, shape (B, output_elements), of rows of inputs, shape (B, input_elements).

        Large batches are shared among `threads` (default: one for each processor). ValueError if an input is of the
        wrong width or not one of the input's element type.
        """

    def run_one(self, inputs: NDArray[np.int64]) -> NDArray[np.int64]:
        """Outputs, shape (output_elements,), of one row, shape (input_elements,), with the least overhead."""

    def trace(self, input_words: bytes) -> bytes:
        """Packed words of the execution's memory up to the last that holds an element; the rest is zero."""
