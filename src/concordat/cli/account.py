"""``concordat account``: names for keys."""

from __future__ import annotations

import secrets

import click

from concordat.chain.accounts import Account
from concordat.cli.connect import connect
from concordat.cli.contract_account import VERBS
from concordat.cli.output import command_errors, speaker_of
from concordat.cli.settings import Settings
from concordat.client.erasure import open_subjects
from concordat.client.home import Home
from concordat.node.seals import add_pair, load_pairs, seal_file
from concordat.primitives.encoding import checksum_address, to_hex
from concordat.primitives.errors import InputError
from concordat.primitives.units import show_usd, usd

__all__ = ["account"]


@click.group()
def account() -> None:
    """Create accounts, look at balances, withdraw."""


for _verb in VERBS:
    account.add_command(_verb)


@account.command()
@click.argument("name")
@click.option("--import-key", is_flag=True, help="Ask for an existing private key.")
@command_errors
def new(name: str, import_key: bool) -> None:
    """Create an encrypted keystore for NAME (password from CONCORDAT_PASSWORD, or asked for)."""
    context = click.get_current_context()
    settings = context.find_object(Settings) or Settings()
    if not name.replace("-", "").replace("_", "").isalnum():
        raise InputError(f"{name!r} is no account name: letters, digits, - and _.", code="BadName")
    password = settings.password or click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    if import_key:
        made = Account.from_hex(click.prompt("Private key", hide_input=True, err=True))
    else:
        made = Account(secrets.token_bytes(32))
    path = Home(settings.home).keys / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_keystore(path, password)
    address = checksum_address(made.address)
    speaker_of(context).result({"name": name, "address": address, "file": str(path)}, f"{address}  {path}")


@account.command()
@click.argument("name", required=False)
@command_errors
def show(name: str | None) -> None:
    """What an account holds."""
    context = click.get_current_context()
    settings = context.find_object(Settings) or Settings()
    with connect(settings) as network:
        wallet = network.wallet(name or settings.account)
    speaker = speaker_of(context)
    rows = [
        ("address", checksum_address(wallet.address)),
        ("tokens", show_usd(wallet.tokens)),
        ("in the vault, free", show_usd(wallet.free)),
        ("in the vault, at risk", show_usd(wallet.locked)),
    ]
    speaker.result(dict(rows), lambda: speaker.table(wallet.name, ("", ""), rows))


@account.command()
@click.option("--rotate", metavar="PROVIDER", help="Give a provider of this home a fresh key; stop it before.")
@command_errors
def seals(rotate: str | None) -> None:
    """Keys that private orders need: to which clients seal for providers of this home, and those of subjects."""
    context = click.get_current_context()
    settings = context.find_object(Settings) or Settings()
    home = settings.place
    if rotate is not None:
        if not seal_file(home, rotate).exists():
            raise InputError(f"No provider {rotate!r} has run in this home.", code="UnknownProvider")
        add_pair(seal_file(home, rotate))
    providers = {path.parent.name: load_pairs(path) for path in sorted(home.path.glob("nodes/*/seal.keys"))}
    subjects = open_subjects(home).count()
    data = {
        "providers": {name: [to_hex(pair.public) for pair in pairs] for name, pairs in providers.items()},
        "subjects": subjects,
    }
    rows = [(name, to_hex(pairs[0].public)) for name, pairs in providers.items()]
    rows.append(("subjects with a key", str(subjects)))
    speaker = speaker_of(context)
    speaker.result(data, lambda: speaker.table("Keys", ("", ""), rows))


@account.command()
@click.argument("amount")
@command_errors
def deposit(amount: str) -> None:
    """Move AMOUNT dollars of tokens into the vault, as stake for bonds or to pay orders from."""
    context = click.get_current_context()
    settings = context.find_object(Settings) or Settings()
    with connect(settings) as network:
        network.deposit(settings.account, usd(amount))
    speaker_of(context).result({"deposited": amount}, f"deposited {show_usd(usd(amount))}")


@account.command()
@click.option("--amount", help="Dollars [everything free].")
@command_errors
def withdraw(amount: str | None) -> None:
    """Take free balance out of the vault."""
    context = click.get_current_context()
    settings = context.find_object(Settings) or Settings()
    with connect(settings) as network:
        taken = network.withdraw(settings.account, usd(amount) if amount else None)
    speaker_of(context).result({"withdrawn": show_usd(taken)}, f"withdrew {show_usd(taken)}")
