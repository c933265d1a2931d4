"""Zero-knowledge proofs on chain: the verifier contract, deployed and asked.

The contract checks a proof in full, as `concordat.zk.verifier` does. That takes ten million gas and more, so it is for
second layers, for batches of inferences in one proof, and for whoever wants a chain's word rather than a machine's.
"""

from __future__ import annotations

from concordat.chain.accounts import Signer
from concordat.chain.answers import Refusal, quantity
from concordat.chain.contracts import contract
from concordat.chain.rpc import Endpoint
from concordat.chain.transactions import TransactionSender
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import ConfigurationError, TransactionError, VerificationError
from concordat.primitives.units import Address
from concordat.zk.field import encode
from concordat.zk.statement import InputCommitment, Statement, WeightCommitment

__all__ = ["GAS_LIMIT", "check_call", "check_on_chain", "deploy_proof_verifier"]

GAS_LIMIT = 200_000_000
"""Gas offered to a call that only asks."""


def deploy_proof_verifier(endpoint: Endpoint, signer: Signer) -> Address:
    """Deploy the verifier; it has no owner, no state and no rights.

    Raises
    ------
    TransactionError
        If a constructor reverted.
    """
    sender = TransactionSender(endpoint)

    def create(name: str, *arguments: Address) -> Address:
        receipt = sender.send(signer, None, contract(name).creation(*arguments))
        if quantity(receipt["status"]) != 1:
            raise TransactionError(f"The constructor of {name} reverted.", code="Reverted")
        return Address(from_hex(receipt["contractAddress"], length=20))

    return create("ProofVerifier", create("ConstraintEvaluator"))


def check_call(statement: Statement, proof: bytes) -> bytes:
    """Call data of a check.

    Raises
    ------
    ConfigurationError
        If weights or input are not commitments: the contract takes no others.
    """
    if not isinstance(statement.input, InputCommitment) or isinstance(statement.weights, tuple):
        raise ConfigurationError("The verifier contract takes a committed input.", code="BadStatement")
    root = statement.weights.root if isinstance(statement.weights, WeightCommitment) else bytes(32)
    claimed = {
        "chain_id": statement.chain_id,
        "market": statement.contract,
        "order": statement.order,
        "model": statement.model,
        "version": statement.version,
        "parameters": statement.parameters.encode(),
        "weights_root": root,
        "input_root": statement.input.root,
        "input_outside": encode([statement.input.outside]),
        "publics": list(statement.publics[0]),
    }
    return contract("ProofVerifier").call("check", statement.relation.encode(), claimed, proof)


def check_on_chain(endpoint: Endpoint, verifier: Address, statement: Statement, proof: bytes) -> None:
    """Ask the contract, without a transaction.

    Raises
    ------
    VerificationError
        If it refuses the proof.
    """
    request = {"to": to_hex(verifier), "data": to_hex(check_call(statement, proof)), "gas": hex(GAS_LIMIT)}
    try:
        endpoint.call("eth_call", request, "latest")
    except Refusal as refusal:
        raise VerificationError("The verifier contract refuses the proof.", code="BadProof") from refusal
