"""Content in S3 and IPFS: what was put is found again, and a hostile store can withhold, but not deceive or exhaust.

S3 is moto's server. IPFS is a small node of our own with the part of Kubo's RPC that is used, or the real one whose
``host:port`` is in ``CONCORDAT_TEST_IPFS``.
"""

from __future__ import annotations

import email
import email.policy
import gzip
import hashlib
import json
import os
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from concordat.client.public import PublicData
from concordat.primitives.errors import (
    ConcordatError,
    ConfigurationError,
    CorruptionError,
    InputError,
    NotFoundError,
    StorageError,
)
from concordat.storage.blobs import FsspecBlobs
from concordat.storage.content import ContentStore, RemoteContent, open_content
from concordat.storage.ipfs import KuboFileSystem
from concordat.testing.small import small_model

KEY = bytes(range(32))
DATA = b"payload " * 10_000
LIMIT = 1 << 20
BOMB = gzip.compress(bytes(64 << 20), 9)


class Node(BaseHTTPRequestHandler):
    """Mutable files of an IPFS node, in memory."""

    files: dict[str, bytes]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        asked = parse_qs(url.query)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            self.answer(200, getattr(self, url.path.rpartition("/")[2])(asked["arg"], body))
        except KeyError:
            self.answer(500, json.dumps({"Message": "file does not exist", "Code": 0, "Type": "error"}).encode())

    def write(self, arg: list[str], body: bytes) -> bytes:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        (part,) = email.message_from_bytes(head + body, policy=email.policy.HTTP).iter_parts()
        self.files[arg[0]] = part.get_payload(decode=True)
        return b""

    def mv(self, arg: list[str], body: bytes) -> bytes:
        self.files[arg[1]] = self.files.pop(arg[0])
        return b""

    def rm(self, arg: list[str], body: bytes) -> bytes:
        del self.files[arg[0]]
        return b""

    def read(self, arg: list[str], body: bytes) -> bytes:
        return self.files[arg[0]]

    def stat(self, arg: list[str], body: bytes) -> bytes:
        data = self.files[arg[0]]
        return json.dumps({"Hash": hashlib.sha256(data).hexdigest(), "Size": len(data), "Type": "file"}).encode()

    def ls(self, arg: list[str], body: bytes) -> bytes:
        names = {path.removeprefix(arg[0] + "/") for path in self.files if path.startswith(arg[0] + "/")}
        return json.dumps({"Entries": [{"Name": name} for name in sorted(names)]}).encode()

    def answer(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def serve(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def ipfs() -> Iterator[str]:
    if real := os.environ.get("CONCORDAT_TEST_IPFS"):
        yield real
    else:
        yield from serve(type("Fresh", (Node,), {"files": {}}))


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        import s3fs

        endpoint = f"http://{host}:{port}"
        s3fs.S3FileSystem(endpoint_url=endpoint, skip_instance_cache=True).mkdir("payloads")
        yield endpoint
        server.stop()


@pytest.fixture(params=["folder", "file", "memory", "s3", "ipfs"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ContentStore:
    places: dict[str, Callable[[], Path | str]] = {
        "folder": lambda: tmp_path,
        "file": lambda: f"file://{tmp_path}",
        "memory": lambda: f"memory://{tmp_path.name}",
        "s3": lambda: f"s3://payloads/{tmp_path.name}?endpoint={request.getfixturevalue('s3')}&region=us-east-1",
        "ipfs": lambda: f"ipfs://{request.getfixturevalue('ipfs')}/{tmp_path.name}",
    }
    return open_content(places[request.param](), limit=LIMIT)


def test_content_put_anywhere_is_found_under_digest_and_name(store: ContentStore) -> None:
    digest = store.put(DATA)
    assert digest == hashlib.sha256(DATA).digest()
    assert store.get(digest) == DATA
    assert store.has(digest)
    store.put_named(KEY, b"one")
    store.put_named(KEY, b"two")
    assert store.get_named(KEY) == b"two"
    assert store.get(store.put(b"")) == b""


def test_content_missing_erased_or_too_large_is_told_apart_anywhere(store: ContentStore) -> None:
    with pytest.raises(NotFoundError):
        store.get(KEY)
    with pytest.raises(NotFoundError):
        store.get_named(KEY)
    with pytest.raises(InputError):
        store.put(bytes(LIMIT + 1))
    digest = store.put(b"secret of one person")
    store.put_named(KEY, b"secret of one person")
    for _ in range(2):
        store.erase(digest)
        store.erase_named(KEY)
    assert not store.has(digest)
    with pytest.raises(NotFoundError):
        store.get_named(KEY)


def test_public_data_in_any_store_opens_the_model_that_was_published(store: ContentStore) -> None:
    model = small_model()
    public = PublicData(store)
    identity = public.put_model(model.commitment, model.graph, model.manifest.encode())
    assert PublicData(store).graph(identity) == model.graph


@pytest.mark.parametrize("url", ["nonsense://x", "s3://user:password@bucket/x", "ipfs://user@host/x"])
def test_content_url_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_content(url)
    assert "password" not in str(caught.value)


@pytest.mark.parametrize("url", ["s3://payloads/x?endpoint=http://127.0.0.1:9&region=us-east-1", "ipfs://127.0.0.1:9"])
def test_content_store_that_is_away_is_a_storage_error(s3: str, url: str) -> None:
    store = open_content(url)
    for attempt in (lambda: store.get(KEY), lambda: store.put(b"x"), lambda: store.erase(KEY)):
        with pytest.raises(StorageError) as caught:
            attempt()
        assert caught.value.code == "ContentAway"


def test_node_lists_and_describes_its_files(ipfs: str, tmp_path: Path) -> None:
    files = KuboFileSystem(ipfs)
    files.pipe_file(f"/{tmp_path.name}/a", b"abc")
    (entry,) = files.ls(f"/{tmp_path.name}")
    assert (entry["size"], entry["type"]) == (3, "file")
    assert entry["cid"]
    assert not [name for name in files.ls(f"/{tmp_path.name}", detail=False) if ".new-" in name]


def test_write_to_a_node_that_fails_on_the_way_leaves_the_old_bytes(tmp_path: Path) -> None:
    class Breaks(Node):
        files: dict[str, bytes] = {}

        def mv(self, arg: list[str], body: bytes) -> bytes:
            raise KeyError

    for host in serve(Breaks):
        store = open_content(f"ipfs://{host}/x")
        place = f"/x/named/{KEY.hex()[:2]}/{KEY.hex()}"
        Breaks.files[place] = hashlib.sha256(b"old").digest() + b"old"
        with pytest.raises(StorageError):
            store.put_named(KEY, b"new")
        assert store.get_named(KEY) == b"old"
        assert list(Breaks.files) == [place]


# -- hostile stores --------------------------------------------------------------------------------------------------


class Hostile(BaseHTTPRequestHandler):
    """Answers every read with something else, in ways that exhaust the careless."""

    way = ""
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        {"wrong": self.wrong, "truncated": self.truncated, "endless": self.endless, "bomb": self.bomb}[self.way]()

    def do_POST(self) -> None:
        self.do_GET()

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()

    def wrong(self) -> None:
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        self.wfile.write(bytes(len(DATA)))

    def truncated(self) -> None:
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        self.wfile.write(DATA[:1000])
        self.close_connection = True

    def endless(self) -> None:
        self.send_header("Content-Length", str(1 << 40))
        self.end_headers()
        self.close_connection = True
        try:
            while True:
                self.wfile.write(bytes(1 << 16))
        except OSError:
            return

    def bomb(self) -> None:
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(BOMB)))
        self.end_headers()
        self.wfile.write(BOMB)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def reads(store: ContentStore) -> bool:
    try:
        store.get(KEY)
    except StorageError:
        return False
    return True


@pytest.mark.parametrize("way", ["wrong", "truncated", "endless", "bomb"])
@pytest.mark.parametrize("kind", ["s3", "ipfs"])
def test_attack_store_that_answers_something_else_is_an_error_in_bounded_memory(s3: str, kind: str, way: str) -> None:
    for host in serve(type("Way", (Hostile,), {"way": way})):
        url = f"ipfs://{host}/x" if kind == "ipfs" else f"s3://payloads/x?endpoint=http://{host}&region=us-east-1"
        store = open_content(url, limit=LIMIT)
        assert not reads(store)  # the drivers load what they need the first time
        tracemalloc.start()
        try:
            for read in (store.get, store.get_named):
                with pytest.raises(StorageError) as caught:
                    read(hashlib.sha256(DATA).digest())
                assert isinstance(caught.value, CorruptionError) or caught.value.code == "ContentAway"
            assert tracemalloc.get_traced_memory()[1] < 8 * LIMIT
        finally:
            tracemalloc.stop()
        if way in ("wrong", "endless", "bomb"):
            assert not store.has(hashlib.sha256(DATA).digest())


def test_attack_store_that_answers_a_byte_at_a_time_is_left_in_time() -> None:
    class Drips:
        def __enter__(self) -> Drips:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def read(self, size: int) -> bytes:
            return b"x"

    class Slow:
        def open(self, path: str, mode: str) -> Drips:
            return Drips()

    ticks = iter(range(10_000))
    store = RemoteContent(FsspecBlobs(Slow(), "/x", "slow://x", seconds=100, clock=lambda: next(ticks)))
    with pytest.raises(ConcordatError) as caught:
        store.get(KEY)
    assert caught.value.code == "ContentAway"
    assert next(ticks) < 110
