"""A deliberately naive interpreter of program files: one element at a time, from the bytes, as the document reads.

It shares no code with `concordat.graph`. Every executor is tested equal to it. It is slow, and checks nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

__all__ = ["interpret"]

_HEADER, _DESCRIPTOR, _WORD = 64, 192, 32


def interpret(program: bytes, input_words: bytes, changed: Mapping[tuple[int, int], int] | None = None) -> bytes:
    """The whole trace, ``32 * 2**traceDepth`` bytes, of a program file and its packed input.

    `changed` is added to some elements, by node and element; what reads them goes on with the wrong numbers.
    """
    nodes, weight_words, depth = (int.from_bytes(program[at : at + 4], "big") for at in (8, 12, 16))
    descriptors = [program[_HEADER + _DESCRIPTOR * i : _HEADER + _DESCRIPTOR * (i + 1)] for i in range(nodes)]
    weights = program[_HEADER + _DESCRIPTOR * nodes :]
    assert len(weights) == _WORD * weight_words
    trace = bytearray(_WORD << depth)
    for number, descriptor in enumerate(descriptors):
        start, kind = _unsigned(descriptor, 4), descriptor[1]
        for element, value in enumerate(_elements(descriptor, trace, weights, input_words)):
            at = _WORD * start + (element << kind)
            value += (changed or {}).get((number, element), 0)
            trace[at : at + (1 << kind)] = value.to_bytes(1 << kind, "big", signed=True)
    return bytes(trace)


def _elements(descriptor: bytes, trace: bytearray, weights: bytes, input_words: bytes) -> Iterator[int]:
    memories: dict[int, bytes | bytearray] = {1: trace, 2: weights}
    op, kind, flags, shift = descriptor[0], descriptor[1], descriptor[2], descriptor[3]
    n, cols, k = _unsigned(descriptor, 12), _unsigned(descriptor, 16), _unsigned(descriptor, 20)
    m0, m1, add = (_signed(descriptor, 128 + 8 * i) for i in range(3))
    lo, hi = _signed(descriptor, 160), _signed(descriptor, 168)

    def present(which: int) -> bool:
        return descriptor[32 * (which + 1)] != 0

    def read(which: int, element: int, offset: int = 0) -> int:
        at = 32 * (which + 1)
        space, width = descriptor[at], 1 << descriptor[at + 1]
        start, base, row, col = (_unsigned(descriptor, at + 4 + 4 * i) for i in range(4))
        index = base + (element // cols) * row + (element % cols) * col + offset
        place = _WORD * start + width * index
        return int.from_bytes(memories[space][place : place + width], "big", signed=True)

    def clamp(x: int) -> int:
        return min(max(x, lo), hi)

    def rshift(x: int) -> int:
        return x if shift == 0 else (x + 2 ** (shift - 1)) >> shift

    def compare(x: int, y: int) -> bool:
        return (x >= y, x > y, x == y, x <= y, x < y)[flags]

    for e in range(n):
        if op == 0:
            yield int.from_bytes(input_words[e << kind : (e + 1) << kind], "big", signed=True)
        elif op == 1:
            yield sum(read(0, e, i) * read(1, e, i) for i in range(k))
        elif op == 2:
            b = read(1, e) if present(1) else 1
            c = read(2, e) if present(2) else 0
            yield clamp(rshift(m0 * read(0, e) * b + m1 * c + add))
        elif op == 3:
            yield read(1, e, clamp(read(0, e)) - lo)
        elif op == 4:
            chosen = read(2, e) if present(2) else 1
            yield chosen if compare(read(0, e), read(1, e) if present(1) else add) else 0
        elif op == 5:
            yield max(read(0, e, i) for i in range(k))
        elif op == 6:
            yield sum(read(0, e, i) for i in range(k))
        elif op == 7:
            row_values = [read(0, e, i) for i in range(k)]
            yield min(i for i in range(k) if row_values[i] == max(row_values))
        elif op == 8:
            yield read(0, e, read(1, e))


def _unsigned(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


def _signed(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "big", signed=True)
