"""Commitments to blobs and proofs about them: the library c-kzg-4844 with the setup of Ethereum's ceremony.

Both come with ``concordat[blobs]`` and are loaded when first needed, which takes two seconds. Nothing else of the
platform needs them.

References
----------
EIP-4844 (blobs, their commitments and proofs), EIP-7594 (proofs of their cells).
"""

from __future__ import annotations

import importlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from concordat.chain.blobs import versioned_hash
from concordat.primitives.errors import ConfigurationError, VerificationError

__all__ = [
    "CELLS",
    "blob_proof",
    "can_make_blobs",
    "cell_proofs",
    "check_blob",
    "commitment_to",
    "point_proof",
]

CELLS = 128
"""Cells of a blob, each with a proof of its own (EIP-7594)."""
_SETUP = Path("typed_transactions") / "blob_transactions" / "kzg_trusted_setup.txt"


def can_make_blobs() -> bool:
    """Whether the library and the setup are installed."""
    return find_spec("ckzg") is not None and _setup_file() is not None


def commitment_to(blob: bytes) -> bytes:
    """A blob's commitment, 48 bytes.

    Raises
    ------
    VerificationError
        If the bytes are no blob: 4,096 numbers below the group's order.
    ConfigurationError
        If ``concordat[blobs]`` is not installed; so for all functions here.
    """
    return bytes(_about("blob_to_kzg_commitment", blob))


def blob_proof(blob: bytes, commitment: bytes) -> bytes:
    """Proof that a blob has its commitment, as transactions carry it since EIP-4844; errors as above."""
    return bytes(_about("compute_blob_kzg_proof", blob, commitment))


def cell_proofs(blob: bytes) -> tuple[bytes, ...]:
    """Proofs of a blob's cells, as transactions carry them since EIP-7594; errors as above."""
    return tuple(bytes(proof) for proof in _about("compute_cells_and_kzg_proofs", blob)[1])


def point_proof(blob: bytes, point: bytes) -> bytes:
    """Proof of the value of a blob's polynomial at a point, as the precompile 0x0A takes it; errors as above."""
    return bytes(_about("compute_kzg_proof", blob, point)[0])


def check_blob(blob: bytes, versioned: bytes) -> None:
    """Raise ``BlobCorrupt`` unless a blob is the one that a transaction named; errors as above."""
    if versioned_hash(commitment_to(blob)) != versioned:
        raise _corrupt()


def _about(function: str, blob: bytes, *arguments: bytes) -> Any:
    library, setup = _loaded()
    try:
        return getattr(library, function)(blob, *arguments, setup)
    except (RuntimeError, ValueError) as error:
        raise _corrupt() from error


def _corrupt() -> VerificationError:
    return VerificationError("These bytes are not the blob.", code="BlobCorrupt")


@cache
def _loaded() -> tuple[Any, Any]:
    file = _setup_file()
    try:
        library = importlib.import_module("ckzg")
        return library, library.load_trusted_setup(str(file), 0)
    except (ImportError, RuntimeError) as error:
        raise ConfigurationError(
            "Blobs need the packages ckzg and eth-account.", code="NoBlobLibrary", hint="Install concordat[blobs]."
        ) from error


def _setup_file() -> Path | None:
    """Where eth-account has the setup, without importing it."""
    spec = find_spec("eth_account")
    file = Path(spec.origin).parent / _SETUP if spec is not None and spec.origin else None
    return file if file is not None and file.is_file() else None
