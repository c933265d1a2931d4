"""What conversations are about: executions, orders that buy them, and what somebody may say next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from concordat.primitives.merkle import MerkleTree
from concordat.primitives.units import Address, Bytes32, Seconds
from concordat.protocol.artifact import ModelCommitment
from concordat.protocol.evidence import is_private
from concordat.protocol.execution import Result, commit_private
from concordat.protocol.messages import ElementProof, Message, OutputProof, ResultHeader, ResultOpening
from concordat.protocol.order import Order
from concordat.testing.stage import Actor

__all__ = ["Case", "Proposal", "Step", "Work", "Workload", "sealed"]


class Work(Protocol):
    """One execution, right or wrong, seen by somebody who knows all of it."""

    @property
    def result(self) -> Result:
        """What is delivered."""
        ...

    @property
    def header(self) -> ResultHeader:
        """Opens its commitment."""
        ...

    @property
    def tree(self) -> MerkleTree:
        """The claimed trace's tree."""
        ...

    @property
    def words(self) -> Sequence[Bytes32]:
        """The claimed trace's words."""
        ...

    @property
    def evidence(self) -> bytes:
        """What the native module reads."""
        ...

    def suspect(self, dice: Random) -> int:
        """A word to look at."""
        ...

    def prove_element(self, dice: Random) -> ElementProof:
        """A proof about some element."""
        ...

    def prove_output(self, dice: Random) -> OutputProof:
        """A proof about the output."""
        ...


class Workload(Protocol):
    """A model, and executions of it."""

    @property
    def commitment(self) -> ModelCommitment:
        """Opens the model's id."""
        ...

    def perform(self, dice: Random) -> tuple[Bytes32, Work]:
        """An input root, and an execution on that input."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something to say."""

    wait: Seconds
    """Seconds since the step before; at least one."""
    sender: Actor
    """Who says it."""
    message: Message
    """What."""


@dataclass(slots=True)
class Case:
    """One order and everything that is known about it."""

    order: Order
    """The order."""
    client: Actor
    """Who pays."""
    provider: Actor
    """Who works."""
    work: Work
    """What the provider did."""
    delivered: Result
    """What he delivers of it: sealed if the policy keeps it private."""
    opening: ResultOpening
    """Opens it, if it was sealed."""
    plans: dict[Address, tuple[ElementProof | OutputProof, Bytes32]] = field(default_factory=dict)
    """By challenger: the proof he committed to, and its salt."""
    tried: bool = False
    """Whether anybody has spoken about it."""

    @property
    def header(self) -> ResultHeader:
        """Opens the commitment to what he delivers."""
        return ResultHeader(trace_root=self.delivered.trace_root, output_hash=self.delivered.output_hash)


Proposal = tuple[Actor, Message]
"""Who says what."""


def sealed(order: Order, client: Actor, provider: Actor, work: Work, dice: Random) -> Case:
    """With a result that is as private as the policy says."""
    result, salt = work.result, Bytes32(dice.randbytes(32))
    opening = ResultOpening(salt=salt, trace_root=result.trace_root, output=result.output)
    if is_private(order.evidence):
        root = commit_private(salt, result.trace_root, result.output_hash)
        result = Result(trace_root=root, output=dice.randbytes(48 + len(result.output)))
    return Case(order, client, provider, work, result, opening)
