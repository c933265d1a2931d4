"""Registries and anchors on an EVM chain, and what a chain of one's own can do besides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from concordat.chain.accounts import Signer, development_accounts
from concordat.chain.answers import quantity
from concordat.chain.anvil import AnvilNode
from concordat.chain.contracts import contract
from concordat.chain.deployment import Deployment
from concordat.chain.ledger import EvmLedger
from concordat.chain.logs import block_times
from concordat.chain.rpc import Endpoint
from concordat.client.caller import Caller
from concordat.client.effect_ledger import EffectLedger
from concordat.client.effects_evm import EvmEffects
from concordat.client.keyring import Keyring
from concordat.client.registry import ArtifactLedger
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import ConfigurationError, NotFoundError
from concordat.primitives.units import Address, Amount, Bytes32, ModelId, Seconds, Timestamp, usd
from concordat.protocol.artifact import ArtifactKind, ModelCommitment
from concordat.protocol.messages import Deposit
from concordat.protocol.registry import Registration
from concordat.protocol.verification import AnchoredRoot

__all__ = ["GIFT", "DevelopmentChain", "EvmAnchors", "EvmArtifacts", "is_development", "log_id", "top_up_stake"]

CHUNK_BYTES = 24_575
"""Most bytes of a native form in one data contract."""
DEVELOPMENT_CHAINS = frozenset({31337, 1337})
"""Chain ids of Anvil, Hardhat and Ganache."""
GIFT: Amount = usd("10000")
"""Tokens that a new account of a chain of one's own gets."""
GAS_MONEY = 10**20
"""Wei that a development account gets."""


def is_development(chain_id: int) -> bool:
    """Whether a chain is somebody's own, where keys may be public and tokens free."""
    return chain_id in DEVELOPMENT_CHAINS


def log_id(owner: Address) -> Bytes32:
    """Id of an account's log in the `Checkpoints` contract."""
    return Bytes32(owner.rjust(32, b"\0"))


def top_up_stake(ledger: EvmLedger, account: Address, amount: Amount) -> None:
    """Move an account's tokens into the vault until that much is free there."""
    missing = amount - ledger.balance(account).free
    if missing > 0:
        ledger.send(Deposit(amount=Amount(missing)), sender=account)


class EvmArtifacts:
    """Registry of artifacts in the `Artifacts` contract (`ArtifactLedger`)."""

    def __init__(self, ledger: EvmLedger, keyring: Keyring) -> None:
        self._keyring = keyring
        self._artifacts = Caller(ledger, "Artifacts", ledger.deployment.artifacts)
        self._native = Caller(ledger, "NativeExecutor", ledger.deployment.native)
        self._with_native: set[ModelId] = set()

    def register_model(
        self, commitment: ModelCommitment, parents: Sequence[bytes], *, royalty: int, uri: str, sender: Address
    ) -> None:
        """Register a model under the hash of its commitment."""
        self._artifacts.send(self._signer(sender), "registerModel", commitment, list(parents), royalty, uri)

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
        signer = self._signer(sender)
        self._artifacts.send(signer, "registerArtifact", int(kind), manifest_digest, list(parents), royalty, uri)

    def entry(self, artifact: bytes) -> Registration:
        """What is registered under an id."""
        for entry in self.entries():
            if entry.id == artifact:
                return entry
        raise NotFoundError(f"No artifact {to_hex(artifact)} is registered.", code="UnknownArtifact")

    def entries(self) -> list[Registration]:
        """Everything, in order of registration."""
        return [self._entry(values, quantity(log["blockNumber"])) for values, log in self._artifacts.logs("Registered")]

    def _entry(self, values: dict[str, Any], block: int) -> Registration:
        return Registration(
            id=Bytes32(values["id"]),
            kind=ArtifactKind(values["kind"]),
            owner=Address(self._artifacts.read("ownerOf", int.from_bytes(values["id"], "big"))),
            parents=tuple(Bytes32(parent) for parent in values["parents"]),
            manifest_digest=Bytes32(values["manifest_digest"]),
            royalty=values["royalty_bps"],
            uri=values["uri"],
            block=block,
        )

    def publish_native(self, commitment: ModelCommitment, native: bytes, *, sender: Address) -> None:
        """Put a model's native form on chain."""
        chunks = [native[i : i + CHUNK_BYTES] for i in range(0, len(native), CHUNK_BYTES)]
        self._native.send(self._signer(sender), "publish", commitment, chunks)

    def has_native(self, model: ModelId) -> bool:
        """Whether the contract can run that model; once it can, it always can."""
        if model not in self._with_native and self._native.read("chunks", model):
            self._with_native.add(model)
        return model in self._with_native

    def _signer(self, address: Address) -> Signer:
        return self._keyring.signers()[address]


class EvmAnchors:
    """A log's checkpoints in the `Checkpoints` contract.

    Parameters
    ----------
    ledger : EvmLedger
        The chain.
    log : bytes
        The log's id there: the address of its owner as a word (:func:`log_id`). Others may post what they like.
    owner : Signer, optional
        Who can post.
    """

    def __init__(self, ledger: EvmLedger, log: Bytes32, owner: Signer | None = None) -> None:
        self._ledger, self._log, self._owner = ledger, log, owner
        self._checkpoints = Caller(ledger, "Checkpoints", ledger.deployment.checkpoints)

    def anchor(self, size: int, root: bytes) -> None:
        """Post a checkpoint."""
        if self._owner is None:
            raise ConfigurationError("Nobody here owns the log.", code="NoAccount")
        self._checkpoints.send(self._owner, "post", size, root)

    def anchors(self) -> list[AnchoredRoot]:
        """Checkpoints posted so far, oldest first."""
        found = [item for item in self._checkpoints.logs("Posted") if item[0]["log"] == self._log]
        times = block_times(self._ledger.endpoint, [log for _, log in found])
        return [
            AnchoredRoot(
                contract=self._checkpoints.address,
                log=Bytes32(values["log"]),
                size=values["size"],
                root=Bytes32(values["root"]),
                time=Timestamp(times[log["blockNumber"]]),
            )
            for values, log in found
        ]


class DevelopmentChain:
    """A backend for embedded markets on a development chain (`concordat.node.embedded.Backend`).

    Parameters
    ----------
    endpoint : Endpoint
        Of a development chain.
    deployment : Deployment
        The market on it.
    keyring : Keyring
        Whose accounts send transactions; new ones are funded.
    node : AnvilNode, optional
        Ended with this.
    follows : DevelopmentChain, optional
        The version of the market before this one, for the same accounts.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        deployment: Deployment,
        keyring: Keyring,
        *,
        node: AnvilNode | None = None,
        follows: DevelopmentChain | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.ledger = EvmLedger(endpoint, deployment)
        self.artifacts: ArtifactLedger = EvmArtifacts(self.ledger, keyring)
        self.effects: EffectLedger = EvmEffects(self.ledger, keyring)
        self._node = node
        self._minter = development_accounts(1)[0]
        self._follows = follows
        for signer in keyring.signers().values():
            self.ledger.add(signer)
        keyring.on_new = lambda signer: self.welcome(signer, GIFT)
        owner = keyring.signer("keeper")
        self._anchors = EvmAnchors(self.ledger, log_id(owner.address), owner)

    @property
    def checkpoints(self) -> Address | None:
        """Contract in which checkpoints are posted."""
        return self.ledger.deployment.checkpoints

    def welcome(self, signer: Signer, tokens: Amount) -> None:
        """Let an account send transactions, and give it ether and tokens if it has none."""
        self.add(signer)
        if self.ledger.token_balance(signer.address) or self.ledger.balance(signer.address).free:
            return
        self.endpoint.call("anvil_setBalance", to_hex(signer.address), hex(GAS_MONEY))
        self.fund(signer.address, tokens)

    def add(self, signer: Signer) -> None:
        """Let an account send transactions to this version of the market and those before."""
        self.ledger.add(signer)
        if self._follows is not None:
            self._follows.add(signer)

    def fund(self, account: Address, tokens: Amount) -> None:
        """Mint settlement tokens."""
        data = contract("DevToken").call("mint", account, tokens)
        self.ledger.sender.send(self._minter, self.ledger.deployment.token, data)

    def stake(self, account: Address, amount: Amount) -> None:
        """Move an account's tokens into the vault, up to the amount."""
        top_up_stake(self.ledger, account, amount)

    def advance(self, seconds: Seconds) -> None:
        """Let time pass, and mine a block."""
        self.endpoint.call("evm_increaseTime", seconds)
        self.endpoint.call("evm_mine")

    def anchor(self, size: int, root: bytes) -> None:
        """Post the log's checkpoint."""
        self._anchors.anchor(size, root)

    def anchors(self) -> list[AnchoredRoot]:
        """Checkpoints posted so far."""
        return self._anchors.anchors()

    def close(self) -> None:
        """End the chain if it was started for this."""
        if self._node is not None:
            self._node.stop()
