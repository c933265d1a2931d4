"""Whole models on chain: which programs `contracts/src/court/NativeExecutor.sol` runs, and what it is given.

The native form of a model is its program file, byte for byte: the contract holds it as code, checks that it hashes
to the committed digest and folds to the committed roots, and executes every node as `concordat.graph.execute` does.
Nothing is compiled, hence there is no second meaning of a model. A model has no native form when running it would not
fit a transaction; its digest is then zero.
"""

from __future__ import annotations

from collections.abc import Callable

from concordat.graph.elements import WORD, ElementType
from concordat.graph.ir import Graph, Node, Op, Operand
from concordat.primitives.encoding import ZERO32
from concordat.primitives.errors import InputError, ModelError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Bytes32
from concordat.protocol.execution import MAX_OUTPUT_BYTES

__all__ = [
    "CHUNK_BYTES",
    "MAX_CHUNKS",
    "MAX_GAS",
    "chunks",
    "encode_native_proof",
    "estimate_gas",
    "native_digest",
    "pack_native",
]

CHUNK_BYTES = 24_575
"""Bytes of a program file in one data contract (contract code is at most 24,576 bytes, one of them a stop)."""
MAX_CHUNKS = 8
"""Most data contracts of one model."""
MAX_GAS = 12_000_000
"""Most gas of one execution: a transaction has at most 2**24, and the rest of it needs some."""

_BYTE_WORD = 3
_FIXED = 14_000
_PER_NODE = 1_800
_CHUNK = 4_900
_INPUT_LEAF = 330


def pack_native(graph: Graph) -> bytes:
    """The native form of a model: its program file.

    Raises
    ------
    ModelError
        ``NotNative`` if the model is too large to be executed on chain; the hint says in what.
    """
    data = graph.to_bytes()
    output = graph.output.words * WORD
    if len(data) > MAX_CHUNKS * CHUNK_BYTES:
        raise _not_native(f"its program file has {len(data):,} bytes; {MAX_CHUNKS * CHUNK_BYTES:,} fit")
    if output > MAX_OUTPUT_BYTES:
        raise _not_native(f"its output has {output:,} bytes; {MAX_OUTPUT_BYTES:,} travel in a transaction")
    gas = estimate_gas(graph)
    if gas > MAX_GAS:
        raise _not_native(f"one execution takes about {gas:,} gas; {MAX_GAS:,} fit a transaction")
    return data


def native_digest(graph: Graph) -> Bytes32:
    """Keccak-256 of the native form; zero for a model that has none."""
    try:
        return keccak256(pack_native(graph))
    except ModelError:
        return ZERO32


def chunks(native: bytes) -> list[bytes]:
    """A native form cut as the executor's ``publish`` takes it."""
    return [native[at : at + CHUNK_BYTES] for at in range(0, len(native), CHUNK_BYTES)]


def encode_native_proof(input_words: bytes, salt: bytes) -> bytes:
    """What the executor reads: the input's words, then the salt of the order's input tree.

    Parameters
    ----------
    input_words : bytes
        All words of the input region, as committed in the order.
    salt : bytes
        32 bytes.
    """
    if len(input_words) % WORD or not input_words or len(salt) != WORD:
        raise InputError("A native proof is whole input words and a salt of 32 bytes.", code="InputLength")
    return input_words + salt


def estimate_gas(graph: Graph) -> int:
    """Gas that one execution takes, from above (input check, loading and memory included; calldata not)."""
    size = len(graph.to_bytes())
    memory = (size + 4096) // WORD + graph.trace_words + (1 << graph.input_depth)
    fixed = _FIXED + _BYTE_WORD * (size // WORD) + _CHUNK * -(-size // CHUNK_BYTES)
    fixed += 3 * memory + memory * memory // 512 + (_INPUT_LEAF << graph.input_depth)
    return fixed + sum(_PER_NODE + _COSTS[node.op](node) for node in graph.nodes[1:])


def _not_native(why: str) -> ModelError:
    return ModelError(
        "The model is too large to be executed by the contract itself.",
        code="NotNative",
        hint=f"Its orders can use other evidence: {why}.",
    )


# -- gas of one node, by operation -------------------------------------------------------------------------------------

_UNROLLED = (1, 2, 4)
"""Blocks of a row for which the contract has a kernel of its own."""


def _matmul(node: Node) -> int:
    rows, cols, a_step, b_step = _flattened(node)
    one_by_one = node.n * (350 + 130 * node.k) + 700 * rows
    if max(node.a.type, node.b.type) > ElementType.I16 or node.k < 4:
        return one_by_one
    if not (a_step and b_step):
        return _products(node, node.a if a_step else node.b, spreads=rows, neighbours=True)
    if rows == 1:
        return one_by_one if node.k < 32 else _products(node, node.b, spreads=node.n, neighbours=False)
    if node.a.row and node.b.row:
        return one_by_one
    return _products(node, node.a if node.a.row else node.b, spreads=cols, neighbours=False)


def _flattened(node: Node) -> tuple[int, int, int, int]:
    """Rows, columns and the steps of A and B from column to column, as the contract runs through them."""
    if node.cols == 1:
        return 1, node.n, node.a.row, node.b.row
    even = all(operand.row == node.cols * operand.col for operand in (node.a, node.b))
    cols = node.n if even else min(node.cols, node.n)
    return -(-node.n // cols), cols, node.a.col, node.b.col


def _products(node: Node, streamed: Operand, *, spreads: int, neighbours: bool) -> int:
    """One operand is spread so many times, and every row of the other streams by."""
    blocks = -(-node.k // streamed.type.per_word)
    row = 200 + 310 * blocks
    if neighbours and node.out_type == streamed.type + 2:
        fitting = next((count for count in _UNROLLED if count >= blocks), 0)
        row = 110 + 150 * fitting if fitting else 310 + 200 * blocks
    return node.n * row + spreads * (1_500 + 1_150 * blocks)


def _affine(node: Node) -> int:
    rows = -(-node.n // node.cols)
    packed = node.shift and node.n >= 8 * rows and node.out_type < ElementType.I64
    near = all(
        not operand.present or (operand.type >= ElementType.I32 and operand.col <= 1) for operand in node.operands
    )
    if packed and near and node.b.type <= ElementType.I32:
        return 190 * node.n + 3_200 * rows
    return 330 * node.n + 700 * rows


def _each(gas: int) -> Callable[[Node], int]:
    return lambda node: gas * node.n + 700 * -(-node.n // node.cols)


def _row(gas: int) -> Callable[[Node], int]:
    return lambda node: node.n * (350 + gas * node.k) + 700 * -(-node.n // node.cols)


_COSTS: dict[Op, Callable[[Node], int]] = {
    Op.MATMUL: _matmul,
    Op.AFFINE: _affine,
    Op.TABLE: _each(280),
    Op.SELECT: _each(330),
    Op.GATHER: _each(220),
    Op.SUM: _row(90),
    Op.MAX: _row(110),
    Op.ARGMAX: _row(110),
}
"""Upper estimates, checked against the contract by tests/differential/test_native_evm.py."""
