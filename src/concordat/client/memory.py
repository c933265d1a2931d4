"""What stands in for contracts and disks on ``memory://``: the same rules, nothing kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from concordat.client.effect_ledger import EffectLedger
from concordat.client.effects_memory import MemoryEffects
from concordat.client.public import PublicData
from concordat.client.registry import ArtifactLedger
from concordat.graph.execute import run
from concordat.graph.ir import Graph
from concordat.graph.judge import GraphJudge
from concordat.primitives.errors import InputError, ModelError, NotFoundError, VerificationError
from concordat.primitives.hashing import sha256
from concordat.primitives.units import Address, Amount, Bytes32, ModelId, OrderId, Seconds
from concordat.protocol.artifact import ArtifactKind, ModelCommitment
from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.execution import input_root
from concordat.protocol.ledger import Parameters
from concordat.protocol.memory import MemoryLedger
from concordat.protocol.messages import Deposit
from concordat.protocol.order import Domain, Order
from concordat.protocol.registry import Registration, RegistryState, register, register_model
from concordat.protocol.state import Call, EvidenceModule
from concordat.protocol.verification import AnchoredRoot
from concordat.zk.hidden import read_evidence
from concordat.zk.verification import verify as check_proof

__all__ = ["MemoryArtifacts", "MemoryChain", "MemoryContent", "NativeModule", "ValidityModule"]


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


class ValidityModule:
    """Checks zero-knowledge proofs, as `ValidityEvidence.sol` does."""

    def __init__(self, domain: Callable[[], Domain]) -> None:
        self._domain = domain

    def verify(self, order_id: OrderId, order: Order, output: bytes, proof: bytes) -> bool:
        """Whether the proof shows that the order's hidden model says `output` of the order's input."""
        try:
            model, commitment, answer = read_evidence(proof)
            statement = model.statement(order_id, order, self._domain(), output, answer)
            check_proof(statement, answer.proof)
        except (VerificationError, ModelError):
            return False
        return commitment.model_id() == order.model


class MemoryArtifacts:
    """Registry of artifacts in memory: the pure rules of `concordat.protocol.registry` (`ArtifactLedger`)."""

    def __init__(self, native: NativeModule, ledger: MemoryLedger) -> None:
        self._native = native
        self._ledger = ledger
        self._state = RegistryState()

    def register_model(
        self, commitment: ModelCommitment, parents: Sequence[bytes], *, royalty: int, uri: str, sender: Address
    ) -> None:
        """Register a model under the hash of its commitment."""
        self._state, _ = register_model(
            self._state, commitment, tuple(map(Bytes32, parents)), self._call(sender), royalty=royalty, uri=uri
        )

    def register(
        self,
        kind: ArtifactKind,
        manifest_digest: Bytes32,
        parents: Sequence[bytes],
        *,
        royalty: int,
        uri: str,
        sender: Address,
    ) -> None:
        """Register anything else."""
        self._state, _ = register(
            self._state,
            kind,
            manifest_digest,
            tuple(map(Bytes32, parents)),
            self._call(sender),
            royalty=royalty,
            uri=uri,
        )

    def _call(self, sender: Address) -> Call:
        return Call(sender=sender, now=self._ledger.now(), block=self._ledger.head())

    def entry(self, artifact: bytes) -> Registration:
        """What is registered under an id."""
        return self._state.entry(Bytes32(artifact))

    def entries(self) -> list[Registration]:
        """Everything, in order of registration."""
        return list(self._state.entries.values())

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

    def erase(self, digest: bytes) -> None:
        """Forget a blob."""
        self._blobs.pop(digest, None)

    def erase_named(self, key: bytes) -> None:
        """Forget what is under a name."""
        self._blobs.pop(key, None)

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
        modules: dict[EvidenceKind, EvidenceModule] = {
            EvidenceKind.NATIVE: native,
            EvidenceKind.VALIDITY: ValidityModule(lambda: self.ledger.domain),
        }
        self.ledger = MemoryLedger(judge=GraphJudge(), modules=modules, parameters=parameters)
        self.artifacts: ArtifactLedger = MemoryArtifacts(native, self.ledger)
        self.effects: EffectLedger = MemoryEffects(self.ledger)

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
