"""Providers that announced themselves on chain, in the ERC-8004 identity registry.

A provider registers an agent whose URI is a ``data:`` URL with the registration file of ERC-8004; the service named
``concordat`` in it says where its HTTP door is. Anybody can announce himself, and anybody can lie: a client believes
nothing but the provider's signature under an order's transaction.

References
----------
ERC-8004 (identity registry, registration file v1); RFC 2397 (``data:`` URLs).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from concordat.chain.accounts import Signer
from concordat.chain.ledger import EvmLedger
from concordat.client.caller import Caller
from concordat.primitives.encoding import canonical_json, checksum_address
from concordat.primitives.units import Address
from concordat.primitives.wire import parse_json

__all__ = ["Announcement", "Directory"]

REGISTRATION_TYPE = "https://eips.ethereum.org/EIPS/eip-8004#registration-v1"
SERVICE = "concordat"
_PREFIX = "data:application/json;base64,"
_LONGEST_URI = 16_384
_UNSETTLED = 8
"""Blocks at the head that are read again: a re-organisation may still change them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """One provider's entry."""

    agent: int
    """Token id in the identity registry."""
    address: Address
    """Owner of the agent: the account that accepts orders."""
    name: str
    """What it calls itself."""
    url: str
    """Base URL of its door."""


class Directory:
    """The providers of one deployment."""

    def __init__(self, ledger: EvmLedger) -> None:
        self._ledger = ledger
        self._agents = Caller(ledger, "Agents", ledger.deployment.agents)
        self._owners: dict[int, Address] = {}
        self._uris: dict[int, str] = {}
        self._next = 0

    def announce(self, signer: Signer, name: str, url: str) -> None:
        """Register a provider, or change its entry; does nothing if the entry says so already."""
        mine = [entry for entry in self._entries() if entry.address == signer.address]
        uri = self._uri(name, url)
        if not mine:
            self._agents.send(signer, "register(string)", uri)
        elif (mine[-1].name, mine[-1].url) != (name, url):
            self._agents.send(signer, "setAgentURI", mine[-1].agent, uri)

    def providers(self) -> list[Announcement]:
        """Every provider that announced a door, oldest first."""
        return [entry for entry in self._entries() if entry.url]

    def _entries(self) -> list[Announcement]:
        head = self._ledger.head()
        events = ("Registered", "URIUpdated", "Transfer")
        for name, values in self._agents.history(*events, start=self._next, end=head):
            agent = int(values["token_id" if name == "Transfer" else "agent_id"])
            if name == "Transfer":
                self._owners[agent] = Address(values["to"])
            else:
                self._uris[agent] = values["agent_uri"] if name == "Registered" else values["new_uri"]
        self._next = max(self._next, head - _UNSETTLED)
        known = [agent for agent in self._uris if agent in self._owners]
        return [_announcement(agent, self._owners[agent], self._uris[agent]) for agent in known]

    def _uri(self, name: str, url: str) -> str:
        domain = self._ledger.deployment
        registration = {
            "type": REGISTRATION_TYPE,
            "name": name,
            "description": "Sells decisions of registered models on Concordat.",
            "services": [{"name": SERVICE, "endpoint": url, "version": "1"}],
            "registrations": [{"agentRegistry": f"eip155:{domain.chain_id}:{checksum_address(domain.agents)}"}],
            "supportedTrust": ["crypto-economic"],
            "active": True,
        }
        return _PREFIX + base64.b64encode(canonical_json(registration)).decode()


def _announcement(agent: int, owner: Address, uri: str) -> Announcement:
    """What an agent's URI says; an entry without URL where it says nothing of use."""
    name = url = ""
    if uri.startswith(_PREFIX) and len(uri) <= _LONGEST_URI:
        try:
            data = parse_json(base64.b64decode(uri.removeprefix(_PREFIX), validate=True))
            services = {item["name"]: item["endpoint"] for item in data["services"]}
            name, url = str(data["name"])[:80], str(services.get(SERVICE, ""))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            name = url = ""
    return Announcement(
        agent=agent, address=owner, name=name, url=url if url.startswith(("http://", "https://")) else ""
    )
