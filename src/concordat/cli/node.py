"""``concordat node``: run one node as a process."""

from __future__ import annotations

import logging
import secrets
import signal
import sys
import threading
from pathlib import Path

import click

from concordat.cli.connect import chain_url
from concordat.cli.output import command_errors, speaker_of
from concordat.cli.settings import Settings
from concordat.client.connect import evm_ledger
from concordat.client.evm import DevelopmentChain, EvmAnchors, EvmArtifacts, is_development, log_id
from concordat.client.home import Home
from concordat.client.public import PublicData
from concordat.node.challenger import Challenger
from concordat.node.embedded import STAKE
from concordat.node.keeper import Keeper
from concordat.node.outbox import Outbox
from concordat.node.process import Stepper, door_file, open_door, run_steps
from concordat.node.provider import Provider, Terms
from concordat.node.recorder import Recorder
from concordat.primitives.encoding import checksum_address, to_hex
from concordat.primitives.units import usd
from concordat.protocol.checkpoint import NoteSigner
from concordat.storage.content import LocalContent
from concordat.storage.files import write_file
from concordat.storage.journal import Journal
from concordat.storage.log import TransparencyLog

__all__ = ["ROLES", "log_signer", "node"]

ROLES = ("provider", "challenger", "keeper")
LOG_ORIGIN = "concordat.local/log"
"""Origin of a home's log unless its key was made for another."""


@click.group()
def node() -> None:
    """Run a provider, a challenger or a keeper."""


@node.command()
@click.argument("role", type=click.Choice(ROLES))
@click.option("--name", help="Name of the node and of its account [the role].")
@click.option("--price", default="0.05", show_default=True, help="Provider: dollars for a decision.")
@click.option("--bond-limit", default="1000", show_default=True, help="Provider: most dollars at risk in an order.")
@click.option("--port", default=0, help="Provider: port of its HTTP door [a free one].")
@command_errors
def run(role: str, name: str | None, price: str, bond_limit: str, port: int) -> None:
    """Run one node until it is told to stop (Ctrl-C or SIGTERM); start it again and it goes on where it was."""
    context = click.get_current_context()
    settings = context.find_object(Settings) or Settings()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    home, name = Home(settings.home), name or role
    ledger, keyring = evm_ledger(home, chain_url(settings), password=lambda _: settings.password)
    signer = keyring.signer(name)
    if is_development(ledger.deployment.chain_id):
        chain = DevelopmentChain(ledger.endpoint, ledger.deployment, keyring)
        chain.ledger.add(signer)
        chain.stake(signer.address, STAKE)
    journal = Journal(home.journal(name))
    outbox = Outbox(ledger, journal, signer.address)
    public = PublicData(LocalContent(home.public))
    steppers: dict[str, Stepper] = {}
    if role == "provider":
        terms = Terms(price=usd(price), bond_limit=usd(bond_limit))
        artifacts = EvmArtifacts(ledger, keyring)
        provider = Provider(ledger, journal, public, outbox, terms, native=artifacts.has_native)
        door = open_door(provider, home, name, port=port)
        steppers[name] = provider
    elif role == "challenger":
        steppers[name] = Challenger(ledger, journal, public, outbox)
    else:
        log = TransparencyLog(home.log, log_signer(home))
        anchors = EvmAnchors(ledger, log_id(signer.address), signer)
        write_file(home.log_owner, to_hex(signer.address).encode())
        steppers[name] = Keeper(ledger, journal, outbox)
        steppers["recorder"] = Recorder(ledger, journal, public, log, anchor=anchors.anchor)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    speaker_of(context).log.print(f"{role} {name} is {checksum_address(signer.address)}")
    try:
        run_steps(steppers, stop)
    finally:
        if role == "provider":
            door.close()
            door_file(home, name).unlink(missing_ok=True)
        journal.close()


def log_signer(home: Home) -> NoteSigner:
    """The log's key: made once, readable by its owner only."""
    path: Path = home.keys / "log.seed"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, secrets.token_bytes(32))
        path.chmod(0o600)
    signer = NoteSigner.from_seed(LOG_ORIGIN, path.read_bytes())
    write_file(home.log_key, (signer.key.encode() + "\n").encode())
    return signer
