"""A provider computes one layer wrongly; a challenger who knows only public data takes half of its bond.

python examples/catch_a_cheat.py [memory:// | anvil:// | http://127.0.0.1:8545]
"""

from __future__ import annotations

import sys

import concordat as cd
from concordat.node.open import TERMS, open_market
from concordat.primitives.errors import OrderError
from concordat.primitives.units import show_usd
from concordat.protocol.events import FraudProven, Slashed
from concordat.testing.cheats import AlteredMiddle
from concordat.testing.small import small_model

CUSTOMER = {"income": 5200, "debt": 900, "age": 44, "years": 3}


def main(url: str = "memory://") -> None:
    """Buy from a cheat, and see who gets what."""
    market = open_market(url)
    cheat = market.add_provider("cheat", TERMS, kind=AlteredMiddle)
    market.add_challenger("challenger")
    with market.network as net:
        model = net.registry.publish(small_model(), signer="lender")
        order = net.orders.place(
            model, CUSTOMER, pay=cd.usd("0.50"), evidence=cd.FraudProvable(), provider=cheat.address
        )
        print(f"the cheat says: {order.wait(until='delivered').output}")
        try:
            order.wait(until="settled")
        except OrderError as error:
            print(f"{error.code}: {error.message}")
        for placed in net.ledger.events():
            if isinstance(placed.event, FraudProven):
                print(f"shown wrong: node {placed.event.tile >> 32}, element {placed.event.tile & 0xFFFFFFFF}")
            if isinstance(placed.event, Slashed):
                print(f"client {show_usd(placed.event.to_client)}, challenger {show_usd(placed.event.to_challenger)}, "
                      f"burned {show_usd(placed.event.burned)}")  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
