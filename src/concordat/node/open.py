"""``concordat.open``: one URL, one network.

============================  ========================================================================================
``memory://``                 the pure rules, in this process, nothing kept
``anvil://``                  an embedded development chain with nodes in this process, gone when closed
``anvil:///path/to/home``     the same, kept in a folder; if a market is running there (``concordat up``), that one
``http(s)://…``               any EVM chain: with a home that has a deployment, a client of it; a development chain
                              without one gets a deployment and nodes in this process
============================  ========================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from concordat.chain.accounts import development_accounts
from concordat.chain.anvil import AnvilNode
from concordat.chain.deploy import deploy, upgrade
from concordat.chain.deployment import Deployment
from concordat.chain.rpc import Endpoint
from concordat.client.connect import connect_home, running_url
from concordat.client.evm import GIFT, DevelopmentChain, is_development
from concordat.client.home import Home
from concordat.client.keyring import Keyring
from concordat.client.memory import MemoryChain, MemoryContent
from concordat.client.network import Network
from concordat.node.embedded import EmbeddedMarket
from concordat.node.provider import Terms
from concordat.primitives.errors import ConfigurationError
from concordat.primitives.units import usd
from concordat.protocol.ledger import Parameters

__all__ = ["embed", "open", "open_market", "upgrade_market"]

TERMS = Terms(price=usd("0.05"), bond_limit=usd("1000"))
"""What the provider of an embedded market works for."""


def open(
    url: str = "anvil://",
    *,
    home: Path | str | None = None,
    password: Callable[[str], str] | None = None,
    database: str = "",
    log_store: str = "",
    content: str = "",
    data_key: str = "",
    replicas: int = 0,
) -> Network:
    """Connect to a market, or start one of your own; close it with ``with``.

    Parameters
    ----------
    url : str
        See above.
    home : path, optional
        Folder of the deployment: addresses, public data, log, keys, journals.
    password : callable, optional
        Asked for the password of a keystore, given its name.
    database : str
        URL of the database that keeps journals and index instead of the home, such as
        ``postgresql://user:password@host/database``.
    log_store : str
        URL of the database that keeps the transparency log instead of the home.
    content : str
        Folder or URL of the content store that keeps public data instead of the home
        (`concordat.storage.content.open_content`).
    data_key : str
        File with the owner's key, which wraps the keys of subjects, instead of one in the home.
    replicas : int
        How many replicas a market of your own starts with.

    Raises
    ------
    ConfigurationError
        If the URL is of no known kind, or names a chain without a known deployment; if a database is named without a
        home.
    EndpointError
        If the chain does not answer.
    """
    parts = urlsplit(url)
    folder = Path(parts.path) if parts.scheme == "anvil" and parts.path else (Path(home) if home else None)
    place = Home(folder, database, log_store, content, data_key) if folder is not None else None
    if place is None and (database or log_store or content or data_key):
        raise ConfigurationError(
            "Stores elsewhere keep journals, index, log and content; the rest needs a folder.",
            code="NoHome",
            hint="Give home=….",
        )
    running = running_url(place) if parts.scheme == "anvil" and place is not None else None
    if place is not None and running is not None:
        return connect_home(place, running, password=password)
    if parts.scheme in ("http", "https") and place is not None and place.deployment.exists():
        return connect_home(place, url, password=password)
    market = open_market(url, home=place)
    market.add_provider("provider", TERMS)
    market.add_challenger("challenger")
    for number in range(1, replicas + 1):
        market.add_replica(f"replica-{number}")
    return market.network


def open_market(url: str, *, home: Home | None = None, parameters: Parameters | None = None) -> EmbeddedMarket:
    """A market in this process with keeper and recorder, but without provider and challenger yet."""
    scheme = urlsplit(url).scheme
    if scheme == "memory":
        return _in_memory(parameters)
    if scheme == "anvil":
        node = AnvilNode(home.chain if home else None).start()
        try:
            return embed(node.endpoint, home=home, node=node, parameters=parameters)
        except BaseException:
            node.stop()
            raise
    if scheme in ("http", "https"):
        endpoint = Endpoint(url)
        if not is_development(endpoint.chain_id):
            raise ConfigurationError(
                f"There is no deployment for chain {endpoint.chain_id} here.",
                code="NoDeployment",
                hint="Give home=… with the deployment file, or deploy with: concordat deploy",
            )
        return embed(endpoint, home=home, parameters=parameters)
    raise ConfigurationError(
        f"{url!r} is no ledger.", code="BadUrl", hint="Use memory://, anvil:// or the http(s) URL of an EVM chain."
    )


def embed(
    endpoint: Endpoint,
    *,
    home: Home | None = None,
    node: AnvilNode | None = None,
    parameters: Parameters | None = None,
) -> EmbeddedMarket:
    """Deploy on a development chain if need be, and run the nodes here."""
    deployment = _deployment(endpoint, home, parameters)
    keyring = Keyring(development=True)
    content = home.open_content() if home else MemoryContent()
    oldest, *later = reversed((deployment, *deployment.earlier))
    chain = DevelopmentChain(endpoint, oldest, keyring, node=node)
    market = EmbeddedMarket(chain, content, keyring, home=home, version=oldest.version)
    for version in later:
        chain = DevelopmentChain(endpoint, version, keyring, follows=chain)
        market = EmbeddedMarket(chain, content, keyring, earlier=market, version=version.version)
    return market


def upgrade_market(market: EmbeddedMarket, *, parameters: Parameters | None = None) -> EmbeddedMarket:
    """Put the next version of an embedded market next to it, while it runs, and serve both in this process.

    Close what is returned, and not the market that was handed over.

    Parameters
    ----------
    market : EmbeddedMarket
        The version that is followed; its nodes go on until its open orders have ended.
    parameters : Parameters, optional
        Of the new version; those of the earlier one if left out.

    Raises
    ------
    ConfigurationError
        ``NoUpgrade`` if the market is not on a chain.
    """
    before = market.backend
    if not isinstance(before, DevelopmentChain):
        raise ConfigurationError("A market in memory has one version.", code="NoUpgrade", hint="Use anvil://.")
    current = before.ledger.deployment
    deployment = upgrade(before.endpoint, development_accounts(1)[0], current, parameters=parameters)
    if market.home.deployment.exists():
        deployment.save(market.home.deployment)
    chain = DevelopmentChain(before.endpoint, deployment, market.keyring, follows=before)
    return EmbeddedMarket(chain, market.content, market.keyring, earlier=market, version=deployment.version)


def _deployment(endpoint: Endpoint, home: Home | None, parameters: Parameters | None) -> Deployment:
    if home is not None and home.deployment.exists():
        return Deployment.load(home.deployment)
    deployment = deploy(endpoint, development_accounts(1)[0], parameters=parameters)
    if home is not None:
        deployment.save(home.deployment)
    return deployment


def _in_memory(parameters: Parameters | None) -> EmbeddedMarket:
    chain = MemoryChain(parameters)
    keyring = Keyring(development=True, on_new=lambda signer: chain.welcome(signer.address, GIFT))
    return EmbeddedMarket(chain, chain.content, keyring)
