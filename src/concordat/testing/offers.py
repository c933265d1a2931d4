"""Signed offers for the small model, without a client's journal: what a fault test hands to a provider."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from concordat.chain.accounts import Signer
from concordat.client.model import Model
from concordat.client.offer import InputOpening, Offer
from concordat.primitives.encoding import ZERO32
from concordat.primitives.hashing import keccak256
from concordat.primitives.signatures import receive_authorization_digest
from concordat.primitives.units import Address, Bytes32, Seconds, Timestamp, usd
from concordat.protocol.bond import bond_for
from concordat.protocol.evidence import FraudProvable, Policy, encode_policy
from concordat.protocol.execution import input_root
from concordat.protocol.ledger import Ledger
from concordat.protocol.messages import Funding, FundingMode
from concordat.protocol.order import Order, order_id

__all__ = ["PRICE", "ROW", "make_offer", "sign_offer"]

PRICE = usd("0.50")
"""Price of every offer made here."""
ROW = {"income": 5200, "debt": 900, "age": 44, "years": 3}
"""Input of every offer made here."""


def make_offer(
    ledger: Ledger,
    client: Signer,
    provider: Address,
    model: Model,
    *,
    salt: int,
    evidence: Policy | None = None,
    **terms: Any,
) -> Offer:
    """An offer of 50 cents: ten minutes to accept and deliver, a window of ten more.

    Parameters
    ----------
    salt : int
        Makes it another order.
    evidence : Policy, optional
        Default: fraud-provable.
    **terms
        Other fields of the order.
    """
    now = ledger.now()
    opening = InputOpening(words=model.schema.encode_one(ROW), salt=keccak256(b"input salt"))
    order = Order(
        client=client.address,
        provider=provider,
        price=PRICE,
        bond=bond_for(PRICE),
        accept_by=Timestamp(now + 600),
        deliver_by=Timestamp(now + 600),
        window=Seconds(600),
        model=model.id,
        input=input_root(opening.words, opening.salt, model.graph.input_depth),
        evidence=encode_policy(evidence or FraudProvable()),
        effect=ZERO32,
        terms=ZERO32,
        salt=Bytes32(salt.to_bytes(32, "big")),
    )
    return sign_offer(ledger, client, replace(order, **terms), opening)


def sign_offer(ledger: Ledger, client: Signer, order: Order, opening: InputOpening) -> Offer:
    """The client's one signature under an order."""
    digest = receive_authorization_digest(
        ledger.token_domain,
        payer=order.client,
        payee=ledger.vault,
        value=order.price,
        valid_after=0,
        valid_before=order.accept_by + 1,
        nonce=order_id(order, ledger.domain),
    )
    funding = Funding(mode=FundingMode.AUTHORIZATION, signature=client.sign(digest))
    return Offer(order=order, funding=funding, opening=opening)
