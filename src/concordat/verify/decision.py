"""Checks 2 to 8: the order, its client's signature, and what opens its commitments."""

from __future__ import annotations

from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import InputError, PolicyError
from concordat.primitives.hashing import keccak256, sha256
from concordat.primitives.merkle import depth_for
from concordat.primitives.signatures import TokenDomain, recover
from concordat.primitives.units import Bytes32
from concordat.primitives.wire import parse_json
from concordat.protocol.artifact import Dimensions
from concordat.protocol.bundle import Bundle, SettlementToken
from concordat.protocol.demand import opens_output
from concordat.protocol.evidence import (
    EvidenceKind,
    decode_policy,
    encode_policy,
    is_sealed,
    kinds_in,
    mask_of,
    satisfied,
)
from concordat.protocol.execution import MAX_OUTPUT_BYTES, carried_output, commit_private, input_root
from concordat.protocol.messages import FundingMode, Opening
from concordat.protocol.order import open_order_id, payment_digest
from concordat.protocol.record import evidence_commitment, output_commitment
from concordat.verify.case import Case, Found, contradiction, holds, unchecked

__all__ = [
    "authorisation",
    "evidence",
    "identity",
    "input_opening",
    "model_opening",
    "output_opening",
    "result_opening",
    "show_output",
    "show_policy",
]

_REPLAY_SHOWS = mask_of({EvidenceKind.NATIVE, EvidenceKind.FRAUD_PROVABLE})
"""Both kinds say that the output is what the model makes of the input; whoever ran the model again has seen it."""


def identity(case: Case) -> Found:
    """Check 2."""
    domain, trust = case.bundle.domain, case.trust
    if case.record is not None and case.record.order_id != case.order_id:
        return contradiction("The order hashes to another id than the record's.")
    if trust is None:
        return holds(f"The order hashes to {to_hex(case.order_id)}; no trust root says which market counts.")
    if domain.chain_id != trust.chain_id:
        return contradiction(f"It is an order on chain {domain.chain_id}; chain {trust.chain_id} is trusted.")
    if domain.market != trust.market:
        return contradiction(f"It is an order at market {to_hex(domain.market)}, which is not the trusted one.")
    if trust.models and case.bundle.order.model not in trust.models:
        return contradiction("The trust root does not accept this model, or this version of it.")
    return holds(f"The order hashes to {to_hex(case.order_id)} on the trusted chain and market.")


def authorisation(case: Case) -> Found:
    """Check 3; builds on 14."""
    order, funding, token = case.bundle.order, case.bundle.funding, case.bundle.token
    names = (case.order_id, open_order_id(order, case.bundle.domain))
    if funding.mode is FundingMode.CREDIT:
        if token is not None:
            return contradiction("An order paid from vault credit names a token.")
        if len(funding.signature) != 65:
            if case.settled:
                return holds("The client is a contract; the market accepted its signature.")
            return unchecked("The client seems to be a contract; only a chain can say whether it signed.")
        digests = [Bytes32(name) for name in names]
    else:
        if token is None:
            return unchecked("The bundle does not say which token the client's authorisation is for.")
        if case.trust is not None and not _token_trusted(case, token):
            return contradiction("The authorisation is for another token or vault than the trusted ones.")
        domain = TokenDomain(
            name=token.name, version=token.version, chain_id=case.bundle.domain.chain_id, token=token.token
        )
        digests = [payment_digest(order, name, domain, token.vault) for name in names]
    by_client = [recover(digest, funding.signature) == order.client for digest in digests]
    if by_client[0]:
        return holds("The client's signature covers this order and its price.")
    if by_client[1]:
        return holds("The client's signature covers this order and its price, with any provider.")
    return contradiction("The signature is not the client's.")


def _token_trusted(case: Case, token: SettlementToken) -> bool:
    trust = case.trust
    return trust is None or (trust.token in (None, token.token) and trust.vault in (None, token.vault))


def model_opening(case: Case) -> Found:
    """Check 4."""
    model, manifest = case.bundle.model, case.bundle.manifest
    if model.model_id() != case.bundle.order.model:
        return contradiction("The commitment is that of another model, or of another version of it.")
    if manifest is None:
        return holds("Program, weights, shape and manifest digest hash to the model id.")
    if sha256(manifest.encode()) != model.manifest_digest:
        return contradiction("The manifest is not the one that was published with the model.")
    return holds("Program, weights, shape and manifest hash to the model id.")


def input_opening(case: Case) -> Found:
    """Check 5."""
    disclosed = case.bundle.input
    if disclosed is None:
        return unchecked("The bundle does not disclose the input.")
    shape = Dimensions.unpack(case.bundle.model.dimensions)
    if len(disclosed.words) != 32 * shape.input_leaves or shape.input_depth != depth_for(shape.input_leaves):
        return contradiction(f"{len(disclosed.words)} bytes are not an input of this model.")
    if input_root(disclosed.words, disclosed.salt, shape.input_depth) != case.bundle.order.input:
        return contradiction("The disclosed input is not the one that the client committed to.")
    return holds("The disclosed input is the one that the client committed to.")


def result_opening(case: Case) -> Found:
    """Check 6."""
    bundle, record = case.bundle, case.record
    if record is None:
        return unchecked("The bundle has no record yet.")
    if bundle.evidence_salt is None:
        return unchecked("The bundle does not disclose the salt of the evidence commitment.")
    commitment = evidence_commitment(
        bundle.evidence_salt,
        policy=bundle.order.evidence,
        gathered=record.gathered,
        order=case.order_id,
        provider=bundle.order.provider,
        trace_root=bundle.header.trace_root,
        output_hash=bundle.header.output_hash,
        settlement=bundle.settlement,
    )
    if commitment != record.evidence:
        return contradiction("Result, evidence or settlement differ from what was recorded.")
    return holds("Result, evidence and settlement are those that were recorded.")


def output_opening(case: Case) -> Found:
    """Check 7."""
    bundle, record = case.bundle, case.record
    if bundle.output is None:
        return unchecked("The bundle does not disclose the output.")
    if not _opens_result(bundle, bundle.output):
        return contradiction("The output is not the one that was delivered.")
    if len(bundle.output) != 32 * Dimensions.unpack(bundle.model.dimensions).output_leaves:
        return contradiction(f"{len(bundle.output)} bytes are not an output of this model.")
    show_output(bundle)
    if record is None:
        return holds("The output is the one that was delivered; it is not recorded yet.")
    if bundle.output_salt is None:
        return unchecked("The bundle does not disclose the salt of the output commitment.")
    if output_commitment(bundle.output_salt, bundle.header.output_hash) != record.output:
        return contradiction("The output is not the one that was recorded.")
    return holds("The output is the one that was delivered and recorded.")


def _opens_result(bundle: Bundle, output: bytes) -> bool:
    """Whether the output is what was delivered: in plain, by its trace root, or under a private commitment."""
    opening, header = bundle.opening, bundle.header
    root = header.trace_root if opening is None else opening.trace_root
    carried = keccak256(carried_output(root, output))
    if len(output) > MAX_OUTPUT_BYTES and not _in_trace(bundle, root, output):
        return False
    if opening is None or opening.salt is None:
        return (root, carried) == (header.trace_root, header.output_hash)
    private = is_sealed(bundle.order.evidence)
    return private and commit_private(opening.salt, root, carried) == header.trace_root


def _in_trace(bundle: Bundle, root: bytes, output: bytes) -> bool:
    words = tuple(Bytes32(output[i : i + 32]) for i in range(0, len(output), 32))
    path = bundle.opening.path if bundle.opening is not None else ()
    return opens_output(bundle.model, root, Opening(words=words, path=path))


def evidence(case: Case) -> Found:
    """Check 8; builds on 13 and 14."""
    signed = case.bundle.order.evidence
    if not any(signed):
        return contradiction("The order asks for no evidence at all.")
    recorded = case.record.gathered if case.record is not None else 0
    hidden = case.bundle.model.hidden
    shown_by_13 = 1 << EvidenceKind.VALIDITY if hidden else _REPLAY_SHOWS
    established = (shown_by_13 if case.replayed else 0) | (recorded if case.settled else 0)
    wanted = [signed] if case.policy is None else [signed, encode_policy(case.policy)]
    if all(satisfied(policy, established) for policy in wanted):
        how = "A proof" if hidden else "Running the model again"
        shown = [f"{how} shows the output to be right"] * case.replayed
        shown += [f"the chain settled it by {_kinds(recorded)}"] * case.settled
        return holds(f"{' and '.join(shown)}: enough for {show_policy(wanted[-1])}.")
    if case.record is None:
        return unchecked("The order is not settled and recorded yet.")
    short = [policy for policy in wanted if not satisfied(policy, recorded | established)]
    if short:
        return contradiction(f"It was settled by {_kinds(recorded)}; {show_policy(short[0])} is required.")
    what = "the proof" if hidden else "program and input"
    return unchecked(f"The log says {_kinds(recorded)}; to check it, disclose {what}, or ask a chain.")


def show_output(bundle: Bundle) -> str | None:
    """What the model said in words, if the bundle's manifest has a schema.

    Raises
    ------
    InputError
        If the schema, or the output under it, makes no sense.
    """
    if bundle.output is None or bundle.manifest is None:
        return None
    try:
        schema = parse_json(bundle.manifest).get("schema")
    except (ValueError, AttributeError, RecursionError) as error:
        raise InputError("The manifest is no JSON object.", code="BadManifest") from error
    if schema is None:
        return None
    from concordat.graph.schema import ModelSchema  # numpy is only needed here

    try:
        said = ModelSchema.from_json(schema).decode(bundle.output)
    except ArithmeticError as error:
        raise InputError("The manifest's schema has numbers beyond all measure.", code="BadManifest") from error
    scores = ", ".join(f"{name} {value:.6g}" for name, value in said.scores.items())
    return scores if said.label is None else f"{said.label} ({scores})" if scores else str(said.label)


def show_policy(encoded: bytes) -> str:
    """A policy in words."""
    try:
        return str(decode_policy(encoded))
    except PolicyError:
        return "nothing"


def _kinds(mask: int) -> str:
    return " and ".join(kind.word for kind in sorted(kinds_in(mask))) or "nothing"
