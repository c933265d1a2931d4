"""Being a client of a market whose nodes run elsewhere."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache

from concordat.chain.accounts import Signer
from concordat.chain.deployment import Deployment
from concordat.chain.ledger import EvmLedger
from concordat.chain.rpc import Endpoint
from concordat.client.contract_accounts import ContractAccounts
from concordat.client.directory import Directory
from concordat.client.effects_evm import EvmEffects
from concordat.client.erasure import Erasures, erasure_requests, open_subjects
from concordat.client.evm import DevelopmentChain, EvmAnchors, EvmArtifacts, is_development, log_id
from concordat.client.home import Home
from concordat.client.keyring import Keyring
from concordat.client.network import Network
from concordat.client.observed import ObservedInputs
from concordat.client.orders import Orders
from concordat.client.providers import HttpProvider
from concordat.client.public import Holder, PublicData
from concordat.client.records import Records
from concordat.client.registry import Registry
from concordat.client.remote import door_holder
from concordat.client.search import Search, open_search
from concordat.client.secret import secrets_of
from concordat.client.steward_book import StewardBook
from concordat.primitives.encoding import ZERO_ADDRESS, from_hex
from concordat.primitives.errors import ConfigurationError
from concordat.primitives.units import Address
from concordat.protocol.checkpoint import NoteKey
from concordat.storage.log import LogReader

__all__ = [
    "connect_home",
    "earlier_ledgers",
    "evm_ledger",
    "known_providers",
    "log_reader",
    "public_data",
    "running_url",
]

PAUSE_SECONDS = 0.05
"""Between two looks at an order one waits for."""
ASK_SECONDS = 30.0
"""For asking one door after another for the same thing: anybody can announce any number of doors."""
MOST_LINKS = 64
"""Providers to which connections are kept."""


def running_url(home: Home) -> str | None:
    """URL of the chain of a market that runs in this home, if one does."""
    try:
        url = json.loads(home.running.read_text())["url"]
        Endpoint(url, retries=0, timeout=2.0).chain_id  # noqa: B018 (asks the chain)
    except Exception:  # noqa: BLE001 (whatever is wrong: it does not run)
        return None
    return str(url)


def evm_ledger(
    home: Home,
    url: str,
    *,
    password: Callable[[str], str] | None = None,
    find: Callable[[str], Signer | None] | None = None,
) -> tuple[EvmLedger, Keyring]:
    """Ledger and accounts of a home's deployment, checked against the endpoint; see `Keyring` for the callables."""
    endpoint, deployment = Endpoint(url), Deployment.load(home.deployment)
    development = is_development(deployment.chain_id)
    contracts = ContractAccounts(home.keys, endpoint, lambda name: keyring.signer(name), password)

    def anywhere(name: str) -> Signer | None:
        return (find(name) if find else None) or contracts.find(name)

    keyring = Keyring(home.keys, password=password, find=anywhere, development=development)
    if development:
        return DevelopmentChain(endpoint, deployment, keyring).ledger, keyring
    ledger = EvmLedger(endpoint, deployment, beacon=home.beacon)
    keyring.on_new = ledger.add
    return ledger, keyring


def earlier_ledgers(ledger: EvmLedger, keyring: Keyring) -> list[EvmLedger]:
    """Ledgers of the earlier versions of a market, for the same accounts, newest first."""
    made = [EvmLedger(ledger.endpoint, version, beacon=ledger.beacon) for version in ledger.deployment.earlier]
    for signer in keyring.signers().values():
        for old in made:
            old.add(signer)
    tell = keyring.on_new

    def on_new(signer: Signer) -> None:
        tell(signer)
        for old in made:
            old.add(signer)

    keyring.on_new = on_new
    return made


def log_reader(home: Home) -> LogReader:
    """The home's transparency log."""
    try:
        keys = [NoteKey.parse(line) for line in home.log_key.read_text().split()]
    except OSError as error:
        raise ConfigurationError(
            "This home has no transparency log yet.", code="NoLog", hint="Start a keeper: concordat node run keeper"
        ) from error
    return LogReader(home.open_log().read, keys)


def known_providers(home: Home, ledger: EvmLedger) -> Callable[[], list[HttpProvider]]:
    """How to look up providers: those of this home by their files, then those that announced themselves on chain."""
    directory = Directory(ledger)
    link = lru_cache(maxsize=MOST_LINKS)(HttpProvider)  # keeps its connections; a new httpx client takes 40 ms

    def look() -> list[HttpProvider]:
        doors = [json.loads(path.read_text()) for path in sorted(home.path.glob("nodes/*/door.json"))]
        found = {Address(from_hex(door["address"], length=20)): str(door["url"]) for door in doors}
        for entry in directory.providers():
            found.setdefault(entry.address, entry.url)
        return [link(url, address) for address, url in found.items()]

    return look


def public_data(home: Home, ledger: EvmLedger) -> PublicData:
    """Public data of this home; what is not there comes from providers' doors."""
    providers, holder = known_providers(home, ledger), lru_cache(maxsize=MOST_LINKS)(door_holder)
    observed = ObservedInputs(ledger)

    def holders() -> Iterator[Holder]:
        yield observed
        end = time.monotonic() + ASK_SECONDS
        for link in providers():
            if time.monotonic() > end:
                return
            yield holder(link.url)

    return PublicData(home.open_content(), holders)


def connect_home(
    home: Home,
    url: str,
    *,
    password: Callable[[str], str] | None = None,
    find: Callable[[str], Signer | None] | None = None,
) -> Network:
    """A client of the market in this home; see `Keyring` for the callables."""
    ledger, keyring = evm_ledger(home, url, password=password, find=find)
    providers, public = known_providers(home, ledger), public_data(home, ledger)
    anchors = EvmAnchors(ledger, log_id(_log_owner(home)))
    journal, subjects = home.open_orders(), open_subjects(home)
    requests, olds = erasure_requests(home), earlier_ledgers(ledger, keyring)
    erasures = Erasures(ledger, journal, subjects, public, keyring, requests, providers=providers, earlier=olds)
    registry = Registry(EvmArtifacts(ledger, keyring), public, keyring, secrets=secrets_of(home.path))
    log, rest = cache(lambda: log_reader(home)), threading.Event()

    def version_of(version: EvmLedger, earlier: Sequence[Orders], index: Search) -> Orders:
        records = Records(
            version,
            public,
            log,
            anchors=anchors.anchors,
            checkpoints=version.deployment.checkpoints,
            erasures=erasures,
            earlier=[orders.records for orders in earlier],
        )
        return Orders(
            version,
            registry,
            public,
            keyring,
            journal,
            records,
            providers=providers,
            pump=lambda: rest.wait(PAUSE_SECONDS),
            index=index,
            subjects=subjects,
            earlier=earlier,
        )

    before = [version_of(old, (), open_search(old, None)) for old in olds]
    orders = version_of(ledger, before, open_search(ledger, home))
    erasures.resume()
    return Network(
        ledger=ledger,
        registry=registry,
        orders=orders,
        records=orders.records,
        keyring=keyring,
        public=public,
        providers=providers,
        effects=EvmEffects(ledger, keyring),
        book=StewardBook(home.path),
        on_close=journal.close,
    )


def _log_owner(home: Home) -> Address:
    try:
        return Address(from_hex(home.log_owner.read_text().strip(), length=20))
    except OSError:
        return ZERO_ADDRESS
