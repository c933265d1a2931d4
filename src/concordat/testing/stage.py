"""Actors, signatures and a toy model: what it takes to act out an order on any ledger."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from concordat.primitives.encoding import abi_words
from concordat.primitives.errors import VerificationError
from concordat.primitives.hashing import keccak256
from concordat.primitives.merkle import MerkleTree, leaf_hash, range_root
from concordat.primitives.signatures import (
    TokenDomain,
    address_of,
    cancel_digest,
    receive_authorization_digest,
    release_digest,
    sign_digest,
)
from concordat.primitives.units import Address, Amount, Bytes32, OrderId, Seconds, Timestamp
from concordat.protocol.artifact import Dimensions, ModelCommitment
from concordat.protocol.evidence import AnyOf, FraudProvable, Native, encode_policy
from concordat.protocol.execution import Result
from concordat.protocol.messages import ElementProof, Funding, FundingMode, Opening, OutputProof, ResultHeader
from concordat.protocol.order import Domain, Order, order_id
from concordat.protocol.refusals import require

__all__ = ["Actor", "Ladder", "Run", "Venue", "offer"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody with a key that anybody can derive; for development only."""

    name: str
    """What the key is derived from."""
    key: bytes = field(init=False, repr=False)
    """Private key, 32 bytes."""
    address: Address = field(init=False)
    """Account."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", keccak256(b"concordat actor " + self.name.encode()))
        object.__setattr__(self, "address", address_of(self.key))


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """Where signatures count: one market, its vault and its token."""

    domain: Domain
    """The market's."""
    token_domain: TokenDomain
    """The settlement token's."""
    vault: Address
    """Payee of authorisations."""

    def id_of(self, order: Order) -> OrderId:
        """The order's id here."""
        return order_id(order, self.domain)

    def authorization(self, order: Order, signer: Actor) -> Funding:
        """Funding by EIP-3009."""
        digest = receive_authorization_digest(
            self.token_domain,
            payer=order.client,
            payee=self.vault,
            value=order.price,
            valid_after=0,
            valid_before=order.accept_by + 1,
            nonce=self.id_of(order),
        )
        return Funding(mode=FundingMode.AUTHORIZATION, signature=sign_digest(signer.key, digest))

    def credit(self, order: Order, signer: Actor) -> Funding:
        """Funding from the client's free balance."""
        return Funding(mode=FundingMode.CREDIT, signature=sign_digest(signer.key, self.id_of(order)))

    def release(self, order: Order, signer: Actor) -> bytes:
        """Signature for `Release`."""
        return sign_digest(signer.key, release_digest(self.id_of(order), self.domain))

    def cancel(self, order: Order, signer: Actor) -> bytes:
        """Signature for `Cancel`."""
        return sign_digest(signer.key, cancel_digest(self.id_of(order), self.domain))


def offer(client: Actor, provider: Actor, model: ModelCommitment, *, now: Timestamp, **terms: Any) -> Order:
    """An order of $1, bond $4, 100 s to accept, 200 s to deliver, 300 s to challenge, unless `terms` say otherwise."""
    order = Order(
        client=client.address,
        provider=provider.address,
        price=Amount(1_000_000),
        bond=Amount(4_000_000),
        accept_by=Timestamp(now + 100),
        deliver_by=Timestamp(now + 200),
        window=Seconds(300),
        model=model.model_id(),
        input=keccak256(b"input"),
        evidence=encode_policy(AnyOf(Native(), FraudProvable())),
        salt=keccak256(b"salt"),
    )
    return replace(order, **terms)


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a `Ladder`, right or wrong."""

    tree: MerkleTree
    """Trace tree."""
    words: tuple[Bytes32, ...]
    """Trace words."""
    result: Result
    """What is delivered."""
    wrong: tuple[int, ...] = ()
    """Which words were spoilt."""
    evidence: bytes = b""
    """Proof for `EvidenceKind.NATIVE`: a ladder needs none."""

    @property
    def header(self) -> ResultHeader:
        """Opens the result's commitment."""
        return ResultHeader(trace_root=self.result.trace_root, output_hash=self.result.output_hash)

    def opening(self, index: int) -> Opening:
        """One trace word with its path."""
        return Opening(words=(self.words[index],), path=tuple(self.tree.prove_range(index, 1)))

    def element_proof(self, index: int) -> ElementProof:
        """Claims that one word is wrong."""
        return ElementProof(
            node=0, element=index, descriptor=bytes(192), descriptor_path=(), claimed=self.opening(index)
        )

    def output_proof(self) -> OutputProof:
        """Claims that the output is not the last word."""
        claimed = self.opening(len(self.words) - 1) if len(self.result.output) == 32 else Opening()
        return OutputProof(output=self.result.output, word=0, claimed=claimed)

    # -- Work (concordat.testing.conversation) -----------------------------------------------------------------------

    def suspect(self, dice: Random) -> int:
        """A wrong word, if there is one."""
        return dice.choice(self.wrong) if self.wrong else dice.randrange(len(self.words))

    def prove_element(self, dice: Random) -> ElementProof:
        """Mostly about a wrong word."""
        return self.element_proof(self.suspect(dice) if dice.random() < 0.8 else dice.randrange(len(self.words)))

    def prove_output(self, dice: Random) -> OutputProof:
        """About the only output word."""
        return self.output_proof()


class Ladder:
    """The smallest model that a court can judge: trace word *i* must be ``keccak256(abi.encode(input, i))``.

    Its output is the last word. It stands in for an integer graph where only the money matters.

    Parameters
    ----------
    depth : int
        Depth of the trace tree.
    """

    def __init__(self, depth: int) -> None:
        self.depth = depth
        dimensions = Dimensions(
            program_depth=0,
            weights_depth=0,
            trace_depth=depth,
            input_depth=0,
            nodes=1,
            output_start=(1 << depth) - 1,
            output_leaves=1,
            input_leaves=1,
        )
        self.commitment = ModelCommitment(
            program_root=keccak256(b"ladder"),
            weights_root=leaf_hash(bytes(32)),
            dimensions=dimensions.pack(),
            manifest_digest=keccak256(b"ladder manifest"),
        )

    def word(self, input_root: bytes, index: int) -> Bytes32:
        """What the trace must hold."""
        return keccak256(abi_words(input_root, index))

    def run(self, input_root: bytes, *, wrong: tuple[int, ...] = (), output: bytes | None = None) -> Run:
        """Execute, with some words spoilt or another output claimed."""
        words = [self.word(input_root, i) for i in range(1 << self.depth)]
        for index in wrong:
            words[index] = keccak256(words[index])
        tree = MerkleTree.of_words(b"".join(words), self.depth)
        result = Result(trace_root=tree.root, output=words[-1] if output is None else output)
        return Run(tree, tuple(words), result, wrong)

    def perform(self, dice: Random) -> tuple[Bytes32, Run]:
        """An input and an execution of it: honest, with spoilt words, or with a false output."""
        fate, input_root = dice.random(), Bytes32(dice.randbytes(32))
        wrong = (dice.randrange(1 << self.depth),) if fate < 0.5 else ()
        output = dice.choice([bytes(32), bytes(31), b"x" * 64]) if fate > 0.8 else None
        return input_root, self.run(input_root, wrong=wrong, output=output)

    # -- Judge -------------------------------------------------------------------------------------------------------

    def element_is_wrong(
        self, model: ModelCommitment, input_root: bytes, trace_root: bytes, proof: ElementProof
    ) -> bool:
        """`Judge`."""
        self._check_opening(trace_root, proof.element, proof.claimed)
        return proof.claimed.words[0] != self.word(input_root, proof.element)

    def output_is_wrong(self, model: ModelCommitment, trace_root: bytes, proof: OutputProof) -> bool:
        """`Judge`."""
        if len(proof.output) != 32:
            return True
        self._check_opening(trace_root, (1 << self.depth) - 1 + proof.word, proof.claimed)
        return proof.claimed.words[0] != proof.output

    # -- EvidenceModule ----------------------------------------------------------------------------------------------

    def verify(self, order_id: OrderId, order: Order, output: bytes, proof: bytes) -> bool:
        """`EvidenceModule`: the output is recomputed; the proof is empty."""
        return not proof and output == self.word(order.input, (1 << self.depth) - 1)

    def _check_opening(self, root: bytes, index: int, opening: Opening) -> None:
        require(len(opening.words) == 1 and len(opening.words[0]) == 32, "BadOpening")
        try:
            implied = range_root([leaf_hash(opening.words[0])], index, self.depth, opening.path)
        except VerificationError:
            implied = Bytes32(b"")
        require(implied == root, "BadOpening")
