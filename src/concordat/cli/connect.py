"""From settings to a network."""

from __future__ import annotations

from concordat.cli.settings import Settings
from concordat.client.connect import connect_home, running_url
from concordat.client.home import Home
from concordat.client.network import Network
from concordat.primitives.errors import ConfigurationError

__all__ = ["chain_url", "connect"]


def chain_url(settings: Settings) -> str:
    """JSON-RPC URL that the settings mean.

    Raises
    ------
    ConfigurationError
        If it is the embedded chain, and it does not run.
    """
    if settings.url.startswith(("http://", "https://")):
        return settings.url
    if not settings.url.startswith("anvil://"):
        raise ConfigurationError(
            f"The command line works on a chain, not on {settings.url!r}.",
            code="BadUrl",
            hint="Use anvil:// or the URL of a JSON-RPC endpoint.",
        )
    url = running_url(Home(settings.home))
    if url is None:
        raise ConfigurationError(
            f"No market runs in {settings.home}.", code="NotRunning", hint="Start one with: concordat up"
        )
    return url


def connect(settings: Settings) -> Network:
    """A client of the market that the settings mean."""
    return connect_home(settings.place, chain_url(settings), password=lambda _: settings.password, find=settings.signer)
