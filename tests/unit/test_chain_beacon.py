"""Blobs read back from consensus nodes: answers in the shapes of their API, some of them lies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, cast

import pytest

from concordat.chain import beacon
from concordat.chain.beacon import BeaconNode
from concordat.chain.blob_archive import BlobArchive
from concordat.chain.blobs import to_blob
from concordat.chain.rpc import Endpoint
from concordat.chain.sidecars import Sidecar
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import ConfigurationError, EndpointError, NotFoundError

ROOT = "0x" + "ab" * 32
BLOBS = [to_blob(b"first"), to_blob(b"second")]
BLOCK, GENESIS, SLOT = 70, 1_606_824_023, 9


@pytest.fixture(scope="module")
def sidecar() -> Sidecar:
    return Sidecar.of(*BLOBS)


class Node:
    """Both nodes: the consensus node answers over HTTP, the execution node is asked directly."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []
        self.next: dict[str, str] | None = {"parentBeaconBlockRoot": ROOT}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def batch(self, asked: list[tuple[str, list[Any]]]) -> list[Any]:
        """The block, and the one behind it."""
        assert asked == [
            ("eth_getBlockByNumber", [hex(BLOCK + 1), False]),
            ("eth_getBlockByNumber", [hex(BLOCK), False]),
        ]
        return [self.next, {"timestamp": hex(GENESIS + 12 * SLOT + 3)}]

    def reader(self, suffix: str = "", timeout: float = 10.0) -> BeaconNode:
        """Of this node."""
        return BeaconNode(self.url + suffix, cast("Endpoint", self), timeout=timeout)

    def blob(self, versioned: bytes, suffix: str = "") -> bytes:
        """What an archive with this node alone has."""
        return BlobArchive((self.reader(suffix),)).blob(versioned, BLOCK)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        node = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                """Silence."""

            def do_GET(self) -> None:
                node.asked.append(self.path)
                answer = node.answers.get(self.path, node.answers.get(self.path.partition("?")[0], (404, {})))
                status, body = answer if isinstance(answer, tuple) else (200, answer)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

        return Handler


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node()
    yield made
    made.server.shutdown()
    made.server.server_close()


def blobs_of(*blobs: bytes) -> dict[str, Any]:
    return {"execution_optimistic": False, "finalized": True, "data": [to_hex(blob) for blob in blobs]}


def sidecars_of(sidecar: Sidecar) -> dict[str, Any]:
    """The older shape: one object for each blob, with what proves that it is the block's."""
    header = {"message": {"slot": str(SLOT), "parent_root": ROOT}, "signature": "0x" + "00" * 96}
    parts = zip(sidecar.blobs, sidecar.commitments, sidecar.proofs, strict=True)
    data = [
        {
            "index": str(i),
            "blob": to_hex(blob),
            "kzg_commitment": to_hex(commitment),
            "kzg_proof": to_hex(proof),
            "signed_block_header": header,
            "kzg_commitment_inclusion_proof": [ROOT] * 17,
        }
        for i, (blob, commitment, proof) in enumerate(parts)
    ]
    return {"version": "electra", "data": data}


def test_blob_is_read_from_the_beacon_block_that_the_next_block_names(node: Node, sidecar: Sidecar) -> None:
    wanted = sidecar.versioned_hashes[1]
    path = f"/eth/v1/beacon/blobs/{ROOT}?versioned_hashes={to_hex(wanted)}"
    node.answers[path] = blobs_of(BLOBS[1])
    assert node.blob(wanted) == BLOBS[1]
    assert node.asked == [path]


def test_blob_is_found_among_all_blobs_of_a_block(node: Node, sidecar: Sidecar) -> None:
    node.answers[f"/eth/v1/beacon/blobs/{ROOT}"] = blobs_of(*BLOBS)
    assert node.blob(sidecar.versioned_hashes[1]) == BLOBS[1]


@pytest.mark.parametrize("behind", [None, {}, {"parentBeaconBlockRoot": "0x" + "00" * 32}])
def test_blob_of_the_newest_block_is_found_by_its_slot(node: Node, sidecar: Sidecar, behind: Any) -> None:
    node.next = behind
    node.answers["/eth/v1/beacon/genesis"] = {"data": {"genesis_time": str(GENESIS)}}
    node.answers["/eth/v1/config/spec"] = {"data": {"SECONDS_PER_SLOT": "12", "PRESET_BASE": "mainnet"}}
    node.answers[f"/eth/v1/beacon/blobs/{SLOT}"] = blobs_of(*BLOBS)
    assert node.blob(sidecar.versioned_hashes[0]) == BLOBS[0]


def test_blob_is_found_on_an_older_node_by_its_commitment(node: Node, sidecar: Sidecar) -> None:
    node.answers[f"/eth/v1/beacon/blob_sidecars/{ROOT}"] = sidecars_of(sidecar)
    assert node.blob(sidecar.versioned_hashes[1]) == BLOBS[1]


def test_query_of_the_nodes_url_is_sent_along_and_never_shown(node: Node, sidecar: Sidecar) -> None:
    node.answers[f"/key/eth/v1/beacon/blobs/{ROOT}"] = blobs_of(*BLOBS)
    assert node.blob(sidecar.versioned_hashes[0], "/key/?token=secret") == BLOBS[0]
    assert "token=secret" in node.asked[0]
    reader = node.reader("/key/?token=secret")
    node.answers[f"/key/eth/v1/beacon/blobs/{ROOT}"] = (503, b"")
    with pytest.raises(EndpointError) as caught:
        reader.candidates(sidecar.versioned_hashes[0], BLOCK)
    assert caught.value.code == "EndpointBusy"
    assert "secret" not in str(caught.value) + repr(reader)


def test_attack_node_that_shows_other_blobs_is_not_believed(node: Node, sidecar: Sidecar) -> None:
    changed = BLOBS[0][:-1] + bytes([BLOBS[0][-1] ^ 1])
    node.answers[f"/eth/v1/beacon/blobs/{ROOT}"] = blobs_of(BLOBS[1], changed, b"short", b"\xff" * 131_072)
    with pytest.raises(NotFoundError) as caught:
        node.blob(sidecar.versioned_hashes[0])
    assert caught.value.code == "BlobMissing"


@pytest.mark.parametrize(
    "answer",
    [b"<html>", {"nothing": 1}, {"data": {"blob": 1}}, {"data": ["no hex"]}, {"data": [None]}, b"[" * 100],
)
def test_attack_answer_without_sense_is_a_typed_error(node: Node, sidecar: Sidecar, answer: Any) -> None:
    node.answers[f"/eth/v1/beacon/blobs/{ROOT}"] = answer
    with pytest.raises(EndpointError) as caught:
        node.reader().candidates(sidecar.versioned_hashes[0], BLOCK)
    assert caught.value.code == "EndpointGarbage"


def test_attack_answer_without_end_is_left(node: Node, sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beacon, "MOST_BYTES", 1000)
    node.answers[f"/eth/v1/beacon/blobs/{ROOT}"] = blobs_of(*BLOBS)
    with pytest.raises(EndpointError):
        node.reader().candidates(sidecar.versioned_hashes[0], BLOCK)


def test_archive_goes_on_where_a_node_is_down(node: Node, sidecar: Sidecar) -> None:
    down = BeaconNode("http://127.0.0.1:9", cast("Endpoint", node))
    with pytest.raises(NotFoundError) as caught:
        BlobArchive((down,)).blob(sidecar.versioned_hashes[0], BLOCK)
    assert "cannot be reached" in caught.value.message
    node.answers[f"/eth/v1/beacon/blobs/{ROOT}"] = blobs_of(*BLOBS)
    assert BlobArchive((down, node.reader())).blob(sidecar.versioned_hashes[0], BLOCK) == BLOBS[0]


@pytest.mark.parametrize("url", ["", "localhost:5052", "ftp://node", "http://", "\0"])
def test_beacon_of_another_kind_of_url_is_refused(node: Node, url: str) -> None:
    with pytest.raises(ConfigurationError):
        BeaconNode(url, cast("Endpoint", node))
