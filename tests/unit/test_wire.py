"""Values as JSON and back: one form each, and nothing else is read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concordat.primitives.errors import InputError
from concordat.primitives.units import Address, Amount, Bytes32, ModelId, Seconds, Timestamp
from concordat.primitives.wire import from_wire, to_wire
from concordat.protocol.messages import Funding, FundingMode, Opening
from concordat.protocol.order import Order

ORDER = Order(
    client=Address(b"c" * 20),
    provider=Address(b"p" * 20),
    price=Amount(5),
    bond=Amount(20),
    accept_by=Timestamp(100),
    deliver_by=Timestamp(200),
    window=Seconds(60),
    model=ModelId(b"m" * 32),
    input=Bytes32(b"i" * 32),
    evidence=Bytes32(b"\x01" + bytes(31)),
    salt=Bytes32(b"s" * 32),
)


def test_wire_order_survives_the_round_trip() -> None:
    assert from_wire(Order, to_wire(ORDER)) == ORDER


@given(st.lists(st.binary(min_size=32, max_size=32)), st.lists(st.binary(min_size=32, max_size=32)))
def test_wire_nested_tuples_survive_the_round_trip(words: list[bytes], path: list[bytes]) -> None:
    opening = Opening(words=tuple(map(Bytes32, words)), path=tuple(map(Bytes32, path)))
    assert from_wire(Opening, to_wire(opening)) == opening


def test_wire_enumerations_are_numbers() -> None:
    funding = Funding(mode=FundingMode.CREDIT, signature=b"\x01\x02")
    assert to_wire(funding) == {"mode": 1, "signature": "0x0102"}
    assert from_wire(Funding, {"mode": 1, "signature": "0x0102"}) == funding


@pytest.mark.parametrize(
    "change",
    [
        {"price": "5"},
        {"price": 5.0},
        {"price": True},
        {"client": "63" * 20},
        {"client": 3},
        {"salt": None},
        {"extra": 1},
        {"salt": "0xzz"},
    ],
)
def test_wire_field_of_another_type_raises(change: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        from_wire(Order, {**to_wire(ORDER), **change})


def test_wire_missing_field_and_unknown_enumeration_raise() -> None:
    fields = to_wire(ORDER)
    del fields["salt"]
    with pytest.raises(InputError):
        from_wire(Order, fields)
    with pytest.raises(InputError):
        from_wire(Funding, {"mode": 9, "signature": "0x"})
    with pytest.raises(InputError):
        from_wire(Funding, [])
