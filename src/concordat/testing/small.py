"""A small hand-written classifier, ready to publish: quick to build, with every stage a real model has."""

from __future__ import annotations

from decimal import Decimal
from functools import cache

import numpy as np

from concordat.client.model import Model
from concordat.graph.builder import GraphBuilder
from concordat.graph.columns import NumericColumn
from concordat.graph.elements import ElementType
from concordat.graph.evm import pack_native
from concordat.graph.ir import Comparison, Graph
from concordat.graph.schema import ModelSchema, OutputSchema, Score
from concordat.primitives.encoding import to_hex
from concordat.primitives.hashing import sha256
from concordat.protocol.artifact import ArtifactKind, Manifest

__all__ = ["small_graph", "small_model"]

COLUMNS = ("income", "debt", "age", "years")


@cache
def small_graph(seed: int = 1, hidden: int = 24) -> Graph:
    """Four whole numbers in; label and score out; one hidden layer with a table as its activation."""
    draw = np.random.default_rng(seed)
    builder = GraphBuilder()
    x = builder.input(len(COLUMNS), ElementType.I32)
    scaled = builder.affine(x, m0=1, shift=4, lo=-2000, hi=2000)
    first = builder.matmul(scaled, draw.integers(-90, 90, (hidden, len(COLUMNS))).tolist())
    bias = builder.weights(draw.integers(-500, 500, hidden).tolist())
    middle = builder.affine(first, c=bias, shift=8, lo=-511, hi=511)
    bent = builder.table(middle, [int(200 * np.tanh(i / 150)) for i in range(-512, 512)], lo=-512)
    second = builder.matmul(bent, draw.integers(-60, 60, (1, hidden)).tolist())
    score = builder.affine(second, shift=4, lo=-100_000, hi=100_000)
    label = builder.select(score, Comparison.GREATER_EQUAL, 0)
    whole = builder.convert(label, ElementType.I32), builder.convert(score, ElementType.I32)
    return builder.build(builder.concatenate(list(whole)))


@cache
def small_model(seed: int = 1, *, native: bool = True) -> Model:
    """A publishable model around :func:`small_graph`."""
    graph = small_graph(seed)
    columns = tuple(
        NumericColumn(name=name, step=Decimal(1), minimum=Decimal(0), maximum=Decimal(100_000)) for name in COLUMNS
    )
    schema = ModelSchema(
        columns=columns,
        element_type=ElementType.I32,
        output=OutputSchema(labels=(0, 1), scores=(Score(name="score", step=Decimal(1)),)),
    )
    manifest = Manifest(
        kind=ArtifactKind.MODEL,
        content={
            "name": "small",
            "version": f"1.0.{seed}",
            "licence": "Apache-2.0",
            "card": {},
            "parents": [],
            "files": {"program.bin": to_hex(sha256(graph.to_bytes()))},
            "schema": schema.to_json(),
        },
    )
    return Model(graph=graph, schema=schema, manifest=manifest, native=pack_native(graph) if native else None)
