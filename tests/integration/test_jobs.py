"""Jobs of an ERC-8183 contract, decided by the market: worked, cheated on and left, on a real chain node."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from concordat.chain.accounts import Signer
from concordat.chain.contracts import Contract, contract
from concordat.chain.ledger import EvmLedger
from concordat.chain.standards import deploy_standards
from concordat.client.jobs import Jobs
from concordat.client.offer import InputOpening
from concordat.graph.execute import run
from concordat.graph.trace import commit
from concordat.node.embedded import EmbeddedMarket
from concordat.node.open import open_market
from concordat.primitives.encoding import ZERO_ADDRESS, from_hex
from concordat.primitives.errors import ConcordatError
from concordat.primitives.units import Address, Bytes32, Seconds, Timestamp, usd
from concordat.protocol.execution import Result, input_root
from concordat.protocol.messages import AcceptAndSubmit, Finalize, Funding, FundingMode
from concordat.protocol.order import Order, OrderStatus, order_id
from concordat.testing.small import small_graph, small_model

pytestmark = pytest.mark.chain
ROOT = Path(__file__).resolve().parents[2]
FORGE = ROOT / "node_modules" / ".bin" / "forge"
BUDGET, BOND, WINDOW = usd(20), usd(80), Seconds(3600)
COMPLETED, REJECTED = 3, 4
SALT = Bytes32(bytes(range(32)))


@pytest.fixture(scope="module")
def jobs_contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    """Jobs of ERC-8183 in their smallest form (contracts/test/standards/Jobs.sol), freshly compiled."""
    if not FORGE.exists():
        pytest.skip("forge is not installed")
    folder = tmp_path_factory.mktemp("jobs")
    path = os.pathsep.join([str(ROOT / ".venv" / "node-shim"), os.environ.get("PATH", "")])
    source = "contracts/test/standards/Jobs.sol"
    command = [FORGE, "build", source, "--out", folder / "out", "--cache-path", folder / "cache"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=os.environ | {"PATH": path})
    artifact = json.loads((folder / "out" / "Jobs.sol" / "Jobs.json").read_text())
    return Contract("Jobs", artifact["abi"], from_hex(artifact["bytecode"]["object"]))


@dataclass
class Office:
    """A market with an evaluator, and a contract with jobs."""

    market: EmbeddedMarket
    ledger: EvmLedger
    jobs: Jobs
    contract: Contract
    commerce: Address

    def signer(self, name: str) -> Signer:
        return self.market.keyring.signer(name)

    def call(self, name: str, to: Address, data: bytes) -> Any:
        return self.ledger.sender.send(self.signer(name), to, data)

    def do(self, name: str, function: str, *arguments: Any) -> None:
        self.call(name, self.commerce, self.contract.call(function, *arguments))

    def status(self, job: int) -> int:
        data = "0x" + self.contract.call("getJob", job).hex()
        answer = self.ledger.endpoint.call("eth_call", {"to": "0x" + self.commerce.hex(), "data": data}, "latest")
        return int(self.contract.result("getJob", from_hex(answer))["status"])


@pytest.fixture(scope="module")
def office(jobs_contract: Contract) -> Iterator[Office]:
    market = open_market("anvil://")
    ledger = market.backend.ledger
    assert isinstance(ledger, EvmLedger)
    standards = deploy_standards(ledger.endpoint, market.keyring.signer("stranger"), ledger.deployment)
    receipt = ledger.sender.send(market.keyring.signer("stranger"), None, jobs_contract.creation(100))
    commerce = Address(from_hex(receipt["contractAddress"]))
    made = Office(market, ledger, Jobs(ledger, standards), jobs_contract, commerce)
    market.backend.stake(made.signer("provider").address, usd(500))
    approve = contract("DevToken").call("approve", commerce, usd(10_000))
    made.call("client", ledger.deployment.token, approve)
    yield made
    market.close()


def words() -> bytes:
    return small_model().schema.encode_one({"income": 5200, "debt": 900, "age": 44, "years": 3})


def root() -> Bytes32:
    return input_root(words(), SALT, small_graph().input_depth)


def hire(office: Office, seconds: int = 7 * 86_400) -> int:
    """A funded job for one decision."""
    wanted = office.jobs.description(small_model().id, root(), bond=BOND, window=WINDOW)
    expiry = office.ledger.now() + seconds
    text = f"{wanted} One credit decision, please."
    provider = office.signer("provider").address
    office.do("client", "createJob", provider, office.jobs.evaluator, expiry, text, ZERO_ADDRESS, 0)
    data = "0x" + office.contract.call("jobCounter").hex()
    answer = office.ledger.endpoint.call("eth_call", {"to": "0x" + office.commerce.hex(), "data": data}, "latest")
    job = int(office.contract.result("jobCounter", from_hex(answer)))
    office.do("client", "setBudget", job, office.ledger.deployment.token, BUDGET, b"")
    office.do("client", "fund", job, BUDGET, b"")
    return job


def order_for(office: Office, job: int) -> Order:
    provider, until = office.signer("provider").address, Timestamp(office.ledger.now() + 600)
    return office.jobs.order_for(
        office.commerce, job, provider, small_model().id, root(), bond=BOND, window=WINDOW, until=until
    )


def back(office: Office, job: int) -> Order:
    order = order_for(office, job)
    office.jobs.back(office.signer("provider"), office.commerce, job, order, small_model().commitment)
    return order


def deliver(office: Office, job: int, order: Order, *, lie: bool = False) -> None:
    done = run(small_graph(), words())
    output = done.output[:-1] + bytes([done.output[-1] ^ 1]) if lie else done.output
    result = Result(trace_root=commit(done), output=output)
    message = AcceptAndSubmit(order=order, funding=Funding(mode=FundingMode.CREDIT, signature=b""), result=result)
    office.ledger.send(message, sender=order.provider)
    office.do("provider", "submit", job, office.jobs.deliverable(order, result), b"")


def test_job_that_is_worked_honestly_is_completed_after_the_window(office: Office) -> None:
    job = hire(office)
    order = back(office, job)
    assert office.jobs.order_of(office.commerce, job) == order_id(order, office.ledger.domain)
    deliver(office, job, order)
    with pytest.raises(ConcordatError) as caught:
        office.jobs.settle(office.signer("stranger"), office.commerce, job, order)
    assert caught.value.code == "Undecided"
    office.market.backend.advance(WINDOW)
    office.ledger.send(Finalize(order=order), sender=office.signer("stranger").address)
    before = office.ledger.token_balance(order.provider)
    office.jobs.settle(office.signer("stranger"), office.commerce, job, order)
    assert office.status(job) == COMPLETED
    assert office.ledger.token_balance(order.provider) - before == BUDGET * 99 // 100


def test_job_with_a_false_result_is_convicted_by_the_market_s_challenger_and_rejected(office: Office) -> None:
    market = office.market
    market.network.registry.publish(small_model(), signer="lender")
    market.public.put_opening(root(), InputOpening(words=words(), salt=SALT))
    challenger = market.add_challenger("challenger")
    job = hire(office)
    order = back(office, job)
    deliver(office, job, order, lie=True)
    name = order_id(order, office.ledger.domain)
    for _ in range(10):
        challenger.step()
    assert office.ledger.state(name).status is OrderStatus.SLASHED
    client = office.signer("client")
    before = office.ledger.token_balance(client.address)
    office.jobs.settle(office.signer("stranger"), office.commerce, job, order)
    assert office.status(job) == REJECTED
    assert office.ledger.token_balance(client.address) - before == BUDGET
    office.jobs.collect(office.signer("stranger"), order)
    assert office.jobs.credit(client.address) == BOND // 4 + 1
    office.jobs.withdraw(client, client.address)
    assert office.ledger.token_balance(client.address) - before == BUDGET + BOND // 4 + 1
    assert office.ledger.balance(office.jobs.evaluator).free == 0


def test_job_that_is_backed_and_left_is_rejected(office: Office) -> None:
    job = hire(office)
    order = back(office, job)
    office.market.backend.advance(Seconds(601))
    office.jobs.settle(office.signer("stranger"), office.commerce, job, order)
    assert office.status(job) == REJECTED
    office.jobs.collect(office.signer("stranger"), order)
    assert office.jobs.credit(order.provider) == 1


def test_job_submitted_without_backing_is_rejected(office: Office) -> None:
    job = hire(office)
    assert office.jobs.order_of(office.commerce, job) is None
    office.do("provider", "submit", job, bytes(32), b"")
    office.jobs.reject_unbacked(office.signer("stranger"), office.commerce, job)
    assert office.status(job) == REJECTED


def test_job_that_expires_too_soon_for_a_dispute_is_refused(office: Office) -> None:
    job = hire(office, seconds=4 * 3600)
    with pytest.raises(ConcordatError) as caught:
        back(office, job)
    assert caught.value.code == "ExpiresTooSoon"
