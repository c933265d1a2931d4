"""Write vectors/protocol/*.json: order ids and signatures, policies, commitments, slots and input roots.

Run it after a deliberate change of the protocol; a test compares the files with what it would write, and others
recompute them in another way.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from concordat.primitives.encoding import to_hex
from concordat.primitives.hashing import keccak256, sha256
from concordat.primitives.signatures import TokenDomain, cancel_digest, receive_authorization_digest, release_digest
from concordat.primitives.units import Address, Amount, Bytes32, ModelId, OrderId, Seconds, Timestamp
from concordat.primitives.wire import to_wire
from concordat.protocol.artifact import Dimensions, ModelCommitment
from concordat.protocol.evidence import (
    AllOf,
    AnyOf,
    ClientRelease,
    FraudProvable,
    Native,
    Policy,
    encode_policy,
    satisfied,
)
from concordat.protocol.execution import commit_result, input_root
from concordat.protocol.messages import find_digest
from concordat.protocol.order import Domain, Order, OrderState, OrderStatus, order_id
from concordat.testing.stage import Actor, Venue

FOLDER = Path(__file__).parent.parent / "vectors" / "protocol"
CLIENT, PROVIDER = Actor("client"), Actor("provider")
MARKET, VAULT, TOKEN = (Address(keccak256(name)[12:]) for name in (b"market", b"vault", b"token"))


def orders() -> list[dict[str, Any]]:
    """Orders at the ends of every field and in between, with all digests and signatures that concern them."""
    plain = Order(
        client=CLIENT.address,
        provider=PROVIDER.address,
        price=Amount(500_000),
        bond=Amount(2_000_000),
        accept_by=Timestamp(1_800_000_600),
        deliver_by=Timestamp(1_800_003_600),
        window=Seconds(7_200),
        model=ModelId(keccak256(b"model")),
        input=keccak256(b"input"),
        evidence=encode_policy(AnyOf(Native(), FraudProvable())),
        effect=keccak256(b"effect"),
        terms=keccak256(b"terms"),
        salt=keccak256(b"salt"),
    )
    most = Bytes32(b"\xff" * 32)
    largest = Order(
        client=Address(b"\xff" * 20),
        provider=Address(b"\xff" * 20),
        price=Amount(2**96 - 1),
        bond=Amount(2**96 - 1),
        accept_by=Timestamp(2**40 - 1),
        deliver_by=Timestamp(2**40 - 1),
        window=Seconds(2**32 - 1),
        model=ModelId(most),
        input=most,
        evidence=most,
        effect=most,
        terms=most,
        salt=most,
    )
    nothing = Bytes32(bytes(32))
    least = Order(
        client=Address(bytes(20)),
        provider=Address(bytes(20)),
        price=Amount(0),
        bond=Amount(0),
        accept_by=Timestamp(0),
        deliver_by=Timestamp(0),
        window=Seconds(0),
        model=ModelId(nothing),
        input=nothing,
        evidence=nothing,
        salt=nothing,
    )
    return [_order(order, chain_id) for order in (plain, largest, least) for chain_id in (1, 31_337)]


def _order(order: Order, chain_id: int) -> dict[str, Any]:
    domain = Domain(chain_id=chain_id, market=MARKET)
    token = TokenDomain(name="USD Dev", version="1", chain_id=chain_id, token=TOKEN)
    key = order_id(order, domain)
    authorization = receive_authorization_digest(
        token,
        payer=order.client,
        payee=VAULT,
        value=order.price,
        valid_after=0,
        valid_before=order.accept_by + 1,
        nonce=key,
    )
    venue = Venue(domain=domain, token_domain=token, vault=VAULT)
    return {
        "domain": to_wire(domain),
        "token_domain": to_wire(token),
        "vault": to_hex(VAULT),
        "order": to_wire(order),
        "order_id": to_hex(key),
        "authorization_digest": to_hex(authorization),
        "release_digest": to_hex(release_digest(key, domain)),
        "cancel_digest": to_hex(cancel_digest(key, domain)),
        "signer": to_hex(CLIENT.address),
        "authorization": to_hex(venue.authorization(order, CLIENT).signature),
        "credit": to_hex(venue.credit(order, CLIENT).signature),
    }


def policies() -> list[dict[str, Any]]:
    """Policies with their bytes, and every set of gathered evidence that meets them."""
    cases: list[Policy] = [
        Native(),
        FraudProvable(),
        ClientRelease(),
        AnyOf(Native(), FraudProvable()),
        AllOf(Native(), FraudProvable()),
        AnyOf(Native(), AllOf(FraudProvable(), ClientRelease())),
        AllOf(AnyOf(Native(), FraudProvable()), ClientRelease()),
        AnyOf(Native(), AllOf(Native(), FraudProvable())),
    ]
    return [
        {
            "text": str(policy),
            "clauses": sorted(sorted(kind.name for kind in clause) for clause in policy.clauses),
            "encoded": to_hex(encode_policy(policy)),
            "satisfied_by": [mask for mask in range(256) if satisfied(encode_policy(policy), mask)],
        }
        for policy in cases
    ]


def commitments() -> list[dict[str, Any]]:
    """Model ids, result commitments, finds and slots."""
    dice = Random(1)
    return [_commitment(dice) for _ in range(4)]


def _commitment(dice: Random) -> dict[str, Any]:
    depths = {name: dice.randrange(30) for name in ("program_depth", "weights_depth", "trace_depth", "input_depth")}
    counts = {name: dice.randrange(2**32) for name in ("nodes", "output_start", "output_leaves", "input_leaves")}
    dimensions = Dimensions(**depths, **counts)
    model = ModelCommitment(
        program_root=Bytes32(dice.randbytes(32)),
        weights_root=Bytes32(dice.randbytes(32)),
        dimensions=dimensions.pack(),
        native_digest=Bytes32(dice.randbytes(32)),
        manifest_digest=sha256(dice.randbytes(5)),
    )
    order, trace_root, output = OrderId(dice.randbytes(32)), dice.randbytes(32), dice.randbytes(40)
    tile, salt = dice.choice([7 << 32 | 5, 1 << 255 | 3]), dice.randbytes(32)
    commitment = commit_result(order, PROVIDER.address, trace_root, keccak256(output))
    state = OrderState(
        status=dice.choice(list(OrderStatus)),
        gathered=dice.randrange(256),
        open_disputes=dice.randrange(2**13),
        until=dice.randrange(2**32),
        commitment=commitment,
    )
    return {
        "dimensions": to_wire(dimensions),
        "model": to_wire(model),
        "model_id": to_hex(model.model_id()),
        "order_id": to_hex(order),
        "provider": to_hex(PROVIDER.address),
        "trace_root": to_hex(trace_root),
        "output": to_hex(output),
        "commitment": to_hex(commitment),
        "tile": hex(tile),
        "salt": to_hex(salt),
        "find": to_hex(find_digest(order, tile, PROVIDER.address, salt)),
        "state": to_wire(state),
        "slot": to_hex(state.pack()),
    }


def inputs() -> list[dict[str, Any]]:
    """Salted input trees, full and partly filled."""
    dice = Random(2)
    found = []
    for count, depth in ((1, 0), (1, 2), (3, 2), (4, 2), (9, 4)):
        words, salt = dice.randbytes(32 * count), dice.randbytes(32)
        root = input_root(words, salt, depth)
        found.append({"words": to_hex(words), "salt": to_hex(salt), "depth": depth, "root": to_hex(root)})
    return found


def vectors() -> dict[str, str]:
    """File name and text of each."""
    files = {"orders": orders(), "policies": policies(), "commitments": commitments(), "inputs": inputs()}
    return {f"{name}.json": json.dumps({"vectors": cases}, indent=1) + "\n" for name, cases in files.items()}


def main() -> None:
    """Write them all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in vectors().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
