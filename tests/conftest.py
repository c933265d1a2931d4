"""Shared fixtures: one development chain per test process, a market on it, funded accounts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from concordat.chain.accounts import Account
from concordat.chain.anvil import AnvilNode


@pytest.fixture(scope="session")
def anvil() -> Iterator[AnvilNode]:
    """A development chain that mines every transaction at once, shared by the tests of one process."""
    with AnvilNode() as node:
        yield node


@pytest.fixture
def fresh_anvil() -> Iterator[AnvilNode]:
    """A development chain of one's own, for tests that travel in time, re-organise or crash it."""
    with AnvilNode() as node:
        yield node


@pytest.fixture(scope="session")
def accounts() -> list[Account]:
    """Ten accounts with ether: 0 deploys, 1 client, 2 provider, 3 challenger, the others as the test likes."""
    return AnvilNode.development_accounts()
