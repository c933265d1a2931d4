"""Calls, results, logs and errors of packaged contracts."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from concordat.chain.contracts import contract, custom_error, packaged, snake_case
from concordat.chain.translate import call_for, error_for, event_of
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import EndpointError, InputError, NotFoundError, ProtocolError, TransactionError
from concordat.primitives.hashing import keccak256
from concordat.protocol.events import Event
from concordat.protocol.messages import Withdraw
from concordat.protocol.refusals import REFUSALS

TRANSFER = keccak256(b"Transfer(address,address,uint256)")


def test_selectors_are_the_first_bytes_of_the_hashed_signature() -> None:
    assert contract("DevToken").call("transfer", b"\x11" * 20, 1)[:4].hex() == "a9059cbb"
    assert contract("DevToken").call("balanceOf", b"\x11" * 20)[:4].hex() == "70a08231"
    assert contract("DevToken").topic("Transfer") == TRANSFER


def test_every_event_of_the_protocol_is_an_event_of_a_contract_with_the_same_fields() -> None:
    events = {
        entry.name: tuple(snake_case(item["name"]) for item in entry.inputs)
        for name in ("Vault", "Market", "Court", "Replication", "ProofCourt")
        for entry in contract(name)._events.values()
    }
    for kind in get_args(Event):
        assert events[kind.__name__] == tuple(kind.__dataclass_fields__)


def test_every_refusal_of_the_contracts_has_an_error_of_its_own() -> None:
    declared = {entry.name for name in ("Market", "Court") for entry in contract(name).errors.values()}
    assert declared - set(REFUSALS) == {"BadParameters", "NotAuthorized"}


def test_call_for_encodes_like_a_hand_made_call() -> None:
    name, data = call_for(Withdraw(amount=258, to=b"\x22" * 20))
    selector = keccak256(b"withdraw(uint256,address)")[:4]
    assert (name, data) == ("Vault", selector + (258).to_bytes(32, "big") + bytes(12) + b"\x22" * 20)


@pytest.mark.parametrize(
    "arguments", [(), (1, 2, 3), ("ten", b"\x22" * 20), (-1, b"\x22" * 20), (2**256, b"\x22" * 20), (1, b"\x22" * 19)]
)
def test_call_with_values_that_do_not_fit_is_refused(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(InputError) as caught:
        contract("Vault").call("withdraw", *arguments)
    assert caught.value.code == "BadArguments"


def test_call_of_an_overloaded_function_goes_by_the_number_of_arguments_or_the_signature() -> None:
    agents = contract("Agents")
    assert agents.call("register")[:4] == keccak256(b"register()")[:4]
    assert agents.call("register", "uri")[:4] == keccak256(b"register(string)")[:4]
    assert agents.call("register(string)", "uri") == agents.call("register", "uri")
    assert agents.result("register", (7).to_bytes(32, "big")) == 7
    with pytest.raises(InputError):
        contract("DevToken").call("receiveWithAuthorization", 1)


def test_call_of_an_unknown_function_or_contract_is_refused() -> None:
    with pytest.raises(InputError):
        contract("Vault").call("steal")
    with pytest.raises(NotFoundError):
        contract("Bank")
    assert {"Vault", "Market", "Court", "DevToken"} <= set(packaged())


@pytest.mark.parametrize("data", [b"", b"\x01", bytes(31), b"\xff" * 40])
def test_result_of_an_address_without_the_contract_is_garbage(data: bytes) -> None:
    with pytest.raises(EndpointError) as caught:
        contract("Vault").result("balance", data)
    assert caught.value.code == "EndpointGarbage"


def test_log_gives_indexed_and_plain_values_in_order() -> None:
    topics = [TRANSFER, bytes(12) + b"\x11" * 20, bytes(12) + b"\x22" * 20]
    found = contract("DevToken").log(topics, (5).to_bytes(32, "big"))
    assert found == ("Transfer", {"from": b"\x11" * 20, "to": b"\x22" * 20, "value": 5})
    assert contract("Vault").log(topics, b"") is None
    assert contract("Vault").log([], b"") is None


@pytest.mark.parametrize("count", [1, 2, 4])
def test_log_with_missing_or_extra_topics_is_garbage(count: int) -> None:
    with pytest.raises(EndpointError):
        contract("DevToken").log([TRANSFER, *[bytes(32)] * (count - 1)], (5).to_bytes(32, "big"))


def test_event_of_another_contracts_log_is_none() -> None:
    log = {"topics": [to_hex(keccak256(b"Other()"))], "data": "0x"}
    assert event_of("Vault", log) is None


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_error_for_a_custom_error_has_its_name_and_class(code: str) -> None:
    error = error_for(keccak256(f"{code}()".encode())[:4])
    declared = {entry.name for name in packaged() for entry in contract(name).errors.values()}
    assert code in declared
    assert type(error) is REFUSALS[code]
    assert error.code == code


def test_error_for_a_token_without_enough_tokens_is_the_protocols() -> None:
    data = keccak256(b"ERC20InsufficientBalance(address,uint256,uint256)")[:4] + b"".join(
        value.to_bytes(32, "big") for value in (17, 1, 2)
    )
    error = error_for(data)
    assert error.code == "InsufficientFunds"
    assert error.fields["needed"] == 2


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", "no reason"),
        (b"\x01\x02\x03\x04", "0x01020304"),
        (keccak256(b"Panic(uint256)")[:4] + (0x11).to_bytes(32, "big"), "17"),
        (keccak256(b"Error(string)")[:4] + bytes(31) + b"\x20" + bytes(31) + b"\x02" + b"no".ljust(32, b"\0"), "no"),
        (keccak256(b"Error(string)")[:4] + b"\xff" * 32, "Error"),
    ],
)
def test_error_for_other_revert_data_is_a_transaction_error(data: bytes, part: str) -> None:
    error = error_for(data)
    assert isinstance(error, TransactionError)
    assert not isinstance(error, ProtocolError)
    assert part in str(error)


def test_custom_error_with_cut_arguments_keeps_its_name() -> None:
    error = custom_error(keccak256(b"ERC20InsufficientBalance(address,uint256,uint256)")[:4] + bytes(10))
    assert error.name == "ERC20InsufficientBalance"


@pytest.mark.parametrize(
    ("name", "snake"),
    [("acceptBy", "accept_by"), ("orderId", "order_id"), ("vault_", "vault"), ("DOMAIN", "domain"), ("a", "a")],
)
def test_snake_case_follows_the_dataclasses(name: str, snake: str) -> None:
    assert snake_case(name) == snake
