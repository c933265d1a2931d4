"""A deployment inspected: the right one, and every way in which it can be another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from concordat.chain.accounts import Account
from concordat.chain.anvil import AnvilNode
from concordat.chain.contracts import contract
from concordat.chain.deploy import constructor_arguments, deploy
from concordat.chain.deployment import Deployment
from concordat.chain.inspection import Inspection, Verdict, inspect
from concordat.chain.transactions import TransactionSender
from concordat.primitives.encoding import from_hex, to_bytes32, to_hex
from concordat.primitives.errors import ConfigurationError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Seconds
from concordat.protocol.ledger import Parameters

pytestmark = pytest.mark.chain


@pytest.fixture
def chain(anvil: AnvilNode, deployment: Deployment) -> Iterator[AnvilNode]:
    snapshot = anvil.endpoint.call("evm_snapshot")
    yield anvil
    anvil.endpoint.call("evm_revert", snapshot)


def wrong(found: Inspection) -> set[tuple[str, str]]:
    return {(item.contract, item.check) for item in found.failed}


def set_code(chain: AnvilNode, address: Address, code: bytes) -> None:
    chain.endpoint.call("anvil_setCode", to_hex(address), to_hex(code))


def code_at(chain: AnvilNode, address: Address) -> bytes:
    return from_hex(chain.endpoint.call("eth_getCode", to_hex(address), "latest"))


def test_inspection_of_what_was_deployed_passes_every_check(chain: AnvilNode, deployment: Deployment) -> None:
    found = inspect(chain.endpoint, deployment)
    assert found.complete
    assert not found.failed
    checks = {item.check for item in found.findings}
    assert {"code", "constructor", "creation", "parameters", "shares", "vault"} <= checks
    assert found.code_hashes["Market"] == keccak256(code_at(chain, deployment.market))


def test_inspection_names_the_one_contract_that_was_replaced(chain: AnvilNode, deployment: Deployment) -> None:
    code = bytearray(code_at(chain, deployment.court))
    code[100] ^= 1
    set_code(chain, deployment.court, bytes(code))
    assert {("Court", "code"), ("Court", "constructor")} <= wrong(inspect(chain.endpoint, deployment))
    assert {name for name, _ in wrong(inspect(chain.endpoint, deployment))} == {"Court"}


def test_inspection_names_a_contract_that_is_not_there(chain: AnvilNode, deployment: Deployment) -> None:
    set_code(chain, deployment.vault, b"")
    assert ("Vault", "code") in wrong(inspect(chain.endpoint, deployment))


def test_inspection_names_the_one_parameter_that_is_another(chain: AnvilNode, deployment: Deployment) -> None:
    claimed = replace(deployment, parameters=Parameters(move_time=Seconds(3601)))
    found = wrong(inspect(chain.endpoint, claimed))
    assert {("Court", "code"), ("Court", "constructor"), ("Court", "creation"), ("Court", "parameters")} == found


def test_inspection_sees_two_values_exchanged_that_each_occur_in_the_deployment(
    chain: AnvilNode, deployment: Deployment
) -> None:
    """The vault pays whom its code names as market: here the court in one of the places, though the getter is right."""
    code, market = code_at(chain, deployment.vault), deployment.market.rjust(32, b"\0")
    last = code.rindex(market)
    forged = code[:last] + deployment.token.rjust(32, b"\0") + code[last + 32 :]
    set_code(chain, deployment.vault, forged)
    found = inspect(chain.endpoint, deployment)
    assert ("Vault", "constructor") in wrong(found)
    assert ("Vault", "code") not in wrong(found)


def test_inspection_sees_a_constructor_that_left_the_right_code_over_money_of_its_own(
    chain: AnvilNode, deployment: Deployment, accounts: list[Account]
) -> None:
    """Init code that writes a slot and then returns the genuine code: only its transaction tells."""
    genuine = code_at(chain, deployment.checkpoints)
    store = bytes.fromhex("7f") + to_bytes32(10**18) + bytes.fromhex("600055")
    size, start = len(genuine).to_bytes(2, "big"), len(store) + 13
    back = bytes.fromhex("61") + size + bytes.fromhex("8060") + bytes([start]) + bytes.fromhex("5f395ff3")
    init = store + back
    init += bytes(start - len(init)) + genuine
    receipt = TransactionSender(chain.endpoint).send(accounts[3], None, init)
    forged = replace(deployment, checkpoints=Address(from_hex(receipt["contractAddress"])))
    assert code_at(chain, forged.checkpoints) == genuine
    forged.verify(chain.endpoint)
    assert wrong(inspect(chain.endpoint, forged)) == {("Checkpoints", "creation")}


def test_inspection_that_cannot_find_the_creation_says_so(chain: AnvilNode, deployment: Deployment) -> None:
    chain.mine(3)
    found = inspect(chain.endpoint, deployment, first_block=chain_head(chain))
    assert not found.failed
    assert not found.complete
    unknown = {item.check for item in found.findings if item.verdict is Verdict.NOT_CHECKED}
    assert unknown == {"creation"}


def chain_head(chain: AnvilNode) -> int:
    return int(chain.endpoint.call("eth_blockNumber"), 16)


def test_inspection_of_another_chain_fails_before_anything_else(chain: AnvilNode, deployment: Deployment) -> None:
    found = inspect(chain.endpoint, replace(deployment, chain_id=1))
    assert wrong(found) == {("Market", "chain")}
    with pytest.raises(ConfigurationError):
        replace(deployment, chain_id=1).verify(chain.endpoint)


def test_constructor_arguments_of_every_contract_fit_its_constructor(deployment: Deployment) -> None:
    at = dict(deployment.named()) | {"DevToken": deployment.token}
    for name, _ in deployment.named():
        contract(name).creation(*constructor_arguments(name, at, deployment.parameters))


def test_inspection_of_a_second_deployment_does_not_mix_it_with_the_first(
    chain: AnvilNode, deployment: Deployment, accounts: list[Account]
) -> None:
    second = deploy(chain.endpoint, accounts[4], token=deployment.token)
    assert not inspect(chain.endpoint, second).failed
    crossed = replace(second, vault=deployment.vault)
    assert {("Vault", "market"), ("Market", "vault")} <= wrong(inspect(chain.endpoint, crossed))
