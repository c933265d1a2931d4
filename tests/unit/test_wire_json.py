"""Strangers' JSON, with and without an interpreter that lets it recurse."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from concordat.primitives.wire import parse_json


@pytest.fixture(params=[1000, 100_000])
def recursion_limit(request: pytest.FixtureRequest) -> Iterator[int]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, request.param))
    yield request.param
    sys.setrecursionlimit(before)


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"a":' * 50_000, b"[" * 100_000 + b"]" * 100_000])
def test_json_nested_beyond_reason_is_refused_without_harm(recursion_limit: int, data: bytes) -> None:
    with pytest.raises((RecursionError, ValueError)):
        parse_json(data)


def test_json_with_many_flat_brackets_and_brackets_in_texts_is_read(recursion_limit: int) -> None:
    flat = [{"text": '[[[[{{{{\\"'}] * 5_000
    text = "[" + ",".join('{"text": "[[[[{{{{\\\\\\""}' for _ in range(5_000)) + "]"
    assert parse_json(text) == flat
    assert parse_json(text.encode("utf-16")) == flat
