"""Data that anybody may read: programs, manifests, disclosed inputs and traces, each under the commitment it opens.

Whatever is read is checked against its key before it is used or kept, so it does not matter who holds it: a holder can
withhold, but not deceive.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from concordat.client.offer import InputOpening
from concordat.graph.ir import Graph
from concordat.graph.trace import trace_tree
from concordat.primitives.errors import ConcordatError, CorruptionError, NotFoundError
from concordat.primitives.hashing import keccak256, sha256
from concordat.primitives.merkle import MerkleTree
from concordat.primitives.units import Bytes32, ModelId
from concordat.primitives.wire import from_wire, parse_json, to_wire
from concordat.protocol.artifact import Dimensions, ModelCommitment
from concordat.protocol.demand import opens_output
from concordat.protocol.messages import Opening
from concordat.protocol.record import RecordSalts
from concordat.storage.content import ContentStore
from concordat.zk.hidden import Answer, HiddenModel
from concordat.zk.relation import Relation
from concordat.zk.rotation import Rotation

__all__ = ["Holder", "PublicData", "hidden_model", "input_entry", "put_rotation", "rotation_to"]

Value = TypeVar("Value")
Holder = Callable[[bytes], bytes | None]
"""Somebody else's public data: bytes under a 32-byte name, ``None`` if he has none."""


class PublicData:
    """Typed, checked access to public data.

    Parameters
    ----------
    store : ContentStore
        What is kept here.
    holders : callable
        Whom to ask for what is not here.
    """

    def __init__(self, store: ContentStore, holders: Callable[[], Iterable[Holder]] = tuple) -> None:
        self._store = store
        self._holders = holders

    # -- artifacts ---------------------------------------------------------------------------------------------------

    def put_model(self, commitment: ModelCommitment, program: Graph | HiddenModel, manifest: bytes) -> ModelId:
        """Publish a program, or what everybody gets of a hidden one, with commitment and manifest; returns its id."""
        model = commitment.model_id()
        self._put(b"program", model, program.encode() if isinstance(program, HiddenModel) else program.to_bytes())
        self._put(b"manifest", model, manifest)
        self._put(b"commitment", model, _json(commitment))
        return model

    def commitment(self, model: bytes) -> ModelCommitment:
        """The commitment that a model id is the hash of."""

        def read(data: bytes) -> ModelCommitment:
            value = from_wire(ModelCommitment, parse_json(data))
            _require(value.model_id() == model)
            return value

        return self._open(b"commitment", model, read)

    def graph(self, model: bytes) -> Graph:
        """The program of a model; `NotFoundError` ``HiddenProgram`` if nobody is to see it."""
        commitment = self.commitment(model)
        if commitment.hidden:
            raise NotFoundError("The model is hidden: its program is not public.", code="HiddenProgram")

        def read(data: bytes) -> Graph:
            graph = Graph.from_bytes(data)
            _require(graph.commitment(commitment.manifest_digest, commitment.native_digest) == commitment)
            return graph

        return self._open(b"program", model, read)

    def manifest(self, model: bytes) -> bytes:
        """The canonical manifest of a model."""
        return self.any_manifest(model, self.commitment(model).manifest_digest)

    def put_manifest(self, artifact: bytes, manifest: bytes) -> None:
        """Publish the manifest of anything but a model."""
        self._put(b"manifest", artifact, manifest)

    def any_manifest(self, artifact: bytes, digest: bytes) -> bytes:
        """The manifest of an artifact whose manifest digest is known."""

        def read(data: bytes) -> bytes:
            _require(sha256(data) == digest)
            return data

        return self._open(b"manifest", artifact, read)

    # -- orders ------------------------------------------------------------------------------------------------------

    def put_opening(self, root: bytes, opening: InputOpening) -> None:
        """Disclose an input to watchers: the client has signed that it may become public."""
        self._put(b"input", root, _json(opening))

    def opening(self, root: bytes, depth: int) -> InputOpening:
        """The disclosed input behind a root."""

        def read(data: bytes) -> InputOpening:
            value = from_wire(InputOpening, parse_json(data))
            value.check(root, depth)
            return value

        return self._open(b"input", root, read)

    def put_salts(self, order: bytes, salts: RecordSalts) -> None:
        """Disclose the salts of a record whose output is public anyway."""
        self._put(b"salts", order, _json(salts))

    def salts(self, order: bytes, opens: Callable[[RecordSalts], bool]) -> RecordSalts:
        """The salts of an order's record: those with which `opens` is content."""

        def read(data: bytes) -> RecordSalts:
            value = from_wire(RecordSalts, parse_json(data))
            _require(opens(value))
            return value

        return self._open(b"salts", order, read)

    def put_trace(self, root: bytes, trace: bytes) -> None:
        """Publish the memory of an execution."""
        self._put(b"trace", root, trace)

    def trace(self, root: bytes, graph: Graph) -> tuple[bytes, MerkleTree]:
        """The claimed memory behind a trace root, with its tree; `NotFoundError` if withheld or not what it claims."""

        def read(data: bytes) -> tuple[bytes, MerkleTree]:
            tree = trace_tree(graph, data)
            _require(tree.root == root)
            return data, tree

        try:
            return self._open(b"trace", root, read)
        except CorruptionError as error:
            raise NotFoundError(f"No trace opens 0x{root.hex()}.", code="TraceWithheld") from error

    @property
    def answers(self) -> Answers:
        """Outputs that no submission has room for."""
        return Answers(self)

    def forget(self, order: bytes) -> None:
        """Delete what is kept here about one order: its salts, and what was left sealed."""
        for kind in (b"salts", b"sealed"):
            self._store.erase_named(_name(kind, order))

    # -- names -------------------------------------------------------------------------------------------------------

    def named(self, name: bytes) -> bytes | None:
        """Raw bytes for other holders' readers, only from here."""
        try:
            return self._store.get_named(name)
        except NotFoundError:
            return None

    def _put(self, kind: bytes, key: bytes, data: bytes) -> None:
        self._store.put_named(_name(kind, key), data)

    def _open(self, kind: bytes, key: bytes, read: Callable[[bytes], Value]) -> Value:
        """What is kept here if it opens its key, else the first of other people's that does."""
        name, found = _name(kind, key), False
        for data in self._candidates(name):
            found = True
            try:
                value = read(data)
            except (ConcordatError, ValueError, RecursionError):
                continue
            if self.named(name) != data:
                self._store.put_named(name, data)
            return value
        what = f"public {kind.decode()} 0x{key.hex()}"
        if found:
            raise CorruptionError(f"What is kept as {what} does not open it.", code="PublicDataCorrupt", hint=_HINT)
        raise NotFoundError(f"Nobody here has the {what}.", code="PublicDataMissing", hint=_HINT)

    def _candidates(self, name: bytes) -> Iterable[bytes]:
        own = self.named(name)
        if own is not None:
            yield own
        for holder in self._holders():
            theirs = holder(name)
            if theirs is not None:
                yield theirs


def input_entry(root: bytes, opening: InputOpening) -> tuple[Bytes32, bytes]:
    """Name and bytes under which a disclosed input is kept, for holders who know it from elsewhere."""
    return _name(b"input", root), _json(opening)


def hidden_model(public: PublicData, model: bytes) -> HiddenModel:
    """What everybody gets of a hidden model; all that has to be shown of it once is checked. Errors as for programs."""
    commitment = public.commitment(model)

    def read(data: bytes) -> HiddenModel:
        hidden = HiddenModel.decode(data)
        _require(hidden.commitment(commitment.manifest_digest) == commitment)
        hidden.check()
        return hidden

    return public._open(b"program", model, read)


def put_rotation(public: PublicData, model: bytes, rotation: Rotation) -> None:
    """Publish what shows that a hidden model holds the weights of the one that it renews."""
    public._put(b"rotation", model, rotation.pack())


def rotation_to(public: PublicData, model: bytes, relation: Relation, check: Callable[[Rotation], None]) -> Rotation:
    """What shows that a hidden model holds the weights of the one that it renews: the first that `check` lets pass."""

    def read(data: bytes) -> Rotation:
        rotation = Rotation.unpack(relation, data)
        check(rotation)
        return rotation

    return public._open(b"rotation", model, read)


class Answers:
    """Outputs that no submission has room for, in plain or sealed for one reader; and the proofs of others."""

    def __init__(self, public: PublicData) -> None:
        self._public = public

    def put(self, root: bytes, output: Opening) -> None:
        """Publish an output that is too large for a submission, opened against the trace root that was delivered."""
        self._public._put(b"output", root, b"".join([*output.words, *output.path]))

    def get(self, root: bytes, model: bytes) -> Opening:
        """The output behind a delivered trace root; `NotFoundError` if nobody shows it: then demand it."""
        commitment = self._public.commitment(model)
        words = Dimensions.unpack(commitment.dimensions).output_leaves

        def read(data: bytes) -> Opening:
            parts = tuple(Bytes32(data[i : i + 32]) for i in range(0, len(data), 32))
            value = Opening(words=parts[:words], path=parts[words:])
            _require(opens_output(commitment, root, value))
            return value

        return self._public._open(b"output", root, read)

    def put_proof(self, order: bytes, answer: Answer) -> None:
        """Publish the proof of what a hidden model said: it shows nothing else."""
        self._public._put(b"answer", order, answer.encode())

    def proof(self, order: bytes, holds: Callable[[Answer], bool]) -> Answer:
        """The proof of an order's output: the first with which `holds` is content."""

        def read(data: bytes) -> Answer:
            value = Answer.decode(data)
            _require(holds(value))
            return value

        return self._public._open(b"answer", order, read)

    def put_sealed(self, order: bytes, sealed: bytes) -> None:
        """Leave an output that only the client can read where he finds it."""
        self._public._put(b"sealed", order, sealed)

    def sealed(self, order: bytes, read: Callable[[bytes], Value]) -> Value:
        """What was left sealed for an order: the first that `read` takes without an error."""
        return self._public._open(b"sealed", order, read)


_HINT = "Ask another holder of the public data, or the publisher."


def _name(kind: bytes, key: bytes) -> Bytes32:
    return keccak256(kind + b":" + key)


def _json(value: Any) -> bytes:
    return json.dumps(to_wire(value), sort_keys=True).encode()


def _require(opens: bool) -> None:
    if not opens:
        raise CorruptionError("These bytes do not open their key.", code="PublicDataCorrupt", hint=_HINT)
