"""What a provider takes on: only offers that it can carry out to the end and will be paid for.

Whoever accepts an order and then cannot deliver it pays for that, and whoever works before he looks at the signature
works for nothing. So everything that can be known beforehand is looked at here.
"""

from __future__ import annotations

from dataclasses import dataclass

from concordat.client.offer import Offer
from concordat.graph.execute import check_input
from concordat.graph.ir import Graph
from concordat.node.gathering import plan_for
from concordat.primitives.errors import OrderError, VerificationError
from concordat.primitives.signatures import recover
from concordat.primitives.units import Address, Amount, OrderId, Seconds
from concordat.protocol.evidence import PUBLIC_KINDS, clauses_of, is_private, kinds_named, replicas_of
from concordat.protocol.ledger import Ledger
from concordat.protocol.messages import FundingMode
from concordat.protocol.order import Order, OrderStatus, open_order_id, order_id, payment_digest
from concordat.protocol.replication import panel_fits, seat_fee
from concordat.protocol.settlement import terms_hold
from concordat.protocol.tombstone import erase_digest
from concordat.zk.hidden import HiddenModel

__all__ = [
    "Terms",
    "check_disclosure",
    "check_erasure",
    "check_hidden_work",
    "check_order",
    "check_privacy",
    "check_work",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a provider works for."""

    price: Amount
    """Least price of a decision."""
    bond_limit: Amount
    """Most that it puts at risk for one order."""
    window_limit: Seconds = Seconds(7 * 86400)
    """Longest challenge window it waits for its money."""
    delivery_margin: Seconds = Seconds(2)
    """Least time it wants between acceptance and delivery."""
    claims: bool = False
    """Show what hidden models say by claims that watchers can refute, instead of whole proofs."""
    blobs: bool = False
    """Put the data of claims into blobs where the chain takes them."""
    fund_first: bool = False
    """Accept before working (two transactions more certain, one more expensive)."""
    delivery: Seconds = Seconds(60)
    """Time in which it promises to deliver."""
    energy: int = 0
    """Microjoules that an execution takes here; zero if nobody has measured it."""
    quote_life: Seconds = Seconds(60)
    """How long a quote is good."""
    quote_uses: int = 1
    """For how many orders."""


def check_order(
    offer: Offer,
    terms: Terms,
    ledger: Ledger,
    *,
    provider: Address,
    native: bool,
    hidden: bool = False,
    open_to_all: bool = False,
) -> None:
    """Refuse an order that is not worth taking, whatever its model.

    Parameters
    ----------
    native : bool
        Whether the contract itself can run the order's model.
    hidden : bool
        Whether it is a hidden model of this provider's.
    open_to_all : bool
        Whether the client signed it without a provider; this one's address is filled in.

    Raises
    ------
    OrderError
        If it is for somebody else, too cheap, too late, not paid for, or asks for evidence that cannot be given.
    """
    order, now = offer.order, ledger.now()
    plan = plan_for(order.evidence, native=native, hidden=hidden) if any(clauses_of(order.evidence)) else None
    replicated = plan is not None and plan.replicated
    fees = replicas_of(order.evidence)[1] * seat_fee(order) if replicated else 0
    share = order.price - fees
    refusals = [
        (order.provider != provider, "NotProvider", "The order names another provider."),
        (not terms_hold(order), "BadTerms", "The order's terms contradict each other, or a number is out of range."),
        (share < terms.price, "PriceTooLow", f"This provider asks {terms.price}, the order pays it {share}."),
        (order.bond > terms.bond_limit, "BondTooHigh", f"The bond {order.bond} is above {terms.bond_limit}."),
        (order.window > terms.window_limit, "WindowTooLong", f"The window {order.window} s is too long."),
        (
            order.bond + fees > ledger.balance(provider).free,
            "InsufficientFree",
            "This provider has too little free stake.",
        ),
        (now > order.accept_by, "OfferExpired", "The offer has expired."),
        (now + terms.delivery_margin > order.deliver_by, "DeliveryTooSoon", "There is no time left to deliver."),
        (plan is None, "NotInPolicy", "No evidence this provider can give satisfies the policy."),
        (
            replicated and not panel_fits(order, ledger.parameters, now=now + terms.delivery_margin),
            "BadTerms",
            "The order's times leave no room for replicas.",
        ),
    ]
    for refused, code, message in refusals:
        if refused:
            raise OrderError(message, code=code, hint="Ask for a new quote and sign a new order.")
    _check_funding(offer, ledger, open_to_all=open_to_all)


def check_privacy(offer: Offer, *, sealed: bool) -> None:
    """Refuse an offer that came otherwise than its order's policy says.

    Raises
    ------
    OrderError
        ``SealRequired`` if a private one came in plain, ``SealUseless`` if one that others must see came sealed.
    """
    private = is_private(offer.order.evidence)
    if private and not sealed:
        raise OrderError(
            "A private order's input is not sent in plain.",
            code="SealRequired",
            hint="Ask the provider for its key and seal the offer to that.",
        )
    if sealed and not private:
        raise OrderError(
            "What this order's evidence shows to others cannot be kept from them.",
            code="SealUseless",
            hint="Send it in plain, or ask for no evidence but your own word.",
        )


def check_erasure(order: Order, name: OrderId, signature: bytes, ledger: Ledger) -> None:
    """Refuse to forget an order's input unless its client asks, and nobody needs it any more.

    Raises
    ------
    OrderError
        ``BadSignature`` or ``StillOpen``.
    """
    if not _signed_by(order.client, erase_digest(name, ledger.domain), signature):
        raise OrderError("The signature is not the client's.", code="BadSignature", hint="Sign as the order's client.")
    status = ledger.state(name).status
    if status in (OrderStatus.FUNDED, OrderStatus.DELIVERED):
        raise OrderError(
            "The order is still open, and may need its input.",
            code="StillOpen",
            hint="Wait until it is settled, or cancel it with the provider.",
        )


def check_disclosure(offer: Offer, ledger: Ledger) -> None:
    """Refuse to keep an input of somebody else's order unless the order is, or can be, paid for.

    Raises
    ------
    OrderError
        If its terms contradict each other, nobody may see its input, or there is no money behind it.
    """
    if not terms_hold(offer.order) or not kinds_named(offer.order.evidence) & PUBLIC_KINDS:
        raise OrderError("Nobody has to see this order's input.", code="NotPublic")
    standing = (OrderStatus.FUNDED, OrderStatus.DELIVERED, OrderStatus.TAKEN)
    if ledger.state(order_id(offer.order, ledger.domain)).status not in standing:
        _check_funding(offer, ledger)


def check_work(offer: Offer, graph: Graph) -> None:
    """Refuse an order whose input the program does not take.

    Raises
    ------
    OrderError
        If the input does not open the order's input root.
    InputError
        If the input is not one of the program's.
    """
    offer.opening.check(offer.order.input, graph.input_depth)
    check_input(graph, offer.opening.words)


def check_hidden_work(offer: Offer, hidden: HiddenModel) -> None:
    """Refuse an order whose input a hidden model does not take; errors as for :func:`check_work`."""
    opening = offer.opening
    if hidden.input_root(opening.words, opening.salt) != offer.order.input:
        raise OrderError(
            "The input does not open the order's input commitment.",
            code="InputMismatch",
            hint="Send the words and the salt that the order was made from.",
        )


def _check_funding(offer: Offer, ledger: Ledger, *, open_to_all: bool = False) -> None:
    """The signature where it is a key's, and the money; both may be gone by the time of acceptance."""
    order = offer.order
    name = (open_order_id if open_to_all else order_id)(order, ledger.domain)
    if offer.funding.mode is FundingMode.CREDIT:
        held = ledger.balance(order.client).free  # the client may be a contract, which only the chain can ask
    else:
        held = ledger.token_balance(order.client)
        digest = payment_digest(order, name, ledger.token_domain, ledger.vault)
        if not _signed_by(order.client, digest, offer.funding.signature):
            raise OrderError("The signature is not the client's.", code="BadSignature", hint="Sign this very order.")
    if held < order.price:
        raise OrderError("The client does not hold what the order pays.", code="InsufficientFunds")


def _signed_by(party: Address, digest: bytes, signature: bytes) -> bool:
    try:
        return recover(digest, signature) == party
    except VerificationError:
        return False
