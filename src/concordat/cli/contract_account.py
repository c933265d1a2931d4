"""``concordat account create|keys|rotate|revoke|adopt``: accounts that are contracts, with hash-based keys."""

from __future__ import annotations

from typing import Any

import click

from concordat.chain.ledger import EvmLedger
from concordat.chain.rpc import Endpoint
from concordat.cli.connect import chain_url
from concordat.cli.output import command_errors, speaker_of
from concordat.cli.settings import Settings
from concordat.client.connect import evm_ledger
from concordat.client.contract_accounts import AccountFile, ContractAccounts
from concordat.primitives.encoding import checksum_address, to_hex
from concordat.primitives.errors import InputError

__all__ = ["VERBS"]

HEIGHTS = ("5", "10", "15")


def _accounts(*, ask: bool = True) -> tuple[ContractAccounts, EvmLedger]:
    settings = click.get_current_context().find_object(Settings) or Settings()
    password = settings.password
    if not password and ask:
        password = click.prompt("Password", hide_input=True, err=True)
    url, home = chain_url(settings), settings.place
    ledger, keyring = evm_ledger(home, url, password=lambda _: password, find=settings.signer)
    return ContractAccounts(home.keys, Endpoint(url), keyring.signer, lambda _: password), ledger


@click.command()
@click.argument("name")
@click.option("--key", type=click.Choice(["lms", "slh-dsa"]), default="lms", show_default=True, help="Kind of key.")
@click.option("--height", type=click.Choice(HEIGHTS), default="10", show_default=True, help="LMS: 2^height batches.")
@click.option("--relayer", required=True, metavar="ACCOUNT", help="Ordinary account that sends and pays.")
@click.option("--beside", default="", metavar="ACCOUNT", help="Ordinary account that must sign every batch too.")
@click.option("--recovery", default="", metavar="slh-dsa|ACCOUNT", help="Can act alone if the other keys are lost.")
@command_errors
def create(name: str, key: str, height: str, relayer: str, beside: str, recovery: str) -> None:
    """Deploy a contract account NAME with a fresh hash-based key (password as for `new`)."""
    if not name.replace("-", "").replace("_", "").isalnum():
        raise InputError(f"{name!r} is no account name: letters, digits, - and _.", code="BadName")
    accounts, _ = _accounts()
    file = accounts.create(name, key, relayer=relayer, height=int(height), beside=beside, recovery=recovery)
    _show(accounts, name, file)


@click.command()
@click.argument("name")
@command_errors
def keys(name: str) -> None:
    """Signers of the contract account NAME, and how many signatures are left."""
    accounts, _ = _accounts(ask=False)
    _show(accounts, name, accounts.file(name))


@click.command()
@click.argument("name")
@click.option("--by-recovery", is_flag=True, help="The key is lost, stolen or used up: sign with the recovery key.")
@command_errors
def rotate(name: str, by_recovery: bool) -> None:
    """Put a fresh key in place of the one that the contract account NAME signs with."""
    accounts, ledger = _accounts()
    accounts.rotate(name, ledger, by_recovery=by_recovery)
    _show(accounts, name, accounts.file(name))


@click.command()
@click.argument("name")
@click.argument("signer")
@click.option("--by-recovery", is_flag=True, help="Sign with the recovery key.")
@command_errors
def revoke(name: str, signer: str, by_recovery: bool) -> None:
    """Take SIGNER (as `keys` names it) away from the contract account NAME."""
    accounts, ledger = _accounts()
    _show(accounts, name, accounts.revoke(name, ledger, signer, by_recovery=by_recovery))


@click.command()
@click.argument("name")
@click.option("--next", "next_index", type=int, required=True, help="First index that may be used again.")
@command_errors
def adopt(name: str, next_index: int) -> None:
    """Use a copied or restored key of the contract account NAME again, from an index on that no copy has used."""
    accounts, _ = _accounts(ask=False)
    accounts.adopt(name, next_index)
    speaker_of(click.get_current_context()).result({"next": next_index}, f"{name} signs from index {next_index} on")


def _show(accounts: ContractAccounts, name: str, file: AccountFile) -> None:
    speaker = speaker_of(click.get_current_context())
    rows: list[dict[str, Any]] = [
        {
            "key": entry.name,
            "kind": entry.kind,
            "weight": entry.weight,
            "use": "daily" if entry.daily else "recovery",
            "left": accounts.left(name, entry),
            "signer": to_hex(entry.signer),
        }
        for entry in file.signers
    ]
    data = {
        "name": name,
        "address": checksum_address(file.address),
        "relayer": file.relayer,
        "threshold": file.threshold,
        "signers": rows,
    }
    cells = [
        (str(r["key"]), str(r["kind"]), str(r["weight"]), str(r["use"]), "" if r["left"] is None else str(r["left"]))
        for r in rows
    ]
    title = f"{name}  {data['address']}  needs weight {file.threshold}"
    speaker.result(data, lambda: speaker.table(title, ("key", "kind", "weight", "use", "signatures left"), cells))


VERBS = (create, keys, rotate, revoke, adopt)
"""What the ``account`` group has besides."""
