"""Order ids, digests, slots and commitments, recomputed by generic EIP-712 and ABI encoders of other authors."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
from eth_abi import encode
from eth_utils import keccak
from hypothesis import given
from hypothesis import strategies as st

from concordat.primitives.errors import InputError
from concordat.primitives.signatures import recover
from concordat.primitives.wire import from_wire
from concordat.protocol.artifact import Dimensions, ModelCommitment
from concordat.protocol.execution import input_root
from concordat.protocol.order import ORDER_TYPE, Domain, Order, OrderState, OrderStatus, order_id

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "vectors" / "protocol"


def cases(name):
    return json.loads((FOLDER / f"{name}.json").read_text())["vectors"]


def raw(text):
    return bytes.fromhex(text[2:])


def typed_hash(type_text, values, domain_type, domain_values):
    """EIP-712, from the type strings alone."""

    def struct(text, fields):
        names = [part.split(" ")[0] for part in text[text.index("(") + 1 : -1].split(",")]
        hashed = [keccak(v.encode()) if n == "string" else v for n, v in zip(names, fields, strict=True)]
        kinds = ["bytes32" if n == "string" else n for n in names]
        return keccak(encode(["bytes32", *kinds], [keccak(text.encode()), *hashed]))

    return keccak(b"\x19\x01" + struct(domain_type, domain_values) + struct(type_text, values))


DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
RECEIVE_TYPE = (
    "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,"
    "bytes32 nonce)"
)


@pytest.mark.parametrize("vector", cases("orders"), ids=lambda v: v["order_id"][:10])
def test_order_vectors_are_eip_712_digests(vector):
    fields, domain, token = vector["order"], vector["domain"], vector["token_domain"]
    values = [raw(v) if isinstance(v, str) else v for v in fields.values()]
    market = ["Concordat Market", "1", domain["chain_id"], raw(domain["market"])]
    key = raw(vector["order_id"])
    assert typed_hash(ORDER_TYPE, values, DOMAIN_TYPE, market) == key
    paying = [raw(fields["client"]), raw(vector["vault"]), fields["price"], 0, fields["accept_by"] + 1, key]
    paid_in = [token["name"], token["version"], token["chain_id"], raw(token["token"])]
    authorization = typed_hash(RECEIVE_TYPE, paying, DOMAIN_TYPE, paid_in)
    assert authorization == raw(vector["authorization_digest"])
    for word in ("Release", "Cancel"):
        digest = typed_hash(f"{word}(bytes32 order)", [key], DOMAIN_TYPE, market)
        assert digest == raw(vector[f"{word.lower()}_digest"])
    assert recover(authorization, raw(vector["authorization"])) == raw(vector["signer"])
    assert recover(key, raw(vector["credit"])) == raw(vector["signer"])


@pytest.mark.parametrize("vector", cases("orders"), ids=lambda v: v["order_id"][:10])
def test_order_vectors_are_reproduced(vector):
    order, domain = from_wire(Order, vector["order"]), from_wire(Domain, vector["domain"])
    assert order_id(order, domain) == raw(vector["order_id"])


@pytest.mark.parametrize("vector", cases("commitments"), ids=lambda v: v["model_id"][:10])
def test_commitment_vectors_are_abi_encodings(vector):
    model = vector["model"]
    assert keccak(encode(["bytes32"] * 5, [raw(v) for v in model.values()])) == raw(vector["model_id"])
    assert from_wire(ModelCommitment, model).model_id() == raw(vector["model_id"])
    order, provider, output = raw(vector["order_id"]), raw(vector["provider"]), raw(vector["output"])
    opened = encode(
        ["bytes32", "address", "bytes32", "bytes32"], [order, provider, raw(vector["trace_root"]), keccak(output)]
    )
    assert keccak(opened)[:25] == raw(vector["commitment"])
    find = encode(
        ["bytes32", "uint256", "address", "bytes32"], [order, int(vector["tile"], 16), provider, raw(vector["salt"])]
    )
    assert keccak(find) == raw(vector["find"])


@pytest.mark.parametrize("vector", cases("commitments"), ids=lambda v: v["slot"][:10])
def test_slot_vectors_hold_their_bits(vector):
    state, value = vector["state"], int(vector["slot"], 16)
    bits = f"{value:0256b}"
    fields = [int(bits[a:b], 2) for a, b in ((0, 3), (3, 11), (11, 24), (24, 56), (56, 256))]
    assert fields[:4] == [state["status"], state["gathered"], state["open_disputes"], state["until"]]
    assert fields[4] == int(state["commitment"], 16)
    dimensions = from_wire(Dimensions, vector["dimensions"])
    packed = raw(vector["model"]["dimensions"])
    counts = [dimensions.nodes, dimensions.output_start, dimensions.output_leaves, dimensions.input_leaves]
    assert [int.from_bytes(packed[4 * i : 4 * i + 4], "big") for i in range(1, 5)] == counts
    depths = [dimensions.program_depth, dimensions.weights_depth, dimensions.trace_depth, dimensions.input_depth]
    assert list(packed[:4]) == depths
    assert Dimensions.unpack(packed) == dimensions


@pytest.mark.parametrize("vector", cases("inputs"), ids=lambda v: v["root"][:10])
def test_input_vectors_are_salted_trees(vector):
    words, salt, depth = raw(vector["words"]), raw(vector["salt"]), vector["depth"]
    padded = words.ljust(32 << depth, b"\0")
    row = []
    for i in range(1 << depth):
        leaf_salt = keccak(encode(["bytes32", "uint256"], [salt, i]))
        row.append(keccak(encode(["bytes32", "uint256", "bytes32"], [leaf_salt, i, padded[32 * i : 32 * i + 32]])))
    while len(row) > 1:
        row = [keccak(row[i] + row[i + 1]) for i in range(0, len(row), 2)]
    assert row[0] == raw(vector["root"])
    assert input_root(words, salt, depth) == row[0]


def test_input_that_does_not_fill_its_tree_is_refused():
    for words in (bytes(31), bytes(160)):
        with pytest.raises(InputError):
            input_root(words, bytes(32), 2)


@given(
    st.sampled_from(OrderStatus), st.integers(0, 255), st.integers(0, 2**13 - 1), st.integers(0, 2**32 - 1),
    st.binary(min_size=25, max_size=25),
)  # fmt: skip
def test_slot_unpacks_to_what_was_packed(status, gathered, disputes, until, commitment):
    state = OrderState(status=status, gathered=gathered, open_disputes=disputes, until=until, commitment=commitment)
    assert OrderState.unpack(state.pack()) == state


def test_every_field_of_an_order_and_its_domain_changes_the_id():
    vector = cases("orders")[0]
    order, domain = from_wire(Order, vector["order"]), from_wire(Domain, vector["domain"])
    ids = {order_id(order, domain)}
    for name, value in vector["order"].items():
        changed = value + 1 if isinstance(value, int) else value[:-1] + ("0" if value[-1] != "0" else "1")
        ids.add(order_id(from_wire(Order, {**vector["order"], name: changed}), domain))
    ids.add(order_id(order, Domain(chain_id=domain.chain_id + 1, market=domain.market)))
    ids.add(order_id(order, Domain(chain_id=domain.chain_id, market=order.client)))
    assert len(ids) == 1 + len(vector["order"]) + 2


def test_vectors_on_disk_are_what_the_script_writes():
    written = runpy.run_path(str(ROOT / "scripts" / "make_protocol_vectors.py"))["vectors"]()
    assert written == {path.name: path.read_text() for path in FOLDER.iterdir()}
