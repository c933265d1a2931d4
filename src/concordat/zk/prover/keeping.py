"""Committed weights as words: the short form, from which the plain prover commits again.

Words are little-endian u64: a head of sixteen (magic, shape, sizes of the code, 0 for short, seed, root), for each row
whether it is wide, and the rows: four weights of 16 bits with a bias to a word, or one. The Rust twin writes a long
form, with code words and digests after the rows, and reads both.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from concordat.primitives.errors import ModelError
from concordat.zk.parameters import Parameters
from concordat.zk.prover.commit import CommittedWeights, KeptTree, commit_weights
from concordat.zk.prover.native import NativeWeights
from concordat.zk.prover.vector import from_ints, to_ints
from concordat.zk.relation import Relation

__all__ = ["opened", "plain", "words"]

_Words = npt.NDArray[np.uint64]
_MAGIC = int.from_bytes(b"CCZKWGT\x01", "little")
_HEAD = 16
_BIAS = 1 << 15


def words(weights: CommittedWeights) -> _Words:
    """The short form of a commitment."""
    height, length = weights.coefficients.shape
    tail, width = weights.tail, length - weights.tail
    signed = to_ints(weights.coefficients[:, :width])
    head = np.zeros(_HEAD, dtype="<u8")
    head[0], head[1], head[2] = _MAGIC, height | width << 32, tail | weights.tree.log_size << 32
    head[4:8] = np.frombuffer(weights.tree.seed, dtype="<u8")
    head[8:12] = np.frombuffer(weights.commitment.root, dtype="<u8")
    wide = [bool(row.min() < -_BIAS or row.max() >= _BIAS) for row in signed]
    rows = [row.astype(np.uint64) if is_wide else _packed(row) for row, is_wide in zip(signed, wide, strict=True)]
    return np.concatenate([head.astype(np.uint64), np.array(wide, dtype=np.uint64), *rows])


def opened(relation: Relation, parameters: Parameters, kept: _Words) -> CommittedWeights:
    """The commitment of either form.

    Raises
    ------
    ModelError
        If the words belong to another relation or other parameters, or are damaged.
    """
    rows, _ = _read(relation, parameters, kept)
    seed = np.array(kept[4:8], dtype="<u8").tobytes()
    made = commit_weights(relation, parameters, rows, seed)
    if made.commitment.root != np.array(kept[8:12], dtype="<u8").tobytes():
        raise _damaged()
    return made


def plain(relation: Relation, parameters: Parameters, weights: CommittedWeights | NativeWeights) -> CommittedWeights:
    """The plain twin's form of a commitment; the compiled twin's is looked at where it lies.

    Raises
    ------
    ModelError
        If the weights belong to another relation or other parameters.
    """
    if isinstance(weights, CommittedWeights):
        shape = (relation.weight_rows, relation.weight_width + parameters.weight_tail)
        if (weights.coefficients.shape, weights.tree.log_size) != (shape, parameters.weight_log_domain):
            raise _damaged()
        return weights
    kept = weights.words
    rows, at = _read(relation, parameters, kept)
    sizes = [len(rows) * parameters.weight_tail, len(rows) << parameters.weight_log_domain]
    tails, columns, digests = np.split(kept[at:], np.cumsum(sizes))
    tree = KeptTree(
        columns=columns.reshape(-1, len(rows)),
        digests=digests.reshape(-1, 4),
        log_size=parameters.weight_log_domain,
        seed=np.array(kept[4:8], dtype="<u8").tobytes(),
    )
    coefficients = np.concatenate([from_ints(rows), tails.reshape(len(rows), -1)], axis=1)
    return CommittedWeights(
        commitment=weights.commitment, coefficients=coefficients, tree=tree, tail=parameters.weight_tail
    )


def _read(relation: Relation, parameters: Parameters, kept: _Words) -> tuple[npt.NDArray[np.int64], int]:
    """The weights of either form, and where they end."""
    height, width = relation.weight_rows, relation.weight_width
    shape = [_MAGIC, height | width << 32, parameters.weight_tail | parameters.weight_log_domain << 32]
    if len(kept) < _HEAD + height or [int(n) for n in kept[:3]] != shape:
        raise _damaged()
    at, rows = _HEAD + height, []
    for wide in kept[_HEAD : _HEAD + height]:
        count = width if wide else -(-width // 4)
        row = np.array(kept[at : at + count], dtype="<u8")
        if len(row) != count:
            raise _damaged()
        rows.append(row.view("<i8") if wide else _unpacked(row)[:width])
        at += count
    return np.stack(rows).astype(np.int64), at


def _packed(row: npt.NDArray[np.int64]) -> _Words:
    padded = np.zeros(-(-len(row) // 4) * 4, dtype="<u2")
    padded[: len(row)] = row + _BIAS
    return padded.view("<u8").astype(np.uint64)


def _unpacked(row: _Words) -> npt.NDArray[np.int64]:
    return row.view("<u2").astype(np.int64) - _BIAS


def _damaged() -> ModelError:
    return ModelError(
        "The kept weights are damaged, or belong to another relation or other parameters.",
        code="BadWitness",
        hint="Commit the model again and register the new commitment.",
    )
