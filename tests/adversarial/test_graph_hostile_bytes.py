"""Hostile program files: refused with a ModelError, or another model; never another kind of error."""

from __future__ import annotations

from random import Random

import pytest

from concordat.graph.intervals import validate
from concordat.graph.ir import Graph, Node
from concordat.primitives.encoding import ZERO32
from concordat.primitives.errors import ModelError
from concordat.testing.graphs import random_graph


def _read(data: bytes) -> Graph | None:
    try:
        graph = Graph.from_bytes(data)
        validate(graph)
    except ModelError:
        return None
    return graph


def _small(seed: int) -> Graph:
    return random_graph(seed, max_nodes=5, max_elements=12)


@pytest.mark.parametrize("seed", range(6))
def test_program_cut_short_anywhere_or_with_more_behind_is_refused(seed):
    data = _small(seed).to_bytes()
    for size in range(len(data)):
        with pytest.raises(ModelError):
            Graph.from_bytes(data[:size])
    for more in (b"\0", bytes(32), bytes(192)):
        with pytest.raises(ModelError):
            Graph.from_bytes(data + more)


@pytest.mark.parametrize("seed", range(12))
def test_program_with_any_byte_changed_is_refused_or_another_model(seed):
    graph = _small(seed)
    data, model = graph.to_bytes(), graph.commitment(ZERO32).model_id()
    random = Random(seed)
    for place in range(len(data)):
        for flip in (1 << random.randrange(8), 0xFF):
            changed = bytearray(data)
            changed[place] ^= flip
            found = _read(bytes(changed))
            assert found is None or found.commitment(ZERO32).model_id() != model, place


@pytest.mark.parametrize("seed", range(30))
def test_program_of_noise_behind_a_good_header_is_refused_in_order(seed):
    random = Random(seed)
    data = bytearray(_small(seed).to_bytes())
    for _ in range(random.randint(1, 40)):
        data[random.randrange(64, len(data))] = random.choice([0, 1, 2, 0x7F, 0x80, 0xFF, random.randrange(256)])
    _read(bytes(data))


@pytest.mark.parametrize("value", [0, 1, 2, 1 << 16, (1 << 16) + 1, 1 << 24, (1 << 32) - 1])
@pytest.mark.parametrize("field", range(6))
def test_header_with_any_number_is_read_without_believing_it(field, value):
    graph = _small(1)
    data = bytearray(graph.to_bytes())
    data[8 + 4 * field : 12 + 4 * field] = value.to_bytes(4, "big")
    found = _read(bytes(data))
    assert found is None or found.commitment(ZERO32) != graph.commitment(ZERO32) or bytes(data) == graph.to_bytes()


@pytest.mark.parametrize("value", [0, 1, 255, 256, 1 << 24, 1 << 31, (1 << 32) - 1])
@pytest.mark.parametrize("at", [4, 8, 12, 16, 20, 36, 40, 44, 48, 68, 72, 76, 80])
def test_descriptor_with_any_number_is_refused_or_validated(at, value):
    graph = _small(2)
    data = bytearray(graph.to_bytes())
    for index in range(len(graph.nodes)):
        changed, place = bytearray(data), 64 + 192 * index + at
        changed[place : place + 4] = value.to_bytes(4, "big")
        _read(bytes(changed))


def test_descriptor_of_noise_is_refused():
    random = Random(0)
    for _ in range(500):
        with pytest.raises(ModelError):
            Node.decode(random.randbytes(192))


@pytest.mark.parametrize(
    "data", [b"", b"CONCORD", b"CONCORD\x02" + bytes(56), b"CONCORD\x01" + bytes(56), bytes(10_000)]
)
def test_file_that_is_no_program_is_refused(data):
    with pytest.raises(ModelError):
        Graph.from_bytes(data)
