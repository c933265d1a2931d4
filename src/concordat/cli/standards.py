"""``concordat standards``: faces of the market to those who know a standard and not us."""

from __future__ import annotations

import click

from concordat.chain.ledger import EvmLedger
from concordat.chain.standards import STANDARDS_FILE, Standards, deploy_standards
from concordat.cli.connect import connect
from concordat.cli.output import command_errors, speaker_of
from concordat.cli.settings import Settings
from concordat.client.network import Network
from concordat.primitives.encoding import ZERO_ADDRESS, checksum_address, from_hex
from concordat.primitives.errors import ConfigurationError
from concordat.primitives.units import Address
from concordat.primitives.wire import to_wire
from concordat.protocol.reputation import FEE_BPS

__all__ = ["faces_of", "standards"]

_NAMES = {
    "reputation": "ERC-8004 reputation",
    "validation": "ERC-8004 validation",
    "validator": "ERC-8004 validator",
    "evaluator": "ERC-8183 evaluator",
    "inference": "ERC-7992 verifier",
    "content": "ERC-7007 content",
    "resolver": "EAS resolver",
}


def faces_of(settings: Settings, network: Network) -> tuple[EvmLedger, Standards]:
    """Chain and faces of the home that the settings mean, checked against each other."""
    assert isinstance(network.ledger, EvmLedger)
    found = Standards.load(settings.place.path / STANDARDS_FILE)
    found.verify(network.ledger.endpoint, network.ledger.deployment)
    return network.ledger, found


@click.group()
def standards() -> None:
    """Show the market to contracts and programs that know ERC-8004, 8183, 7992, 7007 or EAS."""


@standards.command()
@click.option("--eas", help="The chain's Ethereum Attestation Service; without it there is no resolver.")
@click.option("--fee-bps", type=click.IntRange(1, 10_000), default=FEE_BPS, show_default=True,
              help="Hundredths of a per cent of an order's price that praise burns.")  # fmt: skip
@command_errors
def deploy(eas: str | None, fee_bps: int) -> None:
    """Deploy the faces beside the home's market, paid by --account, who has no rights afterwards."""
    context = click.get_current_context()
    settings = context.find_object(Settings) or Settings()
    path = settings.place.path / STANDARDS_FILE
    if path.exists():
        raise ConfigurationError(f"{path} exists.", code="StandardsExist", hint="See: concordat standards show")
    service = Address(from_hex(eas, length=20)) if eas else ZERO_ADDRESS
    with connect(settings) as network:
        assert isinstance(network.ledger, EvmLedger)
        made = deploy_standards(
            network.ledger.endpoint,
            network.keyring.signer(settings.account),
            network.ledger.deployment,
            attestations=service,
            fee_bps=fee_bps,
        )
    made.save(path)
    speaker_of(context).result(to_wire(made), f"written to {path}")


@standards.command()
@command_errors
def show() -> None:
    """Where the faces are, checked against the chain."""
    context = click.get_current_context()
    settings, speaker = context.find_object(Settings) or Settings(), speaker_of(context)
    with connect(settings) as network:
        _, found = faces_of(settings, network)
    rows = [(name, checksum_address(getattr(found, field))) for field, name in _NAMES.items()]
    present = [row for row in rows if row[1] != checksum_address(ZERO_ADDRESS)]
    speaker.result(to_wire(found), lambda: speaker.table("Faces", ("standard", "contract"), present))
