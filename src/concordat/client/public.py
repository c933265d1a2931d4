"""Data that anybody may read: programs, manifests, disclosed inputs and traces, each under the commitment it opens.

Whatever is read is checked against its key before it is used, so it does not matter who keeps the store.
"""

from __future__ import annotations

import json

from concordat.client.offer import InputOpening
from concordat.graph.ir import Graph
from concordat.graph.trace import trace_tree
from concordat.primitives.errors import ConcordatError, CorruptionError, NotFoundError
from concordat.primitives.hashing import keccak256, sha256
from concordat.primitives.merkle import MerkleTree
from concordat.primitives.units import Bytes32, ModelId
from concordat.primitives.wire import from_wire, to_wire
from concordat.protocol.artifact import ModelCommitment
from concordat.protocol.record import RecordSalts
from concordat.storage.content import ContentStore

__all__ = ["PublicData"]


class PublicData:
    """Typed, checked access to a store of public data."""

    def __init__(self, store: ContentStore) -> None:
        self._store = store

    def put_model(self, commitment: ModelCommitment, graph: Graph, manifest: bytes) -> ModelId:
        """Publish a program with its commitment and manifest; returns its id."""
        model = commitment.model_id()
        self._store.put_named(_name(b"program", model), graph.to_bytes())
        self._store.put_named(_name(b"manifest", model), manifest)
        self._store.put_named(_name(b"commitment", model), json.dumps(to_wire(commitment), sort_keys=True).encode())
        return model

    def commitment(self, model: bytes) -> ModelCommitment:
        """The commitment that a model id is the hash of."""
        value = from_wire(ModelCommitment, json.loads(self._store.get_named(_name(b"commitment", model))))
        if value.model_id() != model:
            raise _corrupt("commitment", model)
        return value

    def graph(self, model: bytes) -> Graph:
        """The program of a model."""
        commitment = self.commitment(model)
        graph = Graph.from_bytes(self._store.get_named(_name(b"program", model)))
        if graph.commitment(commitment.manifest_digest, commitment.native_digest) != commitment:
            raise _corrupt("program", model)
        return graph

    def manifest(self, model: bytes) -> bytes:
        """The canonical manifest of a model."""
        return self.any_manifest(model, self.commitment(model).manifest_digest)

    def put_manifest(self, artifact: bytes, manifest: bytes) -> None:
        """Publish the manifest of anything but a model."""
        self._store.put_named(_name(b"manifest", artifact), manifest)

    def any_manifest(self, artifact: bytes, digest: bytes) -> bytes:
        """The manifest of an artifact whose manifest digest is known."""
        data = self._store.get_named(_name(b"manifest", artifact))
        if sha256(data) != digest:
            raise _corrupt("manifest", artifact)
        return data

    def put_opening(self, root: bytes, opening: InputOpening) -> None:
        """Disclose an input to watchers: the client has signed that it may become public."""
        self._store.put_named(_name(b"input", root), json.dumps(to_wire(opening), sort_keys=True).encode())

    def opening(self, root: bytes, depth: int) -> InputOpening:
        """The disclosed input behind a root."""
        data = self._store.get_named(_name(b"input", root))
        try:
            value = from_wire(InputOpening, json.loads(data))
            value.check(root, depth)
        except (ConcordatError, ValueError) as error:
            raise _corrupt("input", root) from error
        return value

    def put_salts(self, order: bytes, salts: RecordSalts) -> None:
        """Disclose the salts of a record whose output is public anyway."""
        self._store.put_named(_name(b"salts", order), json.dumps(to_wire(salts), sort_keys=True).encode())

    def salts(self, order: bytes) -> RecordSalts:
        """The salts of an order's record; they are right if they open it."""
        return from_wire(RecordSalts, json.loads(self._store.get_named(_name(b"salts", order))))

    def put_trace(self, root: bytes, trace: bytes) -> None:
        """Publish the memory of an execution."""
        self._store.put_named(_name(b"trace", root), trace)

    def trace(self, root: bytes, graph: Graph) -> tuple[bytes, MerkleTree]:
        """The claimed memory behind a trace root, with its tree; `NotFoundError` if withheld or not what it claims."""
        data = self._store.get_named(_name(b"trace", root))
        if len(data) % 32 or len(data) > 32 << graph.trace_depth:
            raise _withheld(root)
        tree = trace_tree(graph, data)
        if tree.root != root:
            raise _withheld(root)
        return data, tree


def _name(kind: bytes, key: bytes) -> Bytes32:
    return keccak256(kind + b":" + key)


def _corrupt(what: str, key: bytes) -> CorruptionError:
    return CorruptionError(
        f"The public {what} under 0x{key.hex()} does not open it.",
        code="PublicDataCorrupt",
        hint="Ask another holder of the public data, or the publisher.",
    )


def _withheld(root: bytes) -> NotFoundError:
    return NotFoundError(f"No trace opens 0x{root.hex()}.", code="TraceWithheld")
