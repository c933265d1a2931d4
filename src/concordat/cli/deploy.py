"""``concordat deploy``: put a market on a chain."""

from __future__ import annotations

import click

from concordat.chain.accounts import Account
from concordat.chain.deploy import deploy as deploy_market
from concordat.chain.rpc import Endpoint
from concordat.cli.output import command_errors, speaker_of
from concordat.cli.settings import Settings
from concordat.client.evm import is_development
from concordat.client.home import Home
from concordat.primitives.encoding import checksum_address, from_hex, to_hex
from concordat.primitives.errors import ConfigurationError
from concordat.primitives.units import Address, seconds, usd
from concordat.primitives.wire import to_wire
from concordat.protocol.ledger import Parameters

__all__ = ["deploy"]


@click.command()
@click.option(
    "--token", help="Settlement token (EIP-712, ERC-3009, ERC-2612). Development chains get one of their own."
)
@click.option("--move-time", default=3600, show_default=True, help="Seconds for every move in a dispute.")
@click.option("--respondent-cost", default="2.00", show_default=True, help="Dollars a lost dispute pays the provider.")
@command_errors
def deploy(token: str | None, move_time: int, respondent_cost: str) -> None:
    """Deploy all contracts at --url, paid by --account, and write the deployment into the home folder.

    The account has no rights afterwards: there is no owner and no proxy.
    """
    context = click.get_current_context()
    settings, speaker = context.find_object(Settings) or Settings(), speaker_of(context)
    home = Home(settings.home)
    if home.deployment.exists():
        raise ConfigurationError(
            f"{home.deployment} exists.", code="DeploymentExists", hint="Use another --home for another deployment."
        )
    endpoint = Endpoint(settings.url)
    if token is None and not is_development(endpoint.chain_id):
        raise ConfigurationError(
            f"Chain {endpoint.chain_id} is no development chain.", code="NoToken", hint="Name the token with --token."
        )
    signer = Account.from_keystore(home.keys / f"{settings.account}.json", settings.password)
    deployment = deploy_market(
        endpoint,
        signer,
        token=Address(from_hex(token, length=20)) if token else None,
        parameters=Parameters(move_time=seconds(move_time), respondent_cost=usd(respondent_cost)),
        on_step=lambda name, address: speaker.log.print(f"{name:<15} {checksum_address(address)}", markup=False),
    )
    deployment.save(home.deployment)
    speaker.result(to_wire(deployment), f"market {to_hex(deployment.market)} written to {home.deployment}")
