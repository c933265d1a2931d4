"""A refusal has one name on both sides: the Solidity custom error and the Python code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from concordat.chain.contracts import contract
from concordat.chain.translate import error_for
from concordat.primitives.errors import DisputeError, FundsError, OrderError, ProtocolError
from concordat.primitives.hashing import keccak256
from concordat.protocol.refusals import REFUSALS, refusal

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = ("Market", "Vault", "Court", "Replication")
MODULES = ("ValidityEvidence", "ProofCourt")
"""Contracts whose errors the market passes on."""
NEVER_MET = {
    "CheckpointUnorderedInsertion": "raised where block numbers do not grow",
    "BadParameters": "raised by constructors only",
    "NotAuthorized": "raised to callers of functions that only the market or the court may call",
    "SafeERC20FailedOperation": "the settlement token answers falsely, which plain tokens do not",
}
"""Custom errors that no message of the protocol can lead to."""


def errors_of(name: str) -> list[tuple[str, str]]:
    """Name and signature of a contract's custom errors."""
    return sorted((entry.name, entry.signature) for entry in contract(name).errors.values())


@pytest.mark.parametrize("name", PROTOCOL)
def test_custom_errors_of_the_protocol_are_all_known_codes(name: str) -> None:
    assert [error for error, _ in errors_of(name) if error not in REFUSALS and error not in NEVER_MET] == []


def test_codes_of_the_protocol_are_all_custom_errors_of_some_contract() -> None:
    written = {error for name in (*PROTOCOL, *MODULES) for error, _ in errors_of(name)}
    assert set(REFUSALS) - written == set()


def test_exceptions_of_the_map_are_still_custom_errors() -> None:
    written = {error for name in PROTOCOL for error, _ in errors_of(name)}
    assert set(NEVER_MET) <= written
    assert not set(NEVER_MET) & set(REFUSALS)


@pytest.mark.parametrize("name", PROTOCOL)
def test_revert_of_each_custom_error_becomes_the_python_error_of_that_code(name: str) -> None:
    for error, signature in errors_of(name):
        selector = keccak256(signature.encode())[:4]
        words = bytes(32 * signature.count(",") + 32) if not signature.endswith("()") else b""
        raised = error_for(selector + words)
        assert isinstance(raised, ProtocolError)
        assert raised.code == error
        assert type(raised) is REFUSALS.get(error, ProtocolError)


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_refusal_of_each_code_has_a_sentence_and_a_class_of_its_own(code: str) -> None:
    error = refusal(code)
    assert isinstance(error, OrderError | FundsError | DisputeError)
    assert error.message.endswith(".")
    assert not error.message.startswith("The contract refused")


def test_rules_in_words_name_only_errors_that_exist() -> None:
    text = (ROOT / "docs" / "explain" / "orders-and-disputes.md").read_text()
    named = set(re.findall(r"\(`([A-Z][A-Za-z]+)`", text)) | set(re.findall(r"; `([A-Z][a-z]+[A-Z]\w+)`\)", text))
    known = set(REFUSALS) | {event for name in PROTOCOL for event in _events(name)}
    assert named - known == set()


def _events(name: str) -> set[str]:
    return {entry.name for entry in contract(name)._events.values()}
