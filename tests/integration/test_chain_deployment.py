"""Deploying, and telling a deployment from everything that is not quite it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from concordat.chain.accounts import Account
from concordat.chain.anvil import AnvilNode
from concordat.chain.contracts import contract
from concordat.chain.deploy import deploy
from concordat.chain.deployment import Deployment, immutable_values, read
from concordat.chain.transactions import TransactionSender
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import ConfigurationError, EndpointError, TransactionError
from concordat.primitives.hashing import keccak256
from concordat.primitives.signatures import permit_digest, receive_authorization_digest
from concordat.primitives.units import Address, Amount, Seconds, usd
from concordat.protocol.ledger import Parameters

pytestmark = pytest.mark.chain


@pytest.fixture
def mine(fresh_anvil: AnvilNode, accounts: list[Account]) -> Deployment:
    """A deployment on a chain of one's own."""
    return deploy(fresh_anvil.endpoint, accounts[0])


def test_deploy_with_the_same_account_on_a_fresh_chain_gives_the_same_addresses(
    mine: Deployment, accounts: list[Account]
) -> None:
    with AnvilNode() as other:
        again = deploy(other.endpoint, accounts[0])
    assert again == mine


def test_deploy_with_other_parameters_and_an_existing_token_is_verified(
    mine: Deployment, fresh_anvil: AnvilNode, accounts: list[Account]
) -> None:
    parameters = Parameters(
        move_time=Seconds(60), respondent_cost=usd(1), dispute_price_share=5, no_show_share=10, slash_client=30
    )
    second = deploy(fresh_anvil.endpoint, accounts[1], token=mine.token, parameters=parameters)
    assert second.token == mine.token
    assert second.market != mine.market
    second.verify(fresh_anvil.endpoint)
    mine.verify(fresh_anvil.endpoint)


def test_deploy_tells_every_step(fresh_anvil: AnvilNode, accounts: list[Account]) -> None:
    steps: list[tuple[str, Address]] = []
    made = deploy(fresh_anvil.endpoint, accounts[0], on_step=lambda name, address: steps.append((name, address)))
    assert {("Vault", made.vault), ("Market", made.market), ("Court", made.court)} <= set(steps)


def test_deploy_while_something_else_uses_the_account_is_refused(
    fresh_anvil: AnvilNode, accounts: list[Account]
) -> None:
    def interfere(name: str, _: Address) -> None:
        if name == "Vault":
            TransactionSender(fresh_anvil.endpoint).send(accounts[0], accounts[1].address)

    with pytest.raises(TransactionError) as caught:
        deploy(fresh_anvil.endpoint, accounts[0], on_step=interfere)
    assert caught.value.code == "DeploymentDisturbed"


def test_deploy_with_an_address_that_is_no_token_is_refused(fresh_anvil: AnvilNode, accounts: list[Account]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        deploy(fresh_anvil.endpoint, accounts[0], token=accounts[5].address)
    assert caught.value.code == "BadToken"


def test_save_and_load_give_the_deployment_back(mine: Deployment, tmp_path: Path) -> None:
    path = tmp_path / "deployments" / "development.json"
    mine.save(path)
    assert Deployment.load(path) == mine


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"chain_id": "one"}', '{"chain_id": 1, "vault": "0x00"}', "\x00\xff"]
)
def test_load_of_another_file_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "deployment.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        Deployment.load(path)
    assert caught.value.code == "BadDeployment"


def test_load_of_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Deployment.load(tmp_path / "none.json")
    assert caught.value.code == "NoDeployment"
    assert caught.value.hint


@pytest.mark.parametrize("swap", [("vault", "court"), ("market", "vault"), ("court", "token"), ("token", "vault")])
def test_verify_with_two_addresses_swapped_is_refused(
    swap: tuple[str, str], mine: Deployment, fresh_anvil: AnvilNode
) -> None:
    one, other = swap
    with pytest.raises((ConfigurationError, EndpointError)):
        replace(mine, **{one: getattr(mine, other), other: getattr(mine, one)}).verify(fresh_anvil.endpoint)


@pytest.mark.parametrize(
    "parameters",
    [
        Parameters(move_time=Seconds(3601)),
        Parameters(respondent_cost=Amount(1)),
        Parameters(dispute_price_share=11),
        Parameters(no_show_share=26),
        Parameters(slash_challenger=51),
        Parameters(slash_client=24),
    ],
)
def test_verify_with_another_parameter_is_refused(
    parameters: Parameters, mine: Deployment, fresh_anvil: AnvilNode
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        replace(mine, parameters=parameters).verify(fresh_anvil.endpoint)
    assert caught.value.code == "WrongContracts"


def test_verify_on_another_chain_is_refused(mine: Deployment, fresh_anvil: AnvilNode) -> None:
    with pytest.raises(ConfigurationError) as caught:
        replace(mine, chain_id=1).verify(fresh_anvil.endpoint)
    assert caught.value.code == "WrongChain"


@pytest.mark.parametrize("name", ["vault", "market", "court"])
def test_verify_with_one_changed_byte_of_code_is_refused(name: str, mine: Deployment, fresh_anvil: AnvilNode) -> None:
    address = to_hex(getattr(mine, name))
    code = bytearray(from_hex(fresh_anvil.endpoint.call("eth_getCode", address, "latest")))
    code[len(code) // 2] ^= 1
    fresh_anvil.endpoint.call("anvil_setCode", address, to_hex(bytes(code)))
    with pytest.raises(ConfigurationError) as caught:
        mine.verify(fresh_anvil.endpoint)
    assert caught.value.code == "WrongContracts"


def test_verify_with_a_changed_immutable_value_is_refused(mine: Deployment, fresh_anvil: AnvilNode) -> None:
    code = from_hex(fresh_anvil.endpoint.call("eth_getCode", to_hex(mine.vault), "latest"))
    forged = code.replace(mine.court, bytes.fromhex("bad0" * 10))
    assert forged != code
    fresh_anvil.endpoint.call("anvil_setCode", to_hex(mine.vault), to_hex(forged))
    with pytest.raises(ConfigurationError) as caught:
        mine.verify(fresh_anvil.endpoint)
    assert caught.value.code == "WrongContracts"


def test_immutable_values_of_code_that_only_starts_alike_is_none() -> None:
    creation = contract("Vault").creation_code
    assert immutable_values(creation, b"") is None
    assert immutable_values(creation, creation + b"\0") is None
    assert immutable_values(creation, creation[-100:-1] + bytes([creation[-1] ^ 1])) is None


def test_digests_are_those_of_the_deployed_token(mine: Deployment, fresh_anvil: AnvilNode) -> None:
    sender, token = TransactionSender(fresh_anvil.endpoint), contract("DevToken")
    owner, spender = fresh_anvil.development_accounts()[1:3]
    sender.send(owner, mine.token, token.call("mint", owner.address, usd(10)))
    digest = permit_digest(
        mine.token_domain, owner=owner.address, spender=spender.address, value=7, nonce=0, deadline=2**40
    )
    signature = owner.sign(digest)
    parts = (signature[64], signature[:32], signature[32:64])
    sender.send(spender, mine.token, token.call("permit", owner.address, spender.address, 7, 2**40, *parts))
    nonce = keccak256(b"nonce")
    digest = receive_authorization_digest(
        mine.token_domain,
        payer=owner.address,
        payee=spender.address,
        value=3,
        valid_after=0,
        valid_before=2**40,
        nonce=nonce,
    )
    signature = owner.sign(digest)
    parts = (signature[64], signature[:32], signature[32:64])
    taken = token.call("receiveWithAuthorization", owner.address, spender.address, 3, 0, 2**40, nonce, *parts)
    sender.send(spender, mine.token, taken)
    assert read(
        fresh_anvil.endpoint,
        [
            ("DevToken", mine.token, "allowance", (owner.address, spender.address)),
            ("DevToken", mine.token, "balanceOf", (spender.address,)),
        ],
    ) == [7, 3]


def test_deployment_file_is_plain_json_with_names(mine: Deployment, tmp_path: Path) -> None:
    mine.save(tmp_path / "d.json")
    document = json.loads((tmp_path / "d.json").read_text())
    assert document["market"] == to_hex(mine.market)
    assert document["parameters"]["move_time"] == 3600
