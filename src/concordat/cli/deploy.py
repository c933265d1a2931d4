"""``concordat deploy``: put a market on a chain, and tell whether it is the one meant."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from concordat.chain.accounts import Account
from concordat.chain.deploy import deploy as deploy_market
from concordat.chain.deployment import Deployment
from concordat.chain.inspection import Inspection, Verdict, inspect
from concordat.chain.rpc import Endpoint
from concordat.cli.connect import chain_url
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


@click.group(invoke_without_command=True)
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
    if context.invoked_subcommand is not None:
        return
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


@deploy.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--first-block", type=int, help="Where to look for the creating transactions [the deployment's block].")
@command_errors
def verify(file: Path | None, first_block: int | None) -> None:
    """Check that what stands at --url is what this package would have deployed: code, arguments, wiring, parameters.

    FILE is a deployment file, by default the home's. Ends with 1 if anything is wrong, with 3 if something could not be
    checked.
    """
    context = click.get_current_context()
    settings, speaker = context.find_object(Settings) or Settings(), speaker_of(context)
    deployment = Deployment.load(file or Home(settings.home).deployment)
    found = inspect(Endpoint(chain_url(settings)), deployment, first_block=first_block)
    rows = [
        (str(number), item.verdict.value, item.contract, item.check, item.detail)
        for number, item in enumerate(found.findings, start=1)
    ]
    said = "It is not the deployment." if found.failed else "It is the deployment."
    speaker.result(inspection_report(found), lambda: speaker.table(said, ("", "", "contract", "check", "found"), rows))
    if found.failed:
        sys.exit(1)
    if not found.complete:
        sys.exit(3)


def inspection_report(found: Inspection) -> dict[str, object]:
    """An inspection as one JSON object."""
    return {
        "ok": not found.failed,
        "complete": found.complete,
        "chain_id": found.chain_id,
        "checks": [
            {
                "number": number,
                "contract": item.contract,
                "address": to_hex(item.address),
                "check": item.check,
                "verdict": item.verdict.value,
                "detail": item.detail,
            }
            for number, item in enumerate(found.findings, start=1)
        ],
        "code_hashes": {name: to_hex(digest) for name, digest in found.code_hashes.items()},
        "counts": {verdict.value: sum(item.verdict is verdict for item in found.findings) for verdict in Verdict},
    }
