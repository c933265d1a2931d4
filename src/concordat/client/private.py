"""Private orders: the input travels sealed to the provider, the answer sealed to the client.

Inside what the client seals is a fresh public key of his own, beside the input that opens the order's commitment.
Nobody else knows an input that does, so nobody can put another key there. The salt of the delivered commitment follows
from the input's salt: client and provider know it, others do not, and whoever erases the input erases it as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from concordat.client.offer import InputOpening, Offer
from concordat.client.sealing import OVERHEAD_BYTES, Purpose, SealingPair, seal, unseal
from concordat.primitives.encoding import abi_words, canonical_json
from concordat.primitives.errors import InputError, OrderError, VerificationError
from concordat.primitives.hashing import keccak256
from concordat.primitives.signatures import recover, typed_digest
from concordat.primitives.units import Address, Bytes32, OrderId, Timestamp
from concordat.primitives.wire import from_wire, parse_json, to_wire
from concordat.protocol.execution import MAX_OUTPUT_BYTES, Result, carried_output, commit_private
from concordat.protocol.messages import Funding, Opening
from concordat.protocol.order import Domain, Order, order_id

__all__ = [
    "Erasure",
    "PrivateOffer",
    "SealingKey",
    "Secret",
    "carries",
    "open_offer",
    "open_result",
    "private_root",
    "result_salt",
    "seal_offer",
    "seal_output",
    "seal_result",
    "sealing_digest",
    "unseal_output",
]

_SEALING_TYPEHASH = keccak256(b"SealingKey(bytes32 key,uint40 until)")
_RESULT_SALT = keccak256(b"concordat result salt")


@dataclass(frozen=True, slots=True, kw_only=True)
class SealingKey:
    """What a provider announces: seal inputs for me to this key."""

    provider: Address
    """Whose."""
    key: Bytes32
    """X25519 public key."""
    until: Timestamp
    """Last second at which it should be used."""
    signature: bytes
    """The provider's, over :func:`sealing_digest`."""

    def check(self, provider: Address, domain: Domain, now: Timestamp) -> None:
        """Raise `VerificationError` ``SealingKeyForged`` unless that provider announced it, for now."""
        try:
            signer = recover(sealing_digest(self.key, self.until, domain), self.signature)
        except VerificationError:
            signer = None
        if signer != provider or self.provider != provider or now > self.until:
            raise VerificationError(
                "The key to seal to is not the provider's, or is out of date.",
                code="SealingKeyForged",
                hint="Somebody may stand between you and the provider; nothing was sent.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """What a client seals for the provider."""

    opening: InputOpening
    """The input."""
    reply: Bytes32
    """Public key to which the provider seals the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateOffer:
    """A signed order whose input only the provider can read."""

    order: Order
    """What the client wants."""
    funding: Funding
    """The client's one signature."""
    sealed: bytes = field(repr=False)
    """A sealed `Secret`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """A client's wish that what was private about one of his orders be forgotten."""

    order: OrderId
    """Which order."""
    signature: bytes
    """The client's, over `concordat.protocol.tombstone.erase_digest`."""


def sealing_digest(key: bytes, until: int, domain: Domain) -> Bytes32:
    """What a provider signs to announce a key (EIP-712, market's domain)."""
    return typed_digest(domain, keccak256(abi_words(_SEALING_TYPEHASH, key, until)))


def result_salt(opening: InputOpening) -> Bytes32:
    """Salt of a private result's commitment."""
    return keccak256(abi_words(_RESULT_SALT, opening.salt))


def seal_offer(offer: Offer, reply: bytes, key: bytes, domain: Domain) -> PrivateOffer:
    """Make an offer that only the holder of a key can read."""
    secret = canonical_json(to_wire(Secret(opening=offer.opening, reply=Bytes32(reply))))
    sealed = seal(secret, key, Purpose.OFFER, order_id(offer.order, domain), domain)
    return PrivateOffer(order=offer.order, funding=offer.funding, sealed=sealed)


def open_offer(offer: PrivateOffer, pairs: tuple[SealingPair, ...], domain: Domain) -> tuple[Offer, Bytes32]:
    """The offer, and the key to reply to.

    Raises
    ------
    OrderError
        ``SealBroken`` if none of the pairs opens it, or there is no offer inside.
    """
    for pair in pairs:
        try:
            data = unseal(offer.sealed, pair, Purpose.OFFER, order_id(offer.order, domain), domain)
            secret = from_wire(Secret, parse_json(data))
        except (VerificationError, InputError, ValueError, RecursionError):
            continue
        return Offer(order=offer.order, funding=offer.funding, opening=secret.opening), secret.reply
    raise OrderError(
        "The sealed offer does not open.", code="SealBroken", hint="Ask the provider for its key and seal to that."
    )


def private_root(offer: Offer, trace_root: bytes, carried: bytes) -> Bytes32:
    """What a private order's delivery commits to: trace root and carried output, under a salt that only two know."""
    return commit_private(result_salt(offer.opening), trace_root, keccak256(carried))


def carries(result: Result) -> bool:
    """Whether a submission has room for a private result's whole output, sealed."""
    fits = 32 + len(result.output) + OVERHEAD_BYTES <= MAX_OUTPUT_BYTES
    return fits and result.output != result.trace_root


def seal_result(result: Result, offer: Offer, reply: bytes, domain: Domain) -> Result:
    """What a submission carries of a private order's result.

    Parameters
    ----------
    result : Result
        In plain: trace root and carried output.
    offer : Offer
        What it answers.
    reply : bytes
        The client's key.
    """
    data = result.trace_root + (result.output if carries(result) else b"")
    sealed = seal(data, reply, Purpose.RESULT, order_id(offer.order, domain), domain)
    return Result(trace_root=private_root(offer, result.trace_root, result.output), output=sealed)


def seal_output(output: Opening, reply: bytes, name: OrderId, domain: Domain) -> bytes:
    """An output that no submission has room for, with its path in the trace tree."""
    return seal(b"".join([*output.words, *output.path]), reply, Purpose.CONTENT, name, domain)


def unseal_output(sealed: bytes, words: int, pair: SealingPair, name: OrderId, domain: Domain) -> Opening:
    """Inverse of :func:`seal_output`; `VerificationError` ``SealBroken`` if it does not open.

    Parameters
    ----------
    words : int
        How many words the model's output has.
    """
    data = unseal(sealed, pair, Purpose.CONTENT, name, domain)
    parts = tuple(Bytes32(data[i : i + 32]) for i in range(0, len(data), 32))
    return Opening(words=parts[:words], path=parts[words:])


def open_result(
    delivered: Result, offer: Offer, pair: SealingPair, domain: Domain, elsewhere: Callable[[Bytes32], bytes]
) -> tuple[Bytes32, bytes]:
    """Trace root and output that were sealed to the client, checked against what was committed to.

    Parameters
    ----------
    elsewhere : callable
        The whole output by its trace root, asked where the submission had no room for it.

    Raises
    ------
    VerificationError
        ``SealBroken`` if it does not open, ``SealedGarbage`` if it is not what the provider committed to.
    """
    data = unseal(delivered.output, pair, Purpose.RESULT, order_id(offer.order, domain), domain)
    root = Bytes32(data[:32])
    if len(root) == 32:
        output = data[32:] or elsewhere(root)
        if private_root(offer, root, carried_output(root, output)) == delivered.trace_root:
            return root, output
    raise VerificationError(
        "What the provider sealed is not what he committed to.",
        code="SealedGarbage",
        hint="Demand that he opens it: he is slashed if he cannot.",
    )
