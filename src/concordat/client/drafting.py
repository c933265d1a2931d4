"""From a client's wishes to the order that is signed: what is filled in where nothing is said, what cannot be had."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from concordat.client.offer import InputOpening
from concordat.client.registry import PublishedModel
from concordat.primitives.encoding import ZERO32
from concordat.primitives.errors import InputError, PolicyError
from concordat.primitives.units import Address, Amount, Bytes32, Seconds, Timestamp, minutes
from concordat.protocol.bond import bond_for
from concordat.protocol.evidence import (
    AnyOf,
    ClientRelease,
    EvidenceKind,
    FraudProvable,
    Native,
    Policy,
    ZeroKnowledge,
    encode_policy,
    is_private,
    kinds_named,
    replicas_of,
    requires,
)
from concordat.protocol.ledger import Parameters
from concordat.protocol.order import Order

__all__ = [
    "Wishes",
    "default_deadline",
    "default_window",
    "draft_order",
    "executions",
    "fresh_opening",
    "policy_about",
    "policy_for",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a client asks for, as far as it says so."""

    pay: Amount
    """Price."""
    policy: Policy
    """What makes the result acceptable."""
    deadline: Seconds | None = None
    """Time to accept and deliver."""
    window: Seconds | None = None
    """Time to challenge."""
    bond: Amount | None = None
    """What the provider puts at risk."""
    effect: bytes = ZERO32
    """Steward, epoch and source of an effect on chain."""


def default_window(price: Amount, evidence: bytes = b"", parameters: Parameters | None = None) -> Seconds:
    """Challenge window that grows with what is at stake: ten minutes for cents, an hour for dollars, a day beyond.

    A watcher needs to be awake once in the window; the more a wrong answer is worth, the longer he may sleep. Where
    replicas are asked for, there must be time left to show fraud after they have revealed.
    """
    least = 4 * parameters.reveal_time if parameters is not None and _needs_replicas(evidence) else 0
    grown = 600 if price < 1_000_000 else 3_600 if price < 100_000_000 else 86_400
    return Seconds(max(grown, least))


def default_deadline(evidence: bytes, parameters: Parameters) -> Seconds:
    """Ten minutes; and the time in which replicas are drawn and commit, where they are asked for."""
    return Seconds(minutes(10) + (2 * parameters.commit_time if _needs_replicas(evidence) else 0))


def executions(policy: Policy) -> int:
    """How many run the model for the price: the provider, and replicas where there is no way around them."""
    evidence = encode_policy(policy)
    return 1 + (replicas_of(evidence)[1] if _needs_replicas(evidence) else 0)


def policy_for(evidence: Policy | None, private: bool | None) -> Policy:
    """What was asked for, if it can be had together.

    Raises
    ------
    PolicyError
        ``PrivacyConflict`` if privacy and evidence contradict each other, ``BadReplicas`` if replicas are asked for
        without saying how many.
    """
    if evidence is None:
        return ClientRelease() if private else AnyOf(Native(), FraudProvable())
    encoded = encode_policy(evidence)
    if EvidenceKind.REPLICATED in kinds_named(encoded) and evidence.replicas is None:
        raise PolicyError(
            "The policy does not say how many replicas.",
            code="BadReplicas",
            hint="Use Replicated(k=2, n=3), or: replicated (2 of 3).",
        )
    sealed = is_private(encoded)
    if private is not None and private != sealed:
        said = "shows input and output to others" if private else "shows nobody anything, and is sealed"
        raise PolicyError(
            f"Evidence that is {evidence} {said}.",
            code="PrivacyConflict",
            hint="Leave `private` out, or ask for other evidence: only validity, attestation, metering and the "
            "client's release leave an order private.",
        )
    return evidence


def policy_about(model: PublishedModel, evidence: Policy | None, private: bool | None) -> Policy:
    """What was asked for, if it can be had together and of this model; errors also as for :func:`policy_for`.

    Raises
    ------
    PolicyError
        ``HiddenModel`` if anything but a proof is asked of a hidden model: its answers cannot be judged otherwise.
        ``NotHidden`` if a proof is asked of a model that has no commitment to prove with.
    """
    policy = ZeroKnowledge() if evidence is None and model.hidden is not None else policy_for(evidence, private)
    encoded = encode_policy(policy)
    if model.hidden is not None and private is False:
        raise PolicyError(
            f"{model.name} is a hidden model: only its owner can answer, and nobody else sees the input.",
            code="HiddenModel",
            hint="Place the order with its owner's provider.",
        )
    if model.hidden is not None and not requires(encoded, EvidenceKind.VALIDITY):
        raise PolicyError(
            f"{model.name} is a hidden model: nothing but a proof shows that it was asked.",
            code="HiddenModel",
            hint="Ask for ZeroKnowledge(), or say nothing about evidence.",
        )
    if model.hidden is None and EvidenceKind.VALIDITY in kinds_named(encoded):
        raise PolicyError(
            f"{model.name} is public: it has no commitment that its answers could be proven with.",
            code="NotHidden",
            hint="Its publisher can publish it as a SecretModel as well; or ask for other evidence.",
        )
    return policy


def draft_order(
    wishes: Wishes,
    model: PublishedModel,
    words: bytes,
    input_salt: Bytes32,
    *,
    client: Address,
    provider: Address,
    salt: Bytes32,
    now: Timestamp,
    parameters: Parameters,
) -> Order:
    """The order that says what is wished for.

    Raises
    ------
    InputError
        ``DeadlinePast`` if there is no time to deliver.
    """
    evidence = encode_policy(wishes.policy)
    within = default_deadline(evidence, parameters) if wishes.deadline is None else wishes.deadline
    if within <= 0:
        raise InputError("The deadline is in the past.", code="DeadlinePast", hint="Give it at least a few seconds.")
    window = default_window(wishes.pay, evidence, parameters) if wishes.window is None else wishes.window
    return Order(
        client=client,
        provider=provider,
        price=wishes.pay,
        bond=bond_for(wishes.pay) if wishes.bond is None else wishes.bond,
        accept_by=Timestamp(now + within),
        deliver_by=Timestamp(now + within),
        window=window,
        model=model.id,
        input=model.input_root(InputOpening(words=words, salt=input_salt)),
        evidence=evidence,
        effect=Bytes32(wishes.effect),
        terms=ZERO32,
        salt=salt,
    )


def fresh_opening(model: PublishedModel, row: Mapping[str, Any] | Sequence[Any]) -> InputOpening:
    """One row, by column name or in column order, under a salt that nobody knows yet."""
    return InputOpening(words=model.schema.encode_one(row), salt=Bytes32(secrets.token_bytes(32)))


def _needs_replicas(evidence: bytes) -> bool:
    return requires(evidence, EvidenceKind.REPLICATED)
