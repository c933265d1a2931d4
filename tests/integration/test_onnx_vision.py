"""Image networks on real data: trained here, quantised by onnxruntime, and one that nobody here wrote.

MNIST lies beside the repository, if at all; the digits of scikit-learn are always there. The networks of rapidocr come
with ``pip install --no-deps rapidocr-onnxruntime``.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concordat.graph.elements import pack_elements
from concordat.graph.execute import run, run_outputs
from concordat.graph.fidelity import fidelity
from concordat.graph.onnx import Tolerance, import_onnx
from concordat.primitives.errors import ModelError
from concordat.primitives.native import rust
from concordat.testing.vision import train

onnxruntime = pytest.importorskip("onnxruntime")
datasets = pytest.importorskip("sklearn.datasets")

ROOT = Path(__file__).parents[2]
MNIST = ROOT.parent / "shared" / "data" / "mnist.npz"
TRAINED = 6_000


@pytest.fixture(scope="module")
def digits() -> tuple[Any, Any]:
    found = datasets.load_digits()
    return (found.images / 16).astype(np.float32), found.target


@pytest.fixture(scope="module")
def small(digits: tuple[Any, Any]) -> bytes:
    """A network for 8 × 8 pixels; 5 × 5 kernels with padding."""
    images, labels = digits
    network = train(images[:1_200], labels[:1_200], channels=(6, 8), hidden=(24,), padding=2, epochs=6)
    return network.to_onnx()


def test_digits_network_keeps_its_labels(digits: tuple[Any, Any], small: bytes) -> None:
    images, labels = digits
    rows = images[:, None]
    model = import_onnx(small, calibration=rows[:300])
    report = fidelity(model, small, rows[1_200:])
    assert report.agreement == 1.0, report.lines()
    report.check()
    outputs = run_outputs(model.graph, model.schema.encode(rows[1_200:].reshape(597, -1)))
    assert (outputs[:, 0] == labels[1_200:]).mean() > 0.85  # it has learned something


@pytest.mark.slow
def test_mnist_network_keeps_995_of_a_thousand_labels() -> None:
    if not MNIST.exists():
        pytest.skip(f"MNIST is not at {MNIST}")
    data = np.load(MNIST)
    network = ROOT / "build" / "mnist" / f"lenet-{TRAINED}.onnx"
    chosen = np.random.default_rng(0).permutation(len(data["x_train"]))[:TRAINED]
    images = (data["x_train"][chosen] / 255).round(3).astype(np.float32)
    if not network.exists():
        network.parent.mkdir(parents=True, exist_ok=True)
        network.write_bytes(train(images, data["y_train"][chosen]).to_onnx())
    onnx = network.read_bytes()
    model = import_onnx(onnx, calibration=images[:500, None])
    test = (data["x_test"] / 255).round(3).astype(np.float32)[:, None]
    if rust is None:
        test = test[:500]
    report = fidelity(model, onnx, test)
    assert report.agreement >= 0.995, report.lines()
    expected = onnxruntime.InferenceSession(onnx).run(["label"], {"x": test})[0]
    assert (expected == data["y_test"][: len(test)]).mean() > 0.9


# -- quantised -------------------------------------------------------------------------------------------------------


class Rows:
    """What onnxruntime's quantiser calibrates with."""

    def __init__(self, rows: Any) -> None:
        self._rows = iter(rows)

    def get_next(self) -> Any:
        row = next(self._rows, None)
        return None if row is None else {"x": row[None]}


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("kind", ["QUInt8", "QInt8"])
def test_quantised_network_is_taken_as_it_is(
    digits: tuple[Any, Any], small: bytes, tmp_path: Path, form: str, per_channel: bool, kind: str
) -> None:
    quantization = pytest.importorskip("onnxruntime.quantization")
    rows = digits[0][:, None]
    (tmp_path / "float.onnx").write_bytes(small)
    quantization.quantize_static(
        tmp_path / "float.onnx",
        tmp_path / "quantised.onnx",
        Rows(rows[:100]),
        quant_format=quantization.QuantFormat[form],
        per_channel=per_channel,
        activation_type=quantization.QuantType[kind],
        weight_type=quantization.QuantType.QInt8,
        op_types_to_quantize=["Conv", "Relu", "MaxPool", "Gemm", "Flatten"],
    )
    data = (tmp_path / "quantised.onnx").read_bytes()
    model = import_onnx(data, calibration=rows[:200])
    held_out = rows[1_200:]
    outputs = run_outputs(model.graph, model.schema.encode(held_out.reshape(len(held_out), -1)))
    scores = outputs[:, 1:] * np.array([float(score.step) for score in model.schema.output.scores])
    expected = onnxruntime.InferenceSession(data).run(["scores"], {"x": held_out})[0]
    levels = np.diff(np.unique(expected))
    step = float(levels[levels > 1e-4 * np.abs(expected).max()].min())
    apart = np.abs(scores - expected) / step
    assert apart.max() < 1.01, "no score is off by more than one step of the file's own"
    assert (apart < 0.01).mean() > 0.97


def test_network_that_quantises_by_the_row_is_refused_by_name(small: bytes, tmp_path: Path) -> None:
    quantization = pytest.importorskip("onnxruntime.quantization")
    (tmp_path / "float.onnx").write_bytes(small)
    quantization.quantize_dynamic(tmp_path / "float.onnx", tmp_path / "dynamic.onnx")
    with pytest.raises(ModelError) as caught:
        import_onnx(tmp_path / "dynamic.onnx", calibration=np.zeros((4, 1, 8, 8)))
    assert caught.value.fields["op"] == "DynamicQuantizeLinear"
    assert "quantize_static" in caught.value.hint


# -- networks nobody here wrote --------------------------------------------------------------------------------------


def packaged(package: str, name: str) -> bytes:
    """A file of an installed package; the test is skipped where there is none."""
    try:
        found = next((path for path in files(package) or () if path.name == name), None)
    except PackageNotFoundError:
        found = None
    if found is None:
        pytest.skip(f"{package} is not installed: pip install --no-deps {package}")
    return Path(str(found.locate())).read_bytes()


def lines_of_writing(count: int, shape: tuple[int, ...], seed: int) -> Any:
    """A line of dark strokes on light ground, between -1 and 1 as rapidocr normalises its images."""
    random = np.random.default_rng(seed)
    _, height, width = shape
    images = np.full((count, *shape), 0.9)
    for image in images:
        top = int(random.integers(height // 5, height // 2))
        for left in range(6, width - 8, 7):
            for _ in range(3):
                if random.random() < 0.5:
                    line = top + int(random.integers(0, 9))
                    image[:, line : line + 2, left : left + 5] = -0.8
                else:
                    column = left + int(random.integers(0, 4))
                    image[:, top : top + 10, column : column + 2] = -0.8
    return np.clip(images + random.normal(scale=0.02, size=images.shape), -1, 1).round(3).astype(np.float32)


@pytest.mark.slow
def test_text_direction_classifier_is_imported_and_decides_as_in_onnxruntime() -> None:
    data = packaged("rapidocr-onnxruntime", "ch_ppocr_mobile_v2.0_cls_infer.onnx")
    shape = (3, 48, 192)
    rows = lines_of_writing(20, shape, 0)
    model = import_onnx(data, calibration=rows[:12], shape=shape, bits=16)
    assert (model.operators["Conv"], model.operators["HardSwish"], model.operators["HardSigmoid"]) == (53, 18, 9)
    assert model.graph.trace_words < 400_000
    report = fidelity(model, data, rows[12:])
    assert report.agreement == 1.0
    report.check()
    if rust is not None:
        words = pack_elements(model.schema.encode(rows[:1].reshape(1, -1))[0], model.graph.nodes[0].out_type)
        assert run(model.graph, words).trace == run(model.graph, words, reference=True).trace


@pytest.mark.slow
def test_text_detector_is_imported_as_a_map_of_probabilities() -> None:
    data = packaged("rapidocr-onnxruntime", "ch_PP-OCRv4_det_infer.onnx")
    shape = (3, 64, 64)
    rows = lines_of_writing(12, shape, 1)
    loose = Tolerance(agreement=0.0, error=0.1)  # the greatest of 4,096 probabilities decides nothing
    model = import_onnx(data, calibration=rows[:8], shape=shape, bits=16, tolerance=loose)
    assert (model.operators["ConvTranspose"], model.operators["Resize"]) == (2, 6)
    outputs = run_outputs(model.graph, model.schema.encode(rows[8:].reshape(4, -1)))
    found = outputs * float(model.schema.output.scores[0].step)
    expected = onnxruntime.InferenceSession(data).run(None, {"x": rows[8:]})[0].reshape(4, -1)
    assert 0.01 < (expected > 0.3).mean() < 0.5  # it sees the line
    assert ((found > 0.3) == (expected > 0.3)).mean() > 0.999
    assert np.abs(found - expected).mean() < 1e-3


def test_text_recogniser_is_refused_for_what_it_does() -> None:
    data = packaged("rapidocr-onnxruntime", "ch_PP-OCRv4_rec_infer.onnx")
    with pytest.raises(ModelError) as caught:
        import_onnx(data, calibration=lines_of_writing(4, (3, 48, 64), 2), shape=(3, 48, 64))
    assert caught.value.code == "UnsupportedOperator"
    assert caught.value.fields["op"] == "Slice"
    assert "batch" in caught.value.message
