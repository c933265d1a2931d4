"""Endpoints that lie and strangers who write into events: the index keeps nothing that cannot be true, and stops for
nobody's text."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from eth_abi.abi import encode

from concordat.chain.contracts import contract
from concordat.chain.words import log_reader
from concordat.client.indexing import ChainIndexer, happenings_in, indexed_contracts
from concordat.client.search import Search
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import EndpointError, InputError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Timestamp
from concordat.protocol.artifact import ArtifactKind, ModelCommitment
from concordat.protocol.registry import artifact_id
from concordat.storage.index.chain_index import Block, ChainIndex
from concordat.storage.index.cursor import decode_cursor, encode_cursor
from concordat.storage.index.happening import Happening
from concordat.storage.index.registries import LONGEST_URI
from concordat.testing.history import DEPLOYMENT, PastChain, PastMarket

MARKET = PastMarket(orders=60, per_block=3, clients=5, providers=3, models=4)
Logs = list[dict[str, Any]]
OWNER = Address(b"\x11" * 20)
NASTY = [
    "'; DROP TABLE market_order; --",
    '" OR 1=1; DELETE FROM artifact WHERE ""="',
    "Robert'); DROP TABLE agent;--\\",
    "nul \0 inside",
    ":name ?1 $1 %s {bytes}",
    "\\x41\\N\t\n\r",
    "\U0001f4a3" * 100,
]


def index_in(place: str | None = None) -> ChainIndex:
    return ChainIndex(place, MARKET.domain, start=1)


def honest() -> str:
    index = index_in()
    ChainIndexer(PastChain(MARKET), index).update()
    return index.digest()


HONEST = honest()


# -- lying endpoints ---------------------------------------------------------------------------------------------------


def drop(event: str) -> Callable[[Logs], Logs]:
    """Leave out every fifth log of a kind."""
    topic = to_hex(contract("Market").topic(event))

    def lie(logs: Logs) -> Logs:
        mine = [log for log in logs if log["topics"][0] == topic]
        return [log for log in logs if log not in mine[::5]]

    return lie


def change(event: str, at: int) -> Callable[[Logs], Logs]:
    """Change one byte of the data of every log of a kind."""
    topic = to_hex(contract("Market").topic(event))

    def one(log: dict[str, Any]) -> dict[str, Any]:
        data = bytearray.fromhex(log["data"][2:])
        data[at] ^= 1
        return {**log, "data": to_hex(bytes(data))}

    return lambda logs: [one(log) if log["topics"][0] == topic else log for log in logs]


def repeat_elsewhere(logs: Logs) -> Logs:
    """Every event twice, the second time further on in its block."""
    return logs + [{**log, "logIndex": hex(int(log["logIndex"], 16) + 5000)} for log in logs]


def back_date(logs: Logs) -> Logs:
    """Time runs backwards."""
    return [{**log, "blockTimestamp": hex(2 * 10**9 - int(log["blockNumber"], 16))} for log in logs]


LIES: dict[str, Callable[[Logs], Logs]] = {
    "acceptances left out": drop("Accepted"),
    "deliveries left out": drop("Delivered"),
    "another client in an order's terms": change("Accepted", 31),
    "another price in an order's terms": change("Accepted", 2 * 32 + 31),
    "another salt in an order's terms": change("Accepted", 12 * 32),
    "everything twice": repeat_elsewhere,
    "time running backwards": back_date,
    "events at impossible positions": lambda logs: [{**log, "logIndex": hex(2**20 + i)} for i, log in enumerate(logs)],
    "numbers that are none": lambda logs: [{**log, "logIndex": "0xzz"} for log in logs],
    "topics that are none": lambda logs: [{**log, "topics": [log["topics"][0]]} for log in logs],
    "data cut short": lambda logs: [{**log, "data": log["data"][:40]} for log in logs],
    "logs of somebody else": lambda logs: [{**log, "address": to_hex(OWNER)} for log in logs],
}


@pytest.mark.parametrize("name", LIES)
def test_lying_endpoint_is_caught_and_nothing_of_the_lie_is_kept(name: str) -> None:
    chain, index = PastChain(MARKET, lie=LIES[name]), index_in()
    before = index.digest()
    for depth in (1, 1000):  # deep in the past, and near the head
        with pytest.raises(EndpointError):
            ChainIndexer(chain, index, depth=depth).update()
        assert index.digest() == before
        assert index.progress().next == 1
    chain.lie = lambda logs: logs
    ChainIndexer(chain, index).update()
    assert index.digest() == HONEST


@pytest.mark.parametrize("name", sorted(LIES))
def test_endpoint_that_begins_to_lie_changes_nothing_that_was_indexed_before(name: str) -> None:
    chain, index = PastChain(MARKET, head=10), index_in()
    indexer = ChainIndexer(chain, index)
    indexer.update()
    chain.newest, chain.lie = PastChain(MARKET).newest, LIES[name]
    before = index.digest(), index.progress()
    with pytest.raises(EndpointError):
        indexer.update()
    assert (index.digest(), index.progress()) == before


def test_logs_out_of_order_and_repeated_as_they_are_make_no_difference() -> None:
    draw = random.Random(7)  # seed 7
    chain = PastChain(MARKET, lie=lambda logs: draw.sample(logs * 2, 2 * len(logs)))
    for depth in (1, 1000):
        index = index_in()
        ChainIndexer(chain, index, depth=depth).update()
        assert index.digest() == HONEST


def test_logs_of_another_block_or_branch_near_the_head_are_waited_out() -> None:
    chain, index = PastChain(MARKET, head=10), index_in()
    indexer = ChainIndexer(chain, index)
    indexer.update()
    before = index.digest()
    chain.newest = 15
    chain.lie = lambda logs: [{**log, "blockHash": to_hex(keccak256(b"elsewhere"))} for log in logs]
    assert indexer.update() == 0
    assert index.digest() == before
    chain.lie = lambda logs: []  # the filter of each block says that there are some
    indexer.update()
    chain.lie, chain.newest = lambda logs: logs, PastChain(MARKET).newest
    with pytest.raises(EndpointError, match="contradict"):
        indexer.update()
    Search(lambda: indexer).rebuild()
    assert index.digest() == HONEST


def test_headers_that_do_not_follow_each_other_are_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    chain, index = PastChain(MARKET), index_in()
    block = PastChain.block
    monkeypatch.setattr(
        PastChain,
        "block",
        lambda self, number: block(self, number) | ({"parentHash": to_hex(bytes(32))} if number == 12 else {}),
    )
    assert ChainIndexer(chain, index, depth=1000).update() == 0
    assert index.counts()["market_order"] == 0


def test_endpoint_that_dies_within_an_update_leaves_whole_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    chain, index = PastChain(MARKET), index_in()
    answer, calls = chain._answer, []

    def die_now_and_then(method: str, params: Any) -> Any:
        calls.append(method)
        if len(calls) % 7 == 0:
            raise EndpointError("gone", code="EndpointDown")
        return answer(method, params)

    monkeypatch.setattr(chain, "_answer", die_now_and_then)
    for _ in range(20):
        indexer = ChainIndexer(chain, index, depth=2)
        indexer._most_blocks = 3
        try:
            indexer.update()
        except EndpointError:
            continue
    reached = PastChain(MARKET, head=index.progress().next - 1)
    assert reached.newest > 3
    twin = index_in()
    ChainIndexer(reached, twin).update()
    assert index.digest() == twin.digest()
    monkeypatch.undo()
    ChainIndexer(chain, index).update()
    assert index.digest() == HONEST


# -- strangers' texts --------------------------------------------------------------------------------------------------


def artifact_event(number: int, uri: str, block: int) -> Happening:
    digest = keccak256(b"manifest %d" % number)
    values = {
        "id": artifact_id(ArtifactKind.DATASET, digest),
        "kind": int(ArtifactKind.DATASET),
        "owner": OWNER,
        "manifest_digest": digest,
        "parents": (),
        "royalty_bps": 0,
        "uri": uri,
    }
    return Happening("Artifacts.Registered", values, block, number, Timestamp(block), keccak256(b"transaction"))


def agent_events(number: int, uri: str, block: int) -> list[Happening]:
    described = {"agent_id": number, "indexed_metadata_key": keccak256(uri.encode()), "metadata_key": uri}
    events = [
        ("Agents.Registered", {"agent_id": number, "agent_uri": uri, "owner": OWNER}),
        ("Agents.MetadataSet", {**described, "metadata_value": uri.encode()}),
        ("Agents.URIUpdated", {"agent_id": number, "new_uri": uri[::-1], "updated_by": OWNER}),
    ]
    return [
        Happening(name, values, block, 100 + 3 * number + at, Timestamp(block), keccak256(b"transaction"))
        for at, (name, values) in enumerate(events)
    ]


def apply(index: ChainIndex, happenings: list[Happening], block: int) -> None:
    with index.changing(index.progress()) as mine:
        assert mine
        index.apply(happenings, upto=block, seen=[Block(block, keccak256(b"%d" % block))], undoable=True)


def test_statements_hidden_in_names_and_metadata_are_kept_as_text(database_url: str) -> None:
    index = index_in(database_url)
    search = Search(lambda: ChainIndexer(PastChain(MARKET, head=1), index), follow=False)
    empty = index.digest()
    apply(index, [], 1)
    events = [artifact_event(number, text, 2) for number, text in enumerate(NASTY)]
    events += [event for number, text in enumerate(NASTY) for event in agent_events(number, text, 2)]
    apply(index, events, 2)
    wanted = [text.replace("\0", "\ufffd") for text in NASTY]
    assert sorted(entry.uri for entry in search.artifacts().items) == sorted(wanted)
    assert sorted(entry.uri[::-1] for entry in search.agents(owner=OWNER).items) == sorted(wanted)
    assert index.counts()["market_order"] == 0
    with index.changing(index.progress()):
        assert index.go_back(2) == 2
    assert index.digest() == empty
    index.close()


def test_text_too_long_to_keep_is_only_measured(database_url: str) -> None:
    index = index_in(database_url)
    texts = ["x" * LONGEST_URI, "y" * (LONGEST_URI + 1), "z" * 2_000_000]
    apply(index, [artifact_event(number, text, 1) for number, text in enumerate(texts)], 1)
    entries = Search(lambda: ChainIndexer(PastChain(MARKET, head=1), index), follow=False).artifacts().items
    assert sorted((len(entry.uri), entry.uri_length) for entry in entries) == [
        (0, LONGEST_URI + 1),
        (0, 2_000_000),
        (LONGEST_URI, LONGEST_URI),
    ]
    index.close()


def test_text_that_is_no_text_does_not_stop_the_reader() -> None:
    registered = contract("Artifacts").topic("Registered")
    digest = keccak256(b"manifest")
    data = encode(
        ["uint8", "bytes32", "bytes32[]", "uint96", "bytes"], [1, digest, [], 0, b"\xff\xfe not UTF-8 \xc3\x28"]
    )
    log = {
        "address": to_hex(DEPLOYMENT.artifacts),
        "topics": [
            to_hex(registered),
            to_hex(artifact_id(ArtifactKind.DATASET, digest)),
            to_hex(OWNER.rjust(32, b"\0")),
        ],
        "data": to_hex(data),
        "blockNumber": "0x1",
        "logIndex": "0x0",
        "blockHash": to_hex(digest),
        "transactionHash": to_hex(digest),
    }
    index = index_in()
    apply(index, happenings_in([log], {"0x1": 5}, indexed_contracts(DEPLOYMENT)), 1)
    assert (
        "not UTF-8"
        in Search(lambda: ChainIndexer(PastChain(MARKET, head=1), index), follow=False).artifacts().items[0].uri
    )


COMMITMENT = ModelCommitment(
    program_root=keccak256(b"program"),
    weights_root=keccak256(b"weights"),
    dimensions=keccak256(b"dimensions"),
    manifest_digest=keccak256(b"manifest"),
)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Artifacts.Registered", {**artifact_event(1, "", 1).values, "id": keccak256(b"another")}),
        ("Artifacts.ModelRegistered", {"id": COMMITMENT.model_id(), "commitment": COMMITMENT}),
        ("Artifacts.Transfer", {"from": OWNER, "to": OWNER, "token_id": 2**256 - 1}),
        ("Agents.Registered", {"agent_id": 2**63, "agent_uri": "", "owner": OWNER}),
        ("Agents.URIUpdated", {"agent_id": 7, "new_uri": "", "updated_by": OWNER}),
        ("Agents.Transfer", {"from": OWNER, "to": OWNER, "token_id": 9}),
        ("Paid", {"order_id": keccak256(b"nothing"), "gathered": 1, "output_hash": bytes(32)}),
        ("DisputeOpened", {"order_id": keccak256(b"nothing"), "challenger": OWNER, "deadline": 1}),
        ("FraudProven", {"order_id": keccak256(b"nothing"), "challenger": OWNER, "tile": 1}),
    ],
)
def test_event_that_cannot_be_true_is_refused(name: str, values: dict[str, Any]) -> None:
    index = index_in()
    before = index.digest()
    with pytest.raises(EndpointError) as caught:
        apply(index, [Happening(name, values, 1, 0, Timestamp(1), keccak256(b"transaction"))], 1)
    assert caught.value.code == "EventsContradict"
    assert index.digest() == before


def test_registration_twice_is_refused() -> None:
    index = index_in()
    first, second = artifact_event(1, "", 1), artifact_event(1, "", 2)
    with pytest.raises(EndpointError):
        apply(index, [first, second], 2)
    assert index.counts()["artifact"] == 0


# -- cursors -----------------------------------------------------------------------------------------------------------


def test_cursor_with_any_change_is_refused() -> None:
    search = Search(lambda: ChainIndexer(PastChain(MARKET), index_in()))
    cursor = search.orders(limit=5).next
    assert cursor is not None
    spoiled = {cursor[:at] + letter + cursor[at + 1 :] for at in range(len(cursor)) for letter in "AZz09-_ '"} - {
        cursor
    }
    spoiled |= {cursor[:-1], cursor + "A", "", "=", "é", cursor * 2, "../../etc/passwd", "0", "\0"}
    for text in spoiled:
        with pytest.raises(InputError) as caught:
            search.orders(limit=5, after=text)
        assert caught.value.code == "BadCursor"


def test_cursor_of_another_question_is_refused() -> None:
    search = Search(lambda: ChainIndexer(PastChain(MARKET), index_in()))
    cursor = search.orders(limit=5).next
    client = MARKET.order(0).order.client
    for other in ({"client": client}, {"newest_first": False}, {"since": Timestamp(5)}):
        with pytest.raises(InputError) as caught:
            search.orders(limit=5, after=cursor, **other)  # type: ignore[arg-type]
        assert caught.value.code == "BadCursor"
    with pytest.raises(InputError):
        search.credits(limit=5, after=cursor)


def test_cursor_that_somebody_makes_himself_leads_to_public_entries_only() -> None:
    """What is in a cursor protects nothing: a forged one asks what anybody may ask."""
    for place in (0, 1, 2**62, 2**63 - 1):
        assert decode_cursor(encode_cursor(place, b"question"), b"question") == place


# -- the fast reader ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Market", "Court", "Vault", "Agents", "Artifacts", "Checkpoints"])
def test_fast_reader_says_what_the_general_codec_says_of_any_bytes(name: str) -> None:
    draw, known = random.Random(11), contract(name)  # seed 11
    readers = {topic: reader for topic, reader in known._readers.items() if reader is not None}
    assert readers
    for topic, reader in readers.items():
        count = sum(item["indexed"] for item in known._events[topic].inputs)
        for _ in range(200):
            words = [
                bytes(12) + draw.randbytes(20) if draw.random() < 0.7 else draw.randbytes(32) for _ in range(count)
            ]
            data = _some_data(draw)
            fast = reader(words, data)
            if fast is not None:
                known._readers[topic] = None
                slow = known.log([topic, *words], data)
                known._readers[topic] = reader
                assert slow == (known._events[topic].name, fast)


def _some_data(draw: random.Random) -> bytes:
    """Words as logs have them: small numbers, offsets, addresses, and now and then anything."""
    kinds = [
        lambda: draw.choice([0, 1, 32, 64, 96, 128, 5, 33, 2**40 - 1, 2**96 - 1]).to_bytes(32, "big"),
        lambda: bytes(12) + draw.randbytes(20),
        lambda: draw.randbytes(32),
        lambda: draw.randbytes(8) + bytes(24),
    ]
    data = b"".join(draw.choice(kinds)() for _ in range(draw.randrange(16)))
    return data if draw.random() < 0.9 else data + draw.randbytes(draw.randrange(32))


def test_fast_reader_reads_real_logs_and_changed_ones_as_the_general_codec_does() -> None:
    draw, chain, read = random.Random(13), PastChain(MARKET), 0  # seed 13
    for log in [log for number in range(1, 10) for log in chain.logs(number)]:
        known = contract(indexed_contracts(DEPLOYMENT)[Address(bytes.fromhex(log["address"][2:]))])
        topic, *words = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
        for change in range(20):
            data = bytearray.fromhex(log["data"][2:])
            if change and data:
                data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            reader = known._readers[topic]
            assert reader is not None
            fast = reader(words, bytes(data))
            assert change or fast is not None
            if fast is not None:
                known._readers[topic] = None
                slow = known.log([topic, *words], bytes(data))
                known._readers[topic] = reader
                assert slow == (known._events[topic].name, fast)
                read += 1
    assert read > 100


def test_fast_reader_leaves_kinds_it_does_not_know_to_the_general_codec() -> None:
    texts = [{"name": "uri", "type": "string", "indexed": False}]
    rows = [{"name": "parents", "type": "bytes32[]", "indexed": False}]
    assert log_reader(texts, str) is None
    assert log_reader(rows, str) is None
