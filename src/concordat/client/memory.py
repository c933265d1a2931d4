"""What stands in for contracts and disks on ``memory://``: the same rules, nothing kept."""

from __future__ import annotations

from collections.abc import Sequence

from concordat.client.public import PublicData
from concordat.client.registry import ArtifactLedger, Entry
from concordat.graph.execute import run
from concordat.graph.ir import Graph
from concordat.graph.judge import GraphJudge
from concordat.primitives.encoding import abi_words
from concordat.primitives.errors import InputError, NotFoundError
from concordat.primitives.hashing import keccak256, sha256
from concordat.primitives.units import Address, Amount, Bytes32, ModelId, OrderId, Seconds
from concordat.protocol.artifact import ArtifactKind, ModelCommitment
from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.execution import input_root
from concordat.protocol.ledger import Parameters
from concordat.protocol.memory import MemoryLedger
from concordat.protocol.messages import Deposit
from concordat.protocol.order import Order
from concordat.protocol.verification import AnchoredRoot

__all__ = ["MemoryArtifacts", "MemoryChain", "MemoryContent", "NativeModule"]


class NativeModule:
    """Runs whole models, as `NativeExecutor.sol` does."""

    def __init__(self, public: PublicData) -> None:
        self._public = public
        self._graphs: dict[bytes, Graph] = {}

    def publish(self, model: ModelId) -> None:
        """Let a published model be run here."""
        self._graphs[model] = self._public.graph(model)

    def has(self, model: ModelId) -> bool:
        """Whether a model can be run here."""
        return model in self._graphs

    def verify(self, order_id: OrderId, order: Order, output: bytes, proof: bytes) -> bool:
        """Whether the model says `output` on the input that `proof` opens."""
        graph = self._graphs.get(order.model)
        if graph is None:
            return False
        try:
            words, salt = proof[:-32], proof[-32:]  # as `encode_native_proof` lays them out
            opened = input_root(words, salt, graph.input_depth) == order.input
        except InputError:
            return False
        return opened and run(graph, words).output == output


class MemoryArtifacts:
    """Registry of artifacts in memory (`ArtifactLedger`)."""

    def __init__(self, native: NativeModule) -> None:
        self._native = native
        self._entries: dict[bytes, Entry] = {}

    def register_model(
        self, commitment: ModelCommitment, parents: Sequence[bytes], *, royalty: int, uri: str, sender: Address
    ) -> None:
        """Register a model under the hash of its commitment."""
        self._add(commitment.model_id(), ArtifactKind.MODEL, commitment.manifest_digest, parents, sender)

    def register(
        self,
        kind: ArtifactKind,
        manifest_digest: bytes,
        parents: Sequence[bytes],
        *,
        royalty: int,
        uri: str,
        sender: Address,
    ) -> Bytes32:
        """Register anything else."""
        name = self.artifact_id(kind, manifest_digest)
        self._add(name, kind, manifest_digest, parents, sender)
        return name

    def artifact_id(self, kind: ArtifactKind, manifest_digest: bytes) -> Bytes32:
        """``keccak256(abi.encode(kind, manifestDigest))``."""
        return keccak256(abi_words(kind, manifest_digest))

    def _add(self, name: bytes, kind: ArtifactKind, digest: bytes, parents: Sequence[bytes], sender: Address) -> None:
        for parent in parents:
            self.entry(parent)
        if name in self._entries:
            raise InputError("This artifact is registered already.", code="AlreadyRegistered")
        self._entries[name] = Entry(
            id=Bytes32(name),
            kind=kind,
            owner=sender,
            parents=tuple(Bytes32(parent) for parent in parents),
            manifest_digest=Bytes32(digest),
        )

    def entry(self, artifact: bytes) -> Entry:
        """What is registered under an id."""
        if artifact not in self._entries:
            raise NotFoundError(f"No artifact 0x{artifact.hex()} is registered.", code="UnknownArtifact")
        return self._entries[artifact]

    def entries(self) -> list[Entry]:
        """Everything, in order of registration."""
        return list(self._entries.values())

    def publish_native(self, commitment: ModelCommitment, native: bytes, *, sender: Address) -> None:
        """Let a registered model be run by the ledger."""
        self._native.publish(commitment.model_id())

    def has_native(self, model: ModelId) -> bool:
        """Whether the ledger can run that model."""
        return self._native.has(model)


class MemoryContent:
    """A content store that forgets (`ContentStore`)."""

    def __init__(self) -> None:
        self._blobs: dict[bytes, bytes] = {}

    def put(self, data: bytes) -> Bytes32:
        """Keep `data`; returns its SHA-256."""
        digest = sha256(data)
        self._blobs[digest] = data
        return digest

    def get(self, digest: bytes) -> bytes:
        """Bytes with that SHA-256."""
        return self.get_named(digest)

    def has(self, digest: bytes) -> bool:
        """Whether there are any."""
        return digest in self._blobs

    def put_named(self, key: bytes, data: bytes) -> None:
        """Keep `data` under a 32-byte name."""
        self._blobs[key] = data

    def get_named(self, key: bytes) -> bytes:
        """What was kept under a name."""
        if key not in self._blobs:
            raise NotFoundError(f"Nothing is kept under 0x{key.hex()}.", code="ContentMissing")
        return self._blobs[key]


class MemoryChain:
    """A backend for embedded markets without any chain (`concordat.node.embedded.Backend`)."""

    def __init__(self, parameters: Parameters | None = None) -> None:
        self.content = MemoryContent()
        native = NativeModule(PublicData(self.content))
        self.ledger = MemoryLedger(judge=GraphJudge(), modules={EvidenceKind.NATIVE: native}, parameters=parameters)
        self.artifacts: ArtifactLedger = MemoryArtifacts(native)

    @property
    def checkpoints(self) -> Address | None:
        """There is no contract."""
        return None

    def welcome(self, account: Address, tokens: Amount) -> None:
        """Give an account tokens if it has none."""
        if not self.ledger.token_balance(account):
            self.fund(account, tokens)

    def fund(self, account: Address, tokens: Amount) -> None:
        """Give an account settlement tokens."""
        self.ledger.mint(account, tokens)

    def stake(self, account: Address, amount: Amount) -> None:
        """Move an account's tokens into the vault."""
        self.ledger.send(Deposit(amount=amount), sender=account)

    def advance(self, seconds: Seconds) -> None:
        """Let time pass."""
        self.ledger.advance(seconds)

    def anchor(self, size: int, root: bytes) -> None:
        """There is nothing to post to."""

    def anchors(self) -> list[AnchoredRoot]:
        """None."""
        return []

    def close(self) -> None:
        """Nothing is kept."""
