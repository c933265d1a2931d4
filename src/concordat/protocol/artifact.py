"""What is published: content-addressed models, data sets, policies and agents, with manifest and lineage."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from concordat.primitives.encoding import ZERO32, abi_words, canonical_json
from concordat.primitives.hashing import keccak256, sha256
from concordat.primitives.units import Bytes32, ModelId

__all__ = ["HIDDEN", "ArtifactKind", "Dimensions", "Manifest", "ModelCommitment"]

HIDDEN = b"\x01"
"""Last byte of the dimensions of a hidden model, whose answers are proven: its roots are not those of Merkle trees."""


class ArtifactKind(IntEnum):
    """What an artifact is; the numbers are those in the registry contract."""

    DATASET = 1
    MODEL = 2
    POLICY = 3
    AGENT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimensions:
    """Shape of a model's four trees, packed into one word of its commitment."""

    program_depth: int
    """Depth of the tree of node descriptors, < 256."""
    weights_depth: int
    """Depth of the tree of weight words, < 256."""
    trace_depth: int
    """Depth of the tree of trace words, < 256."""
    input_depth: int
    """Depth of the salted input tree, < 256."""
    nodes: int
    """Number of descriptors, < 2**32."""
    output_start: int
    """Trace leaf at which the output begins."""
    output_leaves: int
    """Words of the output, at most 32 when it travels with the submission."""
    input_leaves: int
    """Words of the input."""

    def pack(self) -> Bytes32:
        """Four depths (u8), then nodes, output start, output leaves and input leaves (u32), then zeros."""
        return Bytes32(
            bytes([self.program_depth, self.weights_depth, self.trace_depth, self.input_depth])
            + b"".join(
                n.to_bytes(4, "big") for n in (self.nodes, self.output_start, self.output_leaves, self.input_leaves)
            )
            + bytes(12)
        )

    @classmethod
    def unpack(cls, word: bytes) -> Dimensions:
        """Inverse of :meth:`pack`."""
        n = [int.from_bytes(word[4 + 4 * i : 8 + 4 * i], "big") for i in range(4)]
        return cls(
            program_depth=word[0],
            weights_depth=word[1],
            trace_depth=word[2],
            input_depth=word[3],
            nodes=n[0],
            output_start=n[1],
            output_leaves=n[2],
            input_leaves=n[3],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCommitment:
    """What a model id is the hash of: enough for a court to judge one element of one execution."""

    program_root: Bytes32
    """Keccak Merkle root over the 192-byte node descriptors."""
    weights_root: Bytes32
    """Keccak Merkle root over the words of weights and tables."""
    dimensions: Bytes32
    """:meth:`Dimensions.pack`."""
    native_digest: Bytes32 = ZERO32
    """Keccak-256 of the model's native form (whole-model execution on chain); zero if it has none."""
    manifest_digest: Bytes32
    """SHA-256 of the canonical manifest."""

    @property
    def hidden(self) -> bool:
        """Whether nobody sees its program.

        Then ``programRoot`` is the SHA-256 of its relation for zero-knowledge proofs, ``weightsRoot`` the root of its
        hiding commitment, and ``nativeDigest`` the hash of version and parameters.
        """
        return self.dimensions[31:] == HIDDEN

    def model_id(self) -> ModelId:
        """``keccak256(abi.encode(programRoot, weightsRoot, dimensions, nativeDigest, manifestDigest))``."""
        return ModelId(
            keccak256(
                abi_words(
                    self.program_root,
                    self.weights_root,
                    self.dimensions,
                    self.native_digest,
                    self.manifest_digest,
                )
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What stands beside an artifact: canonical JSON, hashed with SHA-256, committed in its id."""

    kind: ArtifactKind
    """What it describes."""
    content: dict[str, Any]
    """``name``, ``version``, ``licence``, ``parents`` (ids), ``files`` (name to SHA-256), ``card``, ``schema`` …"""

    def encode(self) -> bytes:
        """Canonical JSON."""
        return canonical_json({"concordat": 1, "kind": self.kind.name.lower(), **self.content})

    def digest(self) -> Bytes32:
        """SHA-256 of :meth:`encode`."""
        return sha256(self.encode())
