"""Committed weights on disk, so that a provider that restarts need not commit them again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from concordat.primitives.errors import StorageError
from concordat.storage.files import write_file
from concordat.zk.parameters import Parameters
from concordat.zk.prover import Weights, weights_of_words, words_of_weights
from concordat.zk.relation import Relation

__all__ = ["open_weights", "save_weights"]


def save_weights(path: Path, weights: Weights) -> None:
    """Write a commitment durably, for its owner's eyes only: it holds the weights and what hides them.

    Raises
    ------
    StorageError
        If the disk refuses; a file that was there before still is.
    """
    words = np.ascontiguousarray(words_of_weights(weights), dtype="<u8")
    write_file(path, words.data.cast("B"))


def open_weights(path: Path, relation: Relation, parameters: Parameters) -> Weights:
    """Map a commitment: of its code words only the columns that a proof opens are ever read.

    Raises
    ------
    StorageError
        If there is no such file.
    ModelError
        If it belongs to another relation or other parameters, or is damaged.
    """
    try:
        words = np.memmap(path, dtype="<u8", mode="r")
    except (OSError, ValueError) as error:
        raise StorageError(
            f"{path} cannot be read as committed weights.",
            code="Unreadable",
            hint="Commit the model again with concordat.zk.prover.commit_weights and save it.",
        ) from error
    return weights_of_words(relation, parameters, words)
