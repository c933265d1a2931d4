"""Counting what an ONNX file claims to hold before the protobuf library builds it.

An empty message costs two bytes on the wire and a hundred or more in memory, so that a file within the size limit
could still fill the machine. This pass walks the wire format once, follows only the fields that hold messages, and
stops at the first count over its limit. Nothing is allocated.
"""

from __future__ import annotations

from concordat.primitives.errors import ModelError

__all__ = ["MAX_FIELDS", "MAX_MESSAGES", "count_messages"]

MAX_MESSAGES = 65_536
"""Messages (nodes, attributes, tensors, shapes, …) in one file."""
MAX_FIELDS = 8_000_000
"""Fields of any kind that are looked at in one file."""

_GRAPH: dict[int, object] = {}
_SHAPE: dict[int, object] = {1: {}}
_TENSOR_TYPE = {2: _SHAPE}
_TYPE: dict[int, object] = {1: _TENSOR_TYPE, 8: _TENSOR_TYPE}
_TYPE.update({4: {1: _TYPE}, 5: {2: _TYPE}, 9: {1: _TYPE}})
_TENSOR: dict[int, object] = {3: {}, 13: {}, 16: {}}
_SPARSE = {1: _TENSOR, 2: _TENSOR}
_ATTRIBUTE = {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 14: _TYPE, 15: _TYPE, 22: _SPARSE, 23: _SPARSE}
_NODE = {5: _ATTRIBUTE, 9: {}, 10: {}}
_VALUE = {2: _TYPE, 4: {}}
_GRAPH.update({1: _NODE, 5: _TENSOR, 11: _VALUE, 12: _VALUE, 13: _VALUE, 14: {2: {}}, 15: _SPARSE, 16: {}})
_FUNCTION = {7: _NODE, 9: {}, 11: _ATTRIBUTE, 12: _VALUE, 14: {}}
_MODEL = {7: _GRAPH, 8: {}, 14: {}, 20: {1: _GRAPH, 2: _GRAPH, 3: {}, 4: {}}, 25: _FUNCTION, 26: {}}
_MAX_NESTING = 24


def count_messages(data: bytes) -> int:
    """Messages inside a serialised model.

    Raises
    ------
    ModelError
        If the wire format is broken or the counts pass the limits.
    """
    fields = messages = 0
    stack: list[tuple[int, int, dict[int, object]]] = [(0, len(data), _MODEL)]
    nesting: list[int] = [0]
    while stack:
        at, end, children = stack.pop()
        depth = nesting.pop()
        while at < end:
            fields += 1
            key, at = _varint(data, at, end)
            number, wire = key >> 3, key & 7
            if wire == 0:
                _, at = _varint(data, at, end)
                continue
            size, at = _payload(data, at, end, wire)
            if wire == 2 and number in children:
                messages += 1
                stack.append((at, at + size, children[number]))  # type: ignore[arg-type]
                nesting.append(depth + 1)
            at += size
            if messages > MAX_MESSAGES or fields > MAX_FIELDS or depth > _MAX_NESTING:
                raise ModelError(
                    f"The ONNX file has more than {MAX_MESSAGES} parts or nests too deeply.",
                    code="ModelTooLarge",
                    hint="Export a smaller model.",
                )
    return messages


def _payload(data: bytes, at: int, end: int, wire: int) -> tuple[int, int]:
    """Length of a field's payload and where it starts."""
    if wire == 2:
        size, at = _varint(data, at, end)
    elif wire in (1, 5):
        size = 8 if wire == 1 else 4
    else:
        raise _broken(at)
    if at + size > end:
        raise _broken(at)
    return size, at


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise _broken(at)


def _broken(at: int) -> ModelError:
    return ModelError(
        f"The file is not a whole ONNX model: its encoding breaks off at byte {at}.",
        code="NotOnnx",
        hint="Check that the download or export finished.",
    )
