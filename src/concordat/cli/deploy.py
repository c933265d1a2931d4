"""``concordat deploy``: put a market on a chain, and tell whether it is the one meant."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from concordat.chain.accounts import Account, Signer, development_accounts
from concordat.chain.deploy import deploy as deploy_market
from concordat.chain.deploy import upgrade as upgrade_contracts
from concordat.chain.deployment import Deployment
from concordat.chain.inspection import Inspection, Verdict, inspect
from concordat.chain.ledger import EvmLedger
from concordat.chain.rpc import Endpoint
from concordat.cli.connect import chain_url
from concordat.cli.output import command_errors, speaker_of
from concordat.cli.settings import Settings
from concordat.client.evm import is_development
from concordat.client.home import Home
from concordat.node.upgrade import open_orders
from concordat.primitives.encoding import checksum_address, from_hex, to_hex
from concordat.primitives.errors import ConfigurationError, NotFoundError, OrderError
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
@click.option("--move-time", type=int, help="Seconds for every move in a dispute [as before].")
@click.option("--respondent-cost", help="Dollars a lost dispute pays the provider [as before].")
@command_errors
def upgrade(move_time: int | None, respondent_cost: str | None) -> None:
    """Deploy this package's contracts as the next version of the home's market; nothing that is open is lost.

    New orders go to the new version. Open ones end where they were placed: nodes of this home notice, start again, and
    serve both. Every party moves its own stake; nodes do so by themselves.
    """
    context = click.get_current_context()
    settings, speaker = context.find_object(Settings) or Settings(), speaker_of(context)
    home = Home(settings.home)
    current, endpoint = Deployment.load(home.deployment), Endpoint(chain_url(settings))
    before = current.parameters
    parameters = replace(
        before,
        move_time=before.move_time if move_time is None else seconds(move_time),
        respondent_cost=before.respondent_cost if respondent_cost is None else usd(respondent_cost),
    )
    deployment = upgrade_contracts(
        endpoint,
        _payer(settings, home, endpoint),
        current,
        parameters=parameters,
        on_step=lambda name, address: speaker.log.print(f"{name:<15} {checksum_address(address)}", markup=False),
    )
    deployment.save(home.deployment)
    said = f"version {deployment.version}: market {to_hex(deployment.market)} written to {home.deployment}"
    speaker.result(to_wire(deployment), said)


@deploy.command()
@command_errors
def versions() -> None:
    """Versions of the home's market, with the orders that are still open in each."""
    context = click.get_current_context()
    settings, speaker = context.find_object(Settings) or Settings(), speaker_of(context)
    deployment, endpoint = Deployment.load(Home(settings.home).deployment), Endpoint(chain_url(settings))
    found = [
        {
            "version": version.version,
            "market": to_hex(version.market),
            "open": len(open_orders(EvmLedger(endpoint, version))),
            "served": version.served,
        }
        for version in (deployment, *deployment.earlier)
    ]
    rows = [(str(v["version"]), str(v["open"]), "yes" if v["served"] else "no", str(v["market"])) for v in found]
    speaker.result(found, lambda: speaker.table("Versions", ("version", "open orders", "served", "market"), rows))


@deploy.command()
@click.argument("version", type=int)
@command_errors
def retire(version: int) -> None:
    """Let nodes serve VERSION no longer, once none of its orders is open; its records stay good."""
    context = click.get_current_context()
    settings, speaker = context.find_object(Settings) or Settings(), speaker_of(context)
    home = Home(settings.home)
    deployment = Deployment.load(home.deployment)
    chosen = next((old for old in deployment.earlier if old.version == version), None)
    if chosen is None:
        raise NotFoundError(f"There is no earlier version {version}.", code="UnknownVersion")
    if left := open_orders(EvmLedger(Endpoint(chain_url(settings)), chosen)):
        raise OrderError(
            f"{len(left)} orders of version {version} are open.", code="OrdersOpen", hint="Wait until they have ended."
        )
    earlier = tuple(replace(old, served=False) if old is chosen else old for old in deployment.earlier)
    replace(deployment, earlier=earlier).save(home.deployment)
    speaker.result({"retired": version}, f"version {version} is retired")


def _payer(settings: Settings, home: Home, endpoint: Endpoint) -> Signer:
    """Who pays for a deployment: the account of the settings; on a development chain without one, its first account."""
    path = home.keys / f"{settings.account}.json"
    if (found := settings.signer(settings.account)) is not None:
        return found
    if is_development(endpoint.chain_id) and not path.exists():
        return development_accounts(1)[0]
    return Account.from_keystore(path, settings.password)


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
