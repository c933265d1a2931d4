"""Buy one decision of a small credit model and keep the file that proves it.

    python examples/buy_a_decision.py [memory:// | anvil:// | http://127.0.0.1:8545] [FOLDER]

Writes `decision.json` and `trust.toml`, which `verify_offline.py` reads.
"""

from __future__ import annotations

import sys
from pathlib import Path

import concordat as cd
from concordat.primitives.units import show_usd
from concordat.testing.credit import write_example


def main(url: str = "memory://", folder: str = ".") -> None:
    """Publish, ask the price, buy, wait for the record, save."""
    place = Path(folder)
    example = write_example(place)
    applicant = example.held_out.iloc[0].to_dict()
    with cd.open(url) as net:
        model = net.registry.publish(
            cd.Model.from_onnx(place / "credit.onnx", card=place / "credit.toml"), signer="lender"
        )
        cheapest = net.orders.quotes(model)[0]
        print(f"{model.name} {model.version}: a decision costs {show_usd(cheapest.price)}")

        order = net.orders.place(model, applicant, pay=cheapest.price, evidence=cd.Native())
        decision = order.wait(until="recorded")
        print(decision)

        decision.save(place / "decision.json")
        (place / "trust.toml").write_text(net.records.trust_root().encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
