"""Dissection: finding the wrong word of a trace that its provider keeps to himself.

The provider reveals up to sixteen descendants of the node in question, the challenger picks the leftmost that differs
from his own tree, and so on down to one word. What was revealed on the way, together with the honest tree to the left
of that word, is all of the provider's tree that a proof needs:

* a sibling on the way from the wrong word to the root was revealed, or follows from what was;
* a sibling of an operand's words lies wholly to the left of the wrong word, where both trees agree (a child that was
  passed over on the left equals the honest one), or is one of the nodes above it or their siblings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from concordat.graph.elements import WORD
from concordat.graph.ir import Graph
from concordat.graph.openings import TraceView, element_proof, first_difference, trace_tree
from concordat.primitives.errors import DisputeError
from concordat.primitives.merkle import MerkleTree, leaf_hash, node_hash
from concordat.primitives.units import Bytes32
from concordat.protocol.messages import ElementProof

__all__ = ["LEVELS", "Dissection", "levels_below", "node_in_question", "revealed_children"]

LEVELS = 4
"""Levels of the tree that one reveal goes down."""


def levels_below(height: int) -> int:
    """Levels that the next reveal goes down from a node at that height."""
    return min(LEVELS, height)


def node_in_question(depth: int, picks: Iterable[int]) -> tuple[int, int]:
    """Height and place of the node that the picks so far have led to."""
    height, index = depth, 0
    for pick in picks:
        levels = levels_below(height)
        height, index = height - levels, (index << levels) + pick
    return height, index


def revealed_children(tree: MerkleTree, picks: Iterable[int]) -> tuple[Bytes32, ...]:
    """What a provider reveals next; a single hash when a leaf is reached, whose word it is then to show."""
    height, index = node_in_question(tree.depth, picks)
    return tuple(tree.children(height, index, levels_below(height)))


@dataclass(frozen=True, slots=True)
class Dissection:
    """A challenger's knowledge of one dispute; every step makes a new one.

    ::

        dissection = Dissection(graph, honest_trace, input_words, input_salt)
        pick = dissection.leftmost_difference(children)      # for each row that the provider reveals …
        dissection = dissection.descend(children, pick)
        proof = dissection.proof(word)                       # … and for the word in the end
    """

    graph: Graph
    """The program."""
    trace: bytes = field(repr=False)
    """The honest trace."""
    input_words: bytes = field(repr=False)
    """The order's input."""
    input_salt: bytes = field(repr=False)
    """Its salt."""
    rows: tuple[tuple[Bytes32, ...], ...] = field(default=(), repr=False)
    """Children as revealed, from the root down; the court has seen to it that the first row hashes to the root."""
    picks: tuple[int, ...] = ()
    """Which child of each row was picked."""

    @property
    def place(self) -> tuple[int, int]:
        """Height and place of the node in question; at height zero its word is to be shown."""
        return node_in_question(self.graph.trace_depth, self.picks)

    def leftmost_difference(self, children: Sequence[Bytes32]) -> int:
        """Which of the revealed children to pick.

        Raises
        ------
        DisputeError
            ``BadChildren`` if they are not the node's, ``NoFraud`` if all are honest.
        """
        self._check_children(children)
        height, index = self.place
        own = _honest_tree(self.graph, self.trace).children(height, index, levels_below(height))
        for pick, (child, mine) in enumerate(zip(children, own, strict=True)):
            if child != mine:
                return pick
        raise DisputeError("All children are those of the honest trace.", code="NoFraud")

    def descend(self, children: Sequence[Bytes32], pick: int | None = None) -> Dissection:
        """Knowledge after a row and a pick (the leftmost difference, if left out)."""
        chosen = self.leftmost_difference(children) if pick is None else pick
        self._check_children(children)
        if not 0 <= chosen < len(children):
            raise DisputeError(f"There is no child {chosen}.", code="BadIndex", index=chosen)
        return replace(self, rows=(*self.rows, tuple(children)), picks=(*self.picks, chosen))

    def proof(self, word: bytes) -> ElementProof:
        """The proof that the revealed word is wrong.

        Raises
        ------
        DisputeError
            ``WrongTurn`` before a leaf is reached, ``BadChildren`` if the word is not its, ``NoFraud`` if it is honest.
        """
        height, leaf = self.place
        if height:
            raise DisputeError("The dissection has not reached a word yet.", code="WrongTurn", height=height)
        if len(word) != WORD or (self.rows and leaf_hash(word) != self.rows[-1][self.picks[-1]]):
            raise DisputeError("The word does not hash to the leaf in question.", code="BadChildren", height=0)
        # The provider's words before this one are the honest ones.
        words = self.trace[: leaf * WORD].ljust(leaf * WORD, b"\0") + word
        place = first_difference(self.trace[: len(words)], words)
        if place is None:
            raise DisputeError("The word is that of the honest trace.", code="NoFraud")
        node, element = self.graph.element_at(place)
        view = TraceView(words=words, tree=_ProviderTree(self))
        return element_proof(self.graph, view, node, element, self.input_words, self.input_salt)

    def _check_children(self, children: Sequence[Bytes32]) -> None:
        height, index = self.place
        levels = levels_below(height)
        whole = levels > 0 and len(children) == 1 << levels
        known = _subtree(children, height, index) if whole else {}
        expected = self.rows[-1][self.picks[-1]] if self.rows else known.get((height, index))
        if not whole or known[height, index] != expected:
            raise DisputeError("The children do not hash to the node in question.", code="BadChildren", height=height)


@lru_cache(maxsize=8)
def _honest_tree(graph: Graph, trace: bytes) -> MerkleTree:
    return trace_tree(graph, trace)


def _subtree(row: Sequence[Bytes32], height: int, index: int) -> dict[tuple[int, int], Bytes32]:
    """All nodes of a perfect subtree with a given lowest row, by height and place; its root is ``(height, index)``."""
    known: dict[tuple[int, int], Bytes32] = {}
    at = height - (len(row).bit_length() - 1)
    while True:
        first = index << (height - at)
        known |= {(at, first + i): node for i, node in enumerate(row)}
        if len(row) == 1:
            return known
        row, at = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)], at + 1


class _ProviderTree(MerkleTree):
    """The part of the provider's tree that is known after a dissection."""

    def __init__(self, dissection: Dissection) -> None:
        self.depth = dissection.graph.trace_depth
        self._honest = _honest_tree(dissection.graph, dissection.trace)
        self._leaf = dissection.place[1]
        self._known: dict[tuple[int, int], Bytes32] = {}
        height, index = self.depth, 0
        for row, pick in zip(dissection.rows, dissection.picks, strict=True):
            self._known |= _subtree(row, height, index)
            levels = levels_below(height)
            height, index = height - levels, (index << levels) + pick

    def node(self, height: int, index: int) -> Bytes32:
        """A revealed node, or an honest one to the left of the wrong word."""
        if (height, index) in self._known:
            return self._known[height, index]
        if index + 1 << height <= self._leaf:
            return self._honest.node(height, index)
        raise DisputeError("A node right of the wrong word was never revealed.", code="BadOpening")
