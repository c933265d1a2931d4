"""Constant tensors of an ONNX file: exactly as long as they claim, and numbers (`rewrite` looks at infinite ones)."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from concordat.primitives.errors import ModelError

__all__ = ["MAX_CONSTANT", "MAX_ROW_ELEMENTS", "Array", "read_tensor"]

Array = NDArray[Any]
"""Any numpy array: floats, whole numbers, booleans, or text as objects."""

MAX_CONSTANT = 1 << 24
"""Most elements of one constant."""
MAX_ROW_ELEMENTS = 1 << 20
"""Most elements that one row of one tensor may have."""
_TYPES: dict[int, tuple[str, str]] = {
    onnx.TensorProto.FLOAT: ("<f4", "float_data"),
    onnx.TensorProto.DOUBLE: ("<f8", "double_data"),
    onnx.TensorProto.INT64: ("<i8", "int64_data"),
    onnx.TensorProto.INT32: ("<i4", "int32_data"),
    onnx.TensorProto.BOOL: ("?", "int32_data"),
    onnx.TensorProto.UINT8: ("u1", "int32_data"),
    onnx.TensorProto.INT8: ("i1", "int32_data"),
}


def read_tensor(tensor: onnx.TensorProto) -> Array:
    """The array a tensor message holds.

    Raises
    ------
    ModelError
        If its data lie in another file, do not fit its shape, are of no known type, or hold what is not a number.
    """
    label = tensor.name[:80]
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise ModelError(
            f"The data of {label!r} lie in another file.",
            code="ExternalData",
            hint="Save the model as one file: onnx.save_model(model, path, save_as_external_data=False).",
        )
    count = 1
    for dimension in tensor.dims:
        count *= dimension
        if dimension < 0 or count > MAX_CONSTANT:
            raise ModelError(
                f"The shape of {label!r} is negative or too large.",
                code="ModelTooLarge",
                hint=f"One constant has at most {MAX_CONSTANT} elements.",
            )
    if len(tensor.dims) > 8:
        raise ModelError(f"{label!r} has {len(tensor.dims)} dimensions.", code="ModelTooLarge", hint="Flatten it.")
    if tensor.data_type == onnx.TensorProto.STRING:
        return _strings(tensor, label, count)
    if tensor.data_type not in _TYPES:
        raise ModelError(
            f"{label!r} has the element type {tensor.data_type}.",
            code="Unsupported",
            hint="Constants are float, double, int64, int32, int8, uint8, bool or string.",
        )
    array = _numbers(tensor, label, count)
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ModelError(
            f"{label!r} holds a value that is not a number.",
            code="NotFinite",
            hint="Train again; check the training data for gaps and the learning rate.",
        )
    return array


def _numbers(tensor: onnx.TensorProto, label: str, count: int) -> Array:
    dtype, where = _TYPES[tensor.data_type]
    if tensor.HasField("raw_data"):
        if len(tensor.raw_data) != count * np.dtype(dtype).itemsize:
            raise _length(label, count)
        array = np.frombuffer(tensor.raw_data, dtype=dtype)
    else:
        values = getattr(tensor, where)
        if len(values) != count:
            raise _length(label, count)
        array = np.array(values, dtype=dtype)
    native = array.dtype.newbyteorder("=")
    return array.astype(native).reshape(tuple(tensor.dims))


def _strings(tensor: onnx.TensorProto, label: str, count: int) -> Array:
    if len(tensor.string_data) != count:
        raise _length(label, count)
    array = np.empty(count, dtype=object)
    array[:] = [text.decode() for text in tensor.string_data]
    return array.reshape(tuple(tensor.dims))


def _length(label: str, count: int) -> ModelError:
    return ModelError(
        f"{label!r} does not hold the {count} elements that its shape claims.",
        code="NotOnnx",
        hint="The file is damaged; export it again.",
    )
