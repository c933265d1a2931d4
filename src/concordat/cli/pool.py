"""``concordat pool``: being a member of the pool of replicas."""

from __future__ import annotations

import click

from concordat.cli.connect import connect
from concordat.cli.output import command_errors, speaker_of
from concordat.cli.settings import Settings
from concordat.client.network import Network
from concordat.primitives.encoding import checksum_address
from concordat.primitives.units import Address, show_usd
from concordat.protocol.panel_messages import CollectStake, JoinPool, LeavePool, PanelMessage

__all__ = ["pool"]


@click.group()
def pool() -> None:
    """Be drawn as a replica: join with a stake, leave, get it back. The work is done by: concordat node run replica."""


@pool.command()
@click.argument("name")
@command_errors
def show(name: str) -> None:
    """What an account has in the pool."""
    context = click.get_current_context()
    with connect(context.find_object(Settings) or Settings()) as network:
        _tell(network, network.keyring.signer(name).address)


@pool.command()
@click.argument("name")
@click.option("--tickets", default=1, show_default=True, help="How many more tickets.")
@command_errors
def join(name: str, tickets: int) -> None:
    """Join the pool, or add tickets; the stake comes from the account's free balance in the vault."""
    _say(name, JoinPool(tickets=tickets))


@pool.command()
@click.argument("name")
@command_errors
def leave(name: str) -> None:
    """Leave the pool; the stake stays bound for a while."""
    _say(name, LeavePool())


@pool.command()
@click.argument("name")
@command_errors
def collect(name: str) -> None:
    """Free the stake of an account that left long enough ago."""
    _say(name, None)


def _say(name: str, message: PanelMessage | None) -> None:
    context = click.get_current_context()
    with connect(context.find_object(Settings) or Settings()) as network:
        account = network.keyring.signer(name).address
        network.ledger.send(message or CollectStake(replica=account), sender=account)
        _tell(network, account)


def _tell(network: Network, account: Address) -> None:
    member, parameters = network.ledger.member(account), network.ledger.parameters
    stake = show_usd(parameters.ticket * member.tickets)
    data = {
        "account": checksum_address(account),
        "tickets": member.tickets,
        "stake": stake,
        "drawn": bool(member.tickets) and not member.free_at,
        "free_at": member.free_at or None,
    }
    state = f"free at {member.free_at}" if member.free_at else "can be drawn" if member.tickets else "not in the pool"
    speaker = speaker_of(click.get_current_context())
    speaker.result(data, f"{checksum_address(account)}  {member.tickets} tickets  {stake}  {state}")
