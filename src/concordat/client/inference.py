"""Inferences that other contracts can check (ERC-7992), content with a proof (ERC-7007), and attested facts (EAS)."""

from __future__ import annotations

from eth_abi.abi import encode

from concordat.chain.accounts import Signer
from concordat.chain.answers import Refusal
from concordat.chain.contracts import contract
from concordat.chain.ledger import EvmLedger
from concordat.chain.standards import NATIVE_SYSTEM, Standards
from concordat.chain.translate import error_for
from concordat.client.caller import Caller
from concordat.primitives.encoding import ZERO32, ZERO_ADDRESS, abi_words
from concordat.primitives.errors import ConfigurationError, OrderError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Bytes32, ModelId
from concordat.protocol.execution import Result
from concordat.protocol.order import Order, OrderState, OrderStatus, order_id

__all__ = ["Inferences", "attested_facts", "content_proof"]

_EAS_ATTEST = "attest((bytes32,(address,uint64,bool,bytes32,bytes,uint256)))"


def content_proof(order: Order, trace_root: bytes) -> bytes:
    """Proof of ERC-7007 that an output is what an order was paid for: the order, and the root it was delivered with."""
    return _order_words(order) + trace_root


def attested_facts(order: Order, result: Result, state: OrderState) -> bytes:
    """Data of an attestation: the order, its result, and how and when it ended.

    Raises
    ------
    OrderError
        If it is neither paid nor slashed: the resolver would refuse it.
    """
    if state.status not in (OrderStatus.PAID, OrderStatus.SLASHED):
        raise OrderError(
            f"The order is {state.status.name.lower()}: there is nothing to attest yet.",
            code="NotSettled",
            hint="Wait until it is settled.",
        )
    facts = abi_words(result.trace_root, result.output_hash, int(state.status), state.gathered, state.until)
    return _order_words(order) + facts


class Inferences:
    """Verifier, content tokens and resolver of one market.

    Parameters
    ----------
    ledger : EvmLedger
        The market.
    standards : Standards
        Where they are.
    """

    def __init__(self, ledger: EvmLedger, standards: Standards) -> None:
        self._ledger, self._standards = ledger, standards
        self._verifier = Caller(ledger, "InferenceVerifier", standards.inference)
        self._content = Caller(ledger, "AigcVerifier", standards.content)

    # -- ERC-7992 ----------------------------------------------------------------------------------------------------

    def register(self, signer: Signer, model: ModelId, *, uri: str = "") -> int:
        """Let a published model that the chain can run be verified; its id in the verifier.

        Parameters
        ----------
        signer : Signer
            The model's owner.
        model : ModelId
            The artifact.
        uri : str
            Where more is said.
        """
        commitment = {
            "model_hash": model,
            "circuit_hash": model,
            "vk_hash": ZERO32,
            "proof_system_id": NATIVE_SYSTEM,
            "uri": uri,
        }
        self._verifier.send(signer, "registerModel", commitment)
        return self.model_id(model)

    def model_id(self, model: ModelId) -> int:
        """Id of a model in the verifier, whether it is registered or not."""
        return int.from_bytes(keccak256(abi_words(model, model, ZERO32, NATIVE_SYSTEM.ljust(32, b"\0"))), "big")

    def verify(self, signer: Signer, model: ModelId, input_root: bytes, output: bytes, proof: bytes) -> None:
        """Have the chain run a model, and announce that this is what it makes of the committed input.

        Parameters
        ----------
        signer : Signer
            Pays for it.
        model : ModelId
            Registered before.
        input_root : bytes
            Commitment to the salted input.
        output : bytes
            What the model makes of it.
        proof : bytes
            The input's words, and the salt.
        """
        self._verifier.send(signer, "verifyInference", self.model_id(model), input_root, output, proof)

    # -- ERC-7007 ----------------------------------------------------------------------------------------------------

    def is_content(self, order: Order, result: Result) -> bool:
        """Whether a result is, for good, what an order was paid for on the evidence that it asked for."""
        proof = content_proof(order, result.trace_root)
        return bool(self._content.read("verify", order.input, result.output, proof))

    def mint(self, signer: Signer, order: Order, result: Result) -> int:
        """Give the order's client the token that stands for its result; the token's id."""
        token = int.from_bytes(order_id(order, self._ledger.domain), "big")
        proof = content_proof(order, result.trace_root)
        self._content.send(signer, "addAigcData", token, order.input, result.output, proof)
        return token

    # -- EAS ---------------------------------------------------------------------------------------------------------

    @property
    def schema(self) -> Bytes32:
        """Id of the schema under which facts are attested."""
        return self._standards.schema_uid

    def attest(self, signer: Signer, order: Order, result: Result) -> None:
        """Attest the facts of a settled order with the chain's attestation service."""
        if self._standards.resolver == ZERO_ADDRESS:
            raise ConfigurationError(
                "These faces have no resolver.",
                code="NoAttestations",
                hint="Deploy them with the address of the chain's attestation service (--eas).",
            )
        data = attested_facts(order, result, self._ledger.state(order_id(order, self._ledger.domain)))
        request = (self.schema, (order.provider, 0, False, ZERO32, data, 0))
        call = keccak256(_EAS_ATTEST.encode())[:4] + encode(
            ["(bytes32,(address,uint64,bool,bytes32,bytes,uint256))"], [request]
        )
        try:
            self._ledger.sender.send(signer, self._standards.attestations, call)
        except Refusal as refusal:
            raise error_for(refusal.data, refusal.text) from refusal


def _order_words(order: Order) -> bytes:
    """The order's thirteen words, as the contracts read them."""
    return contract("Market").call("orderId", order)[4:]
