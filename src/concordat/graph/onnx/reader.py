"""ONNX bytes in, a plain value out: everything a stranger's file can get wrong is refused here.

Checks, in this order:

1. The file is within the size limit and its wire format is whole (`concordat.graph.onnx.wire`).
2. No functions, training information, sparse or external tensors, subgraphs or strange domains; opset 13 or newer.
3. Constants are small, exactly as long as their shapes say, and finite.
4. Every tensor has one name, one maker, and is made before it is used.

What each operator makes of its attributes and inputs is checked by the operator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from concordat.graph.onnx.constants import Array, read_tensor
from concordat.graph.onnx.wire import count_messages
from concordat.primitives.errors import ModelError

__all__ = ["MAX_FILE", "MAX_NODES", "OnnxInput", "OnnxModel", "OnnxNode", "read_onnx"]

MAX_FILE = 64 << 20
"""Longest file, bytes."""
MAX_NODES = 4_096
"""Most operators of a model."""
MAX_COLUMNS = 1 << 18
"""Most numbers in one row of one input."""
OLDEST_OPSET = 13
_SINCE = {
    6: (
        "Abs", "Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Constant", "Conv",
        "ConvTranspose", "DepthToSpace", "Div", "Dropout", "Elu", "Exp", "Flatten", "GRU", "Gather", "Gemm",
        "GlobalAveragePool", "GlobalMaxPool", "HardSigmoid", "Identity", "LSTM", "LeakyRelu", "Log", "LogSoftmax",
        "MatMul", "Max", "MaxPool", "Mean", "Min", "Mul", "Neg", "Not", "Pad", "Pow", "RNN", "Reciprocal", "ReduceL2",
        "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "Relu", "Reshape", "Selu", "Shape", "Sigmoid", "Slice",
        "Softmax", "Softplus", "Softsign", "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Sub", "Sum", "Tanh", "Tile",
        "Transpose", "Unsqueeze",
    ),
    7: ("PRelu",),
    9: ("And", "ConstantOfShape", "Equal", "Erf", "Expand", "Greater", "Less", "Or", "Sign", "Where", "Xor"),
    10: ("ConvInteger", "DequantizeLinear", "MatMulInteger", "QLinearConv", "QLinearMatMul", "QuantizeLinear"),
    11: ("ArgMax", "ArgMin", "Resize"),
    12: ("GreaterOrEqual", "LessOrEqual"),
}  # fmt: skip
"""Since which opset an operator means what it does today, as far as it is read here."""
_OPERATOR_SINCE = {op: opset for opset, ops in _SINCE.items() for op in ops}
_BROADCASTING = 7
"""Since which opset operands are broadcast as in numpy."""
_FLATTENING = ("LogSoftmax", "Softmax")
"""Operators that ran over all axes from their own on, before opset 13."""
_LOOK_IT_UP = "The guide docs/guides/models.md lists what has an integer form; onnx.checker.check_model finds damage."
_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
_OTHERS = ("QGemm", "QLinearAdd", "QLinearAveragePool", "QLinearGlobalAveragePool", "QLinearMul")
"""Operators of com.microsoft, as onnxruntime's quantiser writes them."""
_KINDS: dict[int, str] = {
    onnx.TensorProto.FLOAT: "float32",
    onnx.TensorProto.DOUBLE: "float64",
    onnx.TensorProto.INT64: "int64",
    onnx.TensorProto.INT32: "int32",
    onnx.TensorProto.BOOL: "bool",
    onnx.TensorProto.STRING: "string",
    onnx.TensorProto.INT8: "int8",
    onnx.TensorProto.UINT8: "uint8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxInput:
    """One input tensor of a model; its first dimension is the batch."""

    name: str
    """As in the file."""
    kind: str
    """``float32 float64 int64 int32 int8 uint8 bool string``."""
    shape: tuple[int | None, ...]
    """Dimensions after the batch; None where the file does not say."""

    @property
    def width(self) -> int | None:
        """Numbers in one row, if the file says."""
        width = 1
        for dimension in self.shape:
            if dimension is None:
                return None
            width *= dimension
        return width


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxNode:
    """One operator."""

    op: str
    """Operator type."""
    name: str
    """For messages: the node's name, or its first output's."""
    inputs: tuple[str, ...]
    """Tensor names; empty where an optional input is left out."""
    outputs: tuple[str, ...]
    """Tensor names."""
    attributes: Mapping[str, Any] = field(repr=False)
    """Whole numbers, floats, text, arrays, and tuples of them."""

    def refuse(self, problem: str, *, hint: str = "", code: str = "BadOperator") -> ModelError:
        """Error that names this operator."""
        text = f"{self.op} {self.name!r}: {problem}."
        return ModelError(text, code=code, hint=hint or _LOOK_IT_UP, op=self.op, node=self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxModel:
    """A whole model, checked for shape but not yet for meaning."""

    inputs: tuple[OnnxInput, ...]
    """What a caller feeds."""
    outputs: tuple[str, ...]
    """Names of the results."""
    nodes: tuple[OnnxNode, ...]
    """In order of execution."""
    constants: Mapping[str, Array] = field(repr=False)
    """Initialisers by name."""
    steps: Mapping[str, Array] = field(default_factory=dict, repr=False)
    """What one step of a constant is worth that the file itself quantises (one number, or one per channel)."""


def read_onnx(data: bytes) -> OnnxModel:
    """Read a serialised ONNX model.

    Raises
    ------
    ModelError
        If it is not one, is too large, or uses what no integer graph can hold.
    """
    if len(data) > MAX_FILE:
        raise ModelError(
            f"The ONNX file has {len(data)} bytes, more than {MAX_FILE}.",
            code="ModelTooLarge",
            hint="Export a smaller model.",
        )
    count_messages(data)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
        return _model(model)
    except DecodeError as error:
        raise _malformed(str(error)) from error
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise _malformed(f"{type(error).__name__}: {error}") from error


def _malformed(detail: str) -> ModelError:
    return ModelError(
        f"The file is not a valid ONNX model ({detail[:200]}).",
        code="NotOnnx",
        hint="Export it again; onnx.checker.check_model says more.",
    )


def _model(model: onnx.ModelProto) -> OnnxModel:
    if not model.HasField("graph"):
        raise _malformed("it has no graph")
    if model.functions or model.training_info:
        raise _unsupported(
            "functions or training information", "Export the model for inference, with functions inlined."
        )
    graph = model.graph
    if graph.sparse_initializer:
        raise _unsupported("sparse initialisers", "Export dense weights.")
    if not graph.node or len(graph.node) > MAX_NODES:
        raise ModelError(
            f"A model has 1 to {MAX_NODES} operators, not {len(graph.node)}.",
            code="ModelTooLarge",
            hint="Export a smaller model.",
        )
    opset = _check_opsets(model)
    constants = _constants(graph.initializer)
    inputs = tuple(_input(value) for value in graph.input if value.name not in constants)
    nodes = tuple(_node(node, opset) for node in graph.node)
    outputs = tuple(value.name for value in graph.output)
    _check_names(inputs, constants, nodes, outputs)
    return OnnxModel(inputs=inputs, outputs=outputs, nodes=nodes, constants=constants)


def _unsupported(what: str, hint: str) -> ModelError:
    return ModelError(f"The ONNX file has {what}.", code="Unsupported", hint=hint)


def _check_opsets(model: onnx.ModelProto) -> int:
    """Version of ai.onnx; refuses versions and domains that are not known."""
    versions: dict[str, int] = {}
    for opset in model.opset_import:
        domain = "" if opset.domain == "ai.onnx" else opset.domain
        versions[domain] = max(opset.version, versions.get(domain, 0))
    for node in model.graph.node:
        if node.domain not in _DOMAINS and not (node.domain == "com.microsoft" and node.op_type in _OTHERS):
            raise ModelError(
                f"{node.op_type} {node.name!r} is of the domain {node.domain[:80]!r}.",
                code="UnsupportedOperator",
                hint=f"Only ai.onnx and ai.onnx.ml operators are known, and {', '.join(_OTHERS)} of com.microsoft.",
                op=node.op_type,
            )
        domain = "" if node.domain == "ai.onnx" else node.domain
        if domain not in versions:
            raise _malformed(f"no opset is declared for {domain or 'ai.onnx'}")
    for node in model.graph.node:
        since = _OPERATOR_SINCE.get(node.op_type, OLDEST_OPSET)
        if node.op_type != "Gemm" and any(a.name == "broadcast" and a.i for a in node.attribute):
            since = max(since, _BROADCASTING)
        if node.domain in ("", "ai.onnx") and versions[""] < since:
            raise ModelError(
                f"The model uses opset {versions['']}; {node.op_type[:80]} may be read from opset {since} on.",
                code="OldOpset",
                hint=f"Export with target_opset={OLDEST_OPSET} or newer.",
                op=node.op_type,
            )
    if versions.get("ai.onnx.ml", 1) > 5:
        raise ModelError(
            f"Opset {versions['ai.onnx.ml']} of ai.onnx.ml is not known.",
            code="NewOpset",
            hint='Export with target_opset={"": 18, "ai.onnx.ml": 3}.',
        )
    return versions.get("", OLDEST_OPSET)


def _constants(tensors: Iterable[onnx.TensorProto]) -> dict[str, Array]:
    constants: dict[str, Array] = {}
    for tensor in tensors:
        if tensor.name in constants:
            raise _duplicate(tensor.name)
        constants[tensor.name] = read_tensor(tensor)
    return constants


def _input(value: onnx.ValueInfoProto) -> OnnxInput:
    if value.type.WhichOneof("value") != "tensor_type":
        raise _unsupported(f"an input {value.name[:80]!r} that is no tensor", "Export with tensor inputs.")
    tensor = value.type.tensor_type
    if tensor.elem_type not in _KINDS:
        raise _unsupported(
            f"an input {value.name[:80]!r} of element type {tensor.elem_type}", "Use float, double, int64 or string."
        )
    dimensions = list(tensor.shape.dim)
    if len(dimensions) > 8:
        raise _unsupported(f"an input {value.name[:80]!r} of {len(dimensions)} dimensions", "Flatten it.")
    shape = tuple(d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in dimensions[1:])
    found = OnnxInput(name=value.name, kind=_KINDS[tensor.elem_type], shape=shape)
    if (found.width or 1) > MAX_COLUMNS:
        raise ModelError(
            f"Input {value.name[:80]!r} has {found.width} numbers to a row, more than {MAX_COLUMNS}.",
            code="ModelTooLarge",
            hint="Export a model with a smaller input.",
        )
    return found


def _node(node: onnx.NodeProto, opset: int) -> OnnxNode:
    outputs = tuple(node.output)
    if not outputs or not outputs[0] or not (node.input or node.op_type == "Constant"):
        raise _malformed(f"{node.op_type[:80]} {node.name[:80]!r} has no input or no output")
    label = node.name or outputs[0]
    if len(outputs) > (most := _most_outputs(node, opset)):
        raise ModelError(
            f"{node.op_type[:80]} {label[:80]!r} has {len(outputs)} outputs, and the standard knows {most}.",
            code="BadOperator",
            hint="Export it again; onnx.checker.check_model says more.",
            op=node.op_type[:80],
            node=label[:80],
        )
    attributes = {attribute.name: _attribute(node, attribute) for attribute in node.attribute}
    if node.op_type in _FLATTENING and opset < OLDEST_OPSET:
        attributes = {"axis": 1, **attributes, "flattened": 1}
    return OnnxNode(
        op=node.op_type[:80],
        name=label[:80],
        inputs=tuple(node.input),
        outputs=outputs,
        attributes=attributes,
    )


def _most_outputs(node: onnx.NodeProto, opset: int) -> int:
    """Outputs that the standard gives an operator; those that nobody knows are refused by name later."""
    domain = "" if node.domain == "ai.onnx" else node.domain
    if domain == "" and onnx.defs.has(node.op_type, opset):
        return int(onnx.defs.get_schema(node.op_type, opset).max_output)
    if onnx.defs.has(node.op_type, domain):
        return int(onnx.defs.get_schema(node.op_type, domain=domain).max_output)
    return 1 if node.op_type in _OTHERS else len(node.output)


def _attribute(node: onnx.NodeProto, attribute: onnx.AttributeProto) -> Any:
    kinds = onnx.AttributeProto
    if attribute.ref_attr_name:
        raise _malformed(f"attribute {attribute.name[:80]!r} refers to a function")
    if attribute.type in (kinds.INT, kinds.FLOAT):
        return attribute.i if attribute.type == kinds.INT else attribute.f
    if attribute.type == kinds.STRING:
        return attribute.s.decode()
    if attribute.type in (kinds.INTS, kinds.FLOATS):
        return tuple(attribute.ints if attribute.type == kinds.INTS else attribute.floats)
    if attribute.type == kinds.STRINGS:
        return tuple(text.decode() for text in attribute.strings)
    if attribute.type == kinds.TENSOR:
        return read_tensor(attribute.t)
    if attribute.type in (kinds.GRAPH, kinds.GRAPHS):
        raise ModelError(
            f"{node.op_type[:80]} {node.name[:80]!r} has a subgraph.",
            code="UnsupportedOperator",
            hint="Control flow (If, Loop, Scan) has no integer form.",
            op=node.op_type,
        )
    raise _malformed(f"attribute {attribute.name[:80]!r} has the type {attribute.type}")


def _duplicate(name: str) -> ModelError:
    return ModelError(
        f"Two tensors are called {name[:80]!r}.", code="DuplicateName", hint="Each tensor is made by one node."
    )


def _check_names(
    inputs: tuple[OnnxInput, ...],
    constants: Mapping[str, Array],
    nodes: tuple[OnnxNode, ...],
    outputs: tuple[str, ...],
) -> None:
    known = set(constants)
    for value in inputs:
        if not value.name or value.name in known:
            raise _duplicate(value.name)
        known.add(value.name)
    for node in nodes:
        for name in node.inputs:
            if name and name not in known:
                raise node.refuse(
                    f"input {name[:80]!r} is made by no earlier node", code="BadOrder", hint="Is the graph cyclic?"
                )
        for name in filter(None, node.outputs):
            if name in known:
                raise _duplicate(name)
            known.add(name)
    if not inputs or not outputs or not set(outputs) <= known:
        raise _malformed("it has no input, no output, or an output that nothing makes")
