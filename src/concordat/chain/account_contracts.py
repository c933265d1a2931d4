"""Putting verifiers and accounts on a chain, and changing who may sign."""

from __future__ import annotations

from collections.abc import Sequence

from concordat.chain.accounts import Signer
from concordat.chain.answers import Refusal, hex_bytes
from concordat.chain.contract_account import ContractAccount
from concordat.chain.contracts import contract
from concordat.chain.deployment import read
from concordat.chain.rpc import Endpoint
from concordat.chain.transactions import TransactionSender
from concordat.chain.translate import error_for
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import ConfigurationError, TransactionError
from concordat.primitives.units import Address
from concordat.protocol.batch import Call

__all__ = ["change_signers", "check_verifier", "create_account", "create_verifier", "indices_of", "signers_of"]

VERIFIERS = {"lms": "LmsVerifier", "slh-dsa": "SlhDsaVerifier"}
"""Contract by scheme."""


def create_verifier(endpoint: Endpoint, deployer: Signer, scheme: str) -> Address:
    """Deploy the verifier of a scheme, ``lms`` or ``slh-dsa``. One serves everybody."""
    return _create(endpoint, deployer, contract(VERIFIERS[scheme]).creation())


def check_verifier(endpoint: Endpoint, address: Address, scheme: str) -> None:
    """Return if the packaged verifier of that scheme is at an address.

    Raises
    ------
    ConfigurationError
        If something else is there, or nothing.
    """
    code = hex_bytes(endpoint.call("eth_getCode", to_hex(address), "latest"))
    if not code or not contract(VERIFIERS[scheme]).creation_code.endswith(code):
        raise ConfigurationError(
            f"{to_hex(address)} is not the packaged {scheme} verifier.",
            code="WrongContracts",
            hint="Create it with: concordat account create",
        )


def create_account(
    endpoint: Endpoint, deployer: Signer, signers: Sequence[bytes], weights: Sequence[int], threshold: int
) -> Address:
    """Deploy a `ProviderAccount`.

    Parameters
    ----------
    endpoint, deployer : Endpoint, Signer
        Where, and who pays.
    signers : sequence of bytes
        As ERC-7913 writes them.
    weights : sequence of int
        One for each, at least 1.
    threshold : int
        Weight that a batch needs.

    Raises
    ------
    TransactionError
        If the contract refuses the signers.
    """
    code = contract("ProviderAccount").creation(list(signers), list(weights), threshold)
    return _create(endpoint, deployer, code)


def change_signers(
    account: ContractAccount,
    sender: TransactionSender,
    *,
    added: Sequence[bytes] = (),
    weights: Sequence[int] = (),
    removed: Sequence[bytes] = (),
    threshold: int,
) -> None:
    """Let an account change its own signers, in one batch; its last index is good for this.

    Raises
    ------
    ProtocolError
        If the account would refuse the change.
    """
    data = contract("ProviderAccount").call("changeSigners", list(added), list(weights), list(removed), threshold)
    batch = account.batch([Call(target=account.address, data=data)])
    try:
        receipt = sender.send(account.relayer, account.address, batch)
    except Refusal as refusal:
        raise (error_for(refusal.data, refusal.text) if refusal.reverted else refusal) from refusal
    if int(receipt["status"], 16) != 1:
        raise TransactionError("The account refused the change.", code="Reverted")


def signers_of(endpoint: Endpoint, account: Address) -> list[bytes]:
    """Signers of an account, as ERC-7913 writes them."""
    (found,) = read(endpoint, [("ProviderAccount", account, "getSigners", (0, 2**64 - 1))])
    return [bytes(signer) for signer in found]


def indices_of(endpoint: Endpoint, account: Address, signer: bytes) -> tuple[int, int, int]:
    """Of a counted signer: number that its index 0 signs, how many it has, and the account's next number."""
    (first, capacity), following = read(
        endpoint, [("ProviderAccount", account, "indicesOf", (signer,)), ("ProviderAccount", account, "next", ())]
    )
    return first, capacity, following


def _create(endpoint: Endpoint, deployer: Signer, code: bytes) -> Address:
    receipt = TransactionSender(endpoint).send(deployer, None, code)
    if int(receipt["status"], 16) != 1:
        raise TransactionError("The contract could not be created.", code="Reverted")
    return Address(from_hex(receipt["contractAddress"], length=20))
