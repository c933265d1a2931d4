"""Random programs of the integer graph, and random inputs for them.

:func:`random_graph` works below the builder: regions of odd sizes, ragged last rows, any strides, reads into padding
and across regions, all operations, types and optional operands. What validation refuses is thrown away and drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from concordat.graph.elements import WORD, ElementType, align, pack_elements, words_needed
from concordat.graph.intervals import Analysis, Interval
from concordat.graph.ir import ABSENT, MAX_SHIFT, Comparison, Graph, Node, Op, Operand, Space, fill_gaps
from concordat.primitives.errors import ModelError

__all__ = ["random_graph", "random_input"]

_TRIES = 30


def random_graph(seed: int, *, ops: Sequence[Op] | None = None, max_nodes: int = 10, max_elements: int = 70) -> Graph:
    """A valid program, the same for the same arguments.

    Parameters
    ----------
    seed : int
    ops : sequence of Op, optional
        What its nodes do, besides the input; everything if left out.
    max_nodes : int
        Most nodes; there may be fewer.
    max_elements : int
        Most elements of a region; one input in eight is up to six times as large, for long rows.
    """
    draw = _Draw(Random(seed), max_elements)
    draw.input()
    for _ in range(draw.random.randint(0, max_nodes - 1)):
        draw.node(draw.random.choice(list(ops) if ops else [op for op in Op if op is not Op.INPUT]))
    return draw.graph()


def random_input(graph: Graph, seed: int) -> bytes:
    """Packed elements: the type's whole range, small numbers, or its ends."""
    random = Random(seed)
    kind = graph.nodes[0].out_type
    bits = random.choice([1, 3, 6, 8 * kind.bytes - 1])
    values = [random.randint(-(1 << bits), (1 << bits) - 1) for _ in range(graph.input_elements)]
    if random.random() < 0.2:
        values = [random.choice([kind.minimum, kind.maximum, 0, -1]) for _ in values]
    return pack_elements([min(max(value, kind.minimum), kind.maximum) for value in values], kind)


class _Draw:
    """A growing program."""

    def __init__(self, random: Random, max_elements: int) -> None:
        self.random = random
        self._most = max_elements
        self._weights = bytearray()
        self._nodes: list[Node] = []
        self._analysis = Analysis(self._weights)

    def graph(self) -> Graph:
        nodes = fill_gaps(self._nodes)
        output = len(nodes) - 1 if self.random.random() < 0.8 else self.random.randrange(len(nodes))
        return Graph(
            nodes=nodes,
            weights=bytes(self._weights),
            input_elements=nodes[0].n,
            output_node=output,
            output_elements=nodes[output].n,
        )

    def input(self) -> None:
        most = self._most * (6 if self.random.random() < 0.125 else 1)
        kind = self.random.choice([ElementType.I8, ElementType.I8, ElementType.I16, ElementType.I32, ElementType.I64])
        self._append(Op.INPUT, kind, self.random.randint(1, most), 1, {})

    def node(self, op: Op) -> None:
        """Append a node, unless nothing that was drawn is valid."""
        for _ in range(_TRIES):
            size = len(self._weights)
            try:
                return self._try(op)
            except ModelError:
                del self._weights[size:]
        return None

    def _try(self, op: Op) -> None:
        n = self.random.choice([1, self.random.randint(1, 9), self.random.randint(1, self._most)])
        cols = self.random.choice([1, n, self.random.randint(1, n + 2)])
        fields = _FIELDS[op](self, n, cols)
        if op is Op.AFFINE:
            kind = self.random.choice(list(ElementType))
            ends = sorted(self.random.randint(kind.minimum, kind.maximum) for _ in range(2))
            fields["lo"], fields["hi"] = ends if self.random.random() < 0.5 else (kind.minimum, kind.maximum)
        else:
            smallest = ElementType.holding(*self._interval(op, n, cols, fields))
            kind = self.random.choice([smallest, smallest, self.random.choice(list(ElementType)[smallest:])])
        self._append(op, kind, n, cols, fields)

    def _interval(self, op: Op, n: int, cols: int, fields: dict[str, Any]) -> Interval:
        return self._analysis.interval(self._make(op, ElementType.I64, n, cols, fields))

    def _append(self, op: Op, kind: ElementType, n: int, cols: int, fields: dict[str, Any]) -> None:
        node = self._make(op, kind, n, cols, fields)
        self._analysis.append(node)
        self._nodes.append(node)

    def _make(self, op: Op, kind: ElementType, n: int, cols: int, fields: dict[str, Any]) -> Node:
        words = words_needed(n, kind)
        end = self._nodes[-1].start + self._nodes[-1].words if self._nodes else 0
        return Node(op=op, out_type=kind, start=align(end, words), leaves=words, n=n, cols=cols, **fields)

    # -- operands ----------------------------------------------------------------------------------------------------

    def _trace(self, n: int, cols: int, width: int = 1) -> Operand:
        """Somewhere in one region, now and then with its padding."""
        place = self.random.randrange(len(self._nodes))
        region = self._nodes[place]
        has = region.n
        if self.random.random() < 0.15:
            has = region.words * region.out_type.per_word
        return self._strided(Space.TRACE, region.out_type, region.start, has, n, cols, width)

    def _strided(self, space: Space, kind: ElementType, start: int, has: int, n: int, cols: int, width: int) -> Operand:
        """Steps and base that keep all reads inside `has` elements."""
        rows, columns = (n - 1) // cols, min(n, cols) - 1
        room = has - width
        if room < 0:
            raise ModelError("The region is shorter than a row.", code="BadReference")
        col = self.random.randint(0, min(room // columns, 3 * width)) if columns else 0
        room -= col * columns
        row = self.random.randint(0, room // rows) if rows else 0
        base = self.random.randint(0, room - row * rows)
        return Operand(space=space, type=kind, start=start, base=base, row=row, col=col)

    def _constants(self, n: int, cols: int, width: int = 1) -> Operand:
        """A block of its own in the weights."""
        rows, columns = (n - 1) // cols, min(n, cols) - 1
        row, col = self.random.choice([0, width, width * cols]), self.random.choice([0, width, 1])
        base = self.random.choice([0, self.random.randint(0, 5)])
        kind = self.random.choice(list(ElementType))
        bits = self.random.randint(0, min(8 * kind.bytes - 1, self.random.choice([4, 8, 20, 63])))
        size = base + rows * row + columns * col + width
        values = [self.random.randint(-(1 << bits), (1 << bits) - 1) for _ in range(size)]
        return self._block(values, kind, base, row, col)

    def _block(self, values: list[int], kind: ElementType, base: int, row: int, col: int) -> Operand:
        block = pack_elements(values, kind)
        start = align(len(self._weights) // WORD, len(block) // WORD)
        self._weights += bytes(start * WORD - len(self._weights)) + block
        return Operand(space=Space.WEIGHTS, type=kind, start=start, base=base, row=row, col=col)

    def _either(self, n: int, cols: int, width: int = 1) -> Operand:
        return (self._trace if self.random.random() < 0.5 else self._constants)(n, cols, width)

    def _perhaps(self, n: int, cols: int) -> Operand:
        return ABSENT if self.random.random() < 0.4 else self._either(n, cols)

    def _width(self) -> int:
        """Length of a row, at most that of some region."""
        longest = min(self.random.choice(self._nodes).n, 256)
        return self.random.choice([longest, self.random.randint(1, longest)])

    # -- fields of each operation ------------------------------------------------------------------------------------

    def matmul(self, n: int, cols: int) -> dict[str, Any]:
        width = self._width()
        a, b = self._trace(n, cols, width), self._either(n, cols, width)
        if self.random.random() < 0.2:
            a, b = b, a
        return {"k": width, "a": a, "b": b}

    def affine(self, n: int, cols: int) -> dict[str, Any]:
        def number(bits: int) -> int:
            return self.random.randint(-(1 << bits), (1 << bits) - 1)

        b, c = self._perhaps(n, cols), self._perhaps(n, cols)
        wide = self.random.choice([1, 4, 12, 30])
        return {
            "a": self._either(n, cols),
            "b": b,
            "c": c,
            "m0": self.random.choice([1, number(wide)]),
            "m1": self.random.choice([1, number(wide)]) if c.present else 0,
            "add": number(self.random.choice([0, 10, 40])),
            "shift": self.random.choice([0, 1, self.random.randint(0, MAX_SHIFT)]),
        }

    def table(self, n: int, cols: int) -> dict[str, Any]:
        size = self.random.choice([1, 2, self.random.randint(1, 300)])
        lo = self.random.randint(-200, 100)
        return {"a": self._trace(n, cols), "b": self._constants(n, cols, size), "lo": lo, "hi": lo + size - 1}

    def select(self, n: int, cols: int) -> dict[str, Any]:
        b = self._perhaps(n, cols)
        constant = 0 if b.present else self.random.randint(-100, 100)
        flags = int(self.random.choice(list(Comparison)))
        return {"a": self._either(n, cols), "b": b, "c": self._perhaps(n, cols), "add": constant, "flags": flags}

    def reduction(self, n: int, cols: int) -> dict[str, Any]:
        width = self._width()
        return {"k": width, "a": self._trace(n, cols, width)}

    def gather(self, n: int, cols: int) -> dict[str, Any]:
        """Any elements from a region on, up to the end of a later one of the same type."""
        first = last = self.random.randrange(len(self._nodes))
        kind, start = self._nodes[first].out_type, self._nodes[first].start
        while last + 1 < len(self._nodes) and self._nodes[last + 1].out_type is kind:
            last += 1
        has = (self._nodes[last].start - start) * kind.per_word + self._nodes[last].n
        base = self.random.randint(0, has - 1)
        values = [self.random.randint(0, has - 1) - base for _ in range(n)]
        stored = ElementType.holding(min(values), max(values))
        b = self._block(values, stored, 0, cols, 1)
        return {"a": Operand(space=Space.TRACE, type=kind, start=start, base=base), "b": b}


_FIELDS: dict[Op, Callable[[_Draw, int, int], dict[str, Any]]] = {
    Op.MATMUL: _Draw.matmul,
    Op.AFFINE: _Draw.affine,
    Op.TABLE: _Draw.table,
    Op.SELECT: _Draw.select,
    Op.MAX: _Draw.reduction,
    Op.SUM: _Draw.reduction,
    Op.ARGMAX: _Draw.reduction,
    Op.GATHER: _Draw.gather,
}
