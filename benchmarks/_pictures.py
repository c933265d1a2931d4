"""Networks over images and files for `graph.py`: trained here, quantised by onnxruntime, and out of PyPI packages.

MNIST lies beside the repository, if at all; the digits of scikit-learn are always there. ``magika`` and
``rapidocr-onnxruntime`` bring their networks along (``pip install --no-deps`` is enough); where one is not installed,
its case is left out and a line on stderr says so.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnxruntime import quantization
from sklearn.datasets import load_digits

from concordat.testing.vision import train

__all__ = ["Picture", "pictures"]

ROOT = Path(__file__).resolve().parents[1]
MNIST = ROOT.parent / "shared" / "data" / "mnist.npz"
TRAINED = 6_000
"""Images that the network learns from."""
SIDE, PADDING = 1_024, 256
"""Bytes that magika looks at from either end of a file, and what it takes for one that is not there."""
KINDS = ("src/**/*.py", "docs/**/*.md", "contracts/src/**/*.sol", "native/**/*.rs", "src/**/*.json", "docs/**/*.svg")
"""Files of this repository that it is asked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A network and rows for it."""

    name: str
    """What it is."""
    onnx: bytes = field(repr=False)
    """The file."""
    calibration: NDArray[Any] = field(repr=False)
    """Rows that the importer sees."""
    rows: NDArray[Any] = field(repr=False)
    """Rows that are run."""
    bits: Any = "auto"
    """Width of the dense weights."""


def pictures() -> Iterator[Picture]:
    """The trained network as it is and quantised, then those of packages that are installed."""
    name, network, seen, held = trained()
    yield Picture(name=name, onnx=network, calibration=seen, rows=held)
    yield Picture(name=f"{name}, Q/DQ", onnx=quantised(network, seen), calibration=seen, rows=held)
    for package, file, make in (
        ("magika", "model.onnx", magika),
        ("rapidocr-onnxruntime", "ch_ppocr_mobile_v2.0_cls_infer.onnx", direction),
    ):
        data = packaged(package, file)
        if data is None:
            print(f"left out: {package} is not installed (pip install --no-deps {package})", file=sys.stderr)
        else:
            yield make(data)


# -- trained here ----------------------------------------------------------------------------------------------------


def trained() -> tuple[str, bytes, Any, Any]:
    """LeNet's shape on handwritten digits: name, file, rows to calibrate with, rows to run."""
    if MNIST.exists():
        data = np.load(MNIST)
        chosen = np.random.default_rng(0).permutation(len(data["x_train"]))[:TRAINED]
        images, labels = grey(data["x_train"][chosen], 255), data["y_train"][chosen]
        return (
            "LeNet on MNIST, 28 × 28",
            train(images, labels).to_onnx(),
            images[:500, None],
            grey(data["x_test"][:1_000], 255)[:, None],
        )
    data = load_digits()
    images, half = grey(data.images, 16), len(data.images) - 1_000
    network = train(images[:half], data.target[:half], channels=(6, 8), hidden=(24,), padding=2, epochs=6)
    return "LeNet on digits, 8 × 8", network.to_onnx(), images[:half, None], images[half:, None]


def grey(pixels: Any, white: int) -> NDArray[np.float32]:
    """Grey levels from 0 to 1 with three decimals."""
    levels: NDArray[np.float32] = (pixels / white).round(3).astype(np.float32)
    return levels


class Readings:
    """What onnxruntime's quantiser calibrates with."""

    def __init__(self, rows: Any) -> None:
        self._rows = iter(rows)

    def get_next(self) -> Any:
        """The next row, or None after the last."""
        row = next(self._rows, None)
        return None if row is None else {"x": row[None]}


def quantised(network: bytes, rows: Any) -> bytes:
    """The same network with the quantiser's steps written between its operators."""
    with TemporaryDirectory() as folder:
        before, after = Path(folder) / "float.onnx", Path(folder) / "quantised.onnx"
        before.write_bytes(network)
        quantization.quantize_static(
            before,
            after,
            Readings(rows[:100]),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            op_types_to_quantize=["Conv", "Relu", "MaxPool", "Gemm", "Flatten"],
        )
        return after.read_bytes()


# -- out of packages -------------------------------------------------------------------------------------------------


def packaged(package: str, name: str) -> bytes | None:
    """A file of an installed package, if there is one."""
    try:
        found = next((path for path in files(package) or () if path.name == name), None)
    except PackageNotFoundError:
        return None
    return None if found is None else Path(str(found.locate())).read_bytes()


def magika(data: bytes) -> Picture:
    """Which of 214 kinds a file is of, from its first and last bytes."""
    paths = [path for kind in KINDS for path in sorted(ROOT.glob(kind))[:9]]
    rows = np.array([ends(path.read_bytes()) for path in paths])[np.random.default_rng(0).permutation(len(paths))]
    return Picture(name="magika, 2,048 bytes of a file", onnx=data, calibration=rows[12:24], rows=rows[:12], bits=16)


def ends(data: bytes) -> list[int]:
    """The first and the last 1,024 bytes, without white space at the ends."""
    head, tail = data[:4_096].lstrip()[:SIDE], data[-4_096:].rstrip()[-SIDE:]
    missing = [PADDING] * (SIDE - len(head)), [PADDING] * (SIDE - len(tail))
    return [*head, *missing[0], *missing[1], *tail]


def direction(data: bytes) -> Picture:
    """Whether a line of writing stands on its head: a MobileNet of 53 convolutions."""
    rows = np.stack([writing(seed) for seed in range(24)])
    name = "rapidocr's direction of a line, 3 × 48 × 192"
    return Picture(name=name, onnx=data, calibration=rows[12:], rows=rows[:12], bits=16)


def writing(seed: int) -> NDArray[np.float32]:
    """Dark strokes on light ground, within what rapidocr normalises its images to (-1 to 1)."""
    random = np.random.default_rng(seed)
    image = np.full((3, 48, 192), 0.9)
    top = int(random.integers(9, 24))
    for left in range(6, 184, 7):
        for _ in range(3):
            down, across = (int(drawn) for drawn in random.integers(0, [9, 4]))
            if random.random() < 0.5:
                image[:, top + down : top + down + 2, left : left + 5] = -0.8
            else:
                image[:, top : top + 10, left + across : left + across + 2] = -0.8
    return np.clip(image + random.normal(scale=0.02, size=image.shape), -0.82, 0.92).round(3).astype(np.float32)
