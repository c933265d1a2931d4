"""The test vectors that the onnx package ships: models, inputs and outputs that other people's frameworks made.

Each is imported and gives the outputs of its file, or is refused with a typed error. What is refused is counted, so
that nothing gets lost unnoticed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from concordat.graph.execute import run_outputs
from concordat.graph.onnx import Tolerance, import_onnx
from concordat.primitives.errors import ModelError

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
ANY = Tolerance(agreement=0.0, error=1.0)
FOLDERS = sorted(path.parent for path in DATA.glob("pytorch-*/*/model.onnx"))
LIGHT = sorted(DATA.glob("light/*.onnx"))
REFUSED = {
    "OldOpset": 12,  # operands that were broadcast by an attribute, and operators that changed their meaning
    "UnsupportedOperator": 13,  # images of three dimensions
    "ModelTooLarge": 1,
    "OutputTooLarge": 2,
    "BadOperator": 4,  # constants as large as the batch of their test
    "NotFinite": 1,
}
"""How many vectors are refused, by the error's code; may only get fewer."""


def tensor(path: Path) -> Any:
    found = onnx.TensorProto()
    found.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(found)


def vector(folder: Path) -> tuple[Any, Any] | None:
    """Input and first output of a test with one input of floats that has a batch."""
    inputs = sorted(folder.glob("test_data_set_0/input_*.pb"))
    rows = tensor(inputs[0]) if len(inputs) == 1 else np.zeros(0)
    if rows.ndim < 2:
        return None
    return rows, tensor(folder / "test_data_set_0" / "output_0.pb")


@pytest.mark.skipif(not FOLDERS, reason="this version of onnx ships no test vectors")
def test_vectors_of_other_frameworks_are_reproduced_or_refused() -> None:
    refused: dict[str, list[str]] = {}
    reproduced = 0
    for folder in FOLDERS:
        found = vector(folder)
        if found is None:
            continue
        rows, expected = found
        try:
            model = import_onnx((folder / "model.onnx").read_bytes(), calibration=rows, tolerance=ANY, bits=16)
        except ModelError as error:
            refused.setdefault(error.code, []).append(folder.name)
            continue
        outputs = run_outputs(model.graph, model.schema.encode(rows.reshape(len(rows), -1)))
        values = outputs * np.array([float(score.step) for score in model.schema.output.scores])
        span = max(float(np.abs(expected).max()), 1e-9)
        error = np.abs(values - expected.reshape(len(rows), -1)).max() / span
        assert error < 2e-3, f"{folder.name} is off by {error:.1e} of its reach"
        reproduced += 1
    assert reproduced >= 70
    assert {code: len(names) for code, names in refused.items() if len(names) > REFUSED.get(code, 0)} == {}, refused


@pytest.mark.skipif(not LIGHT, reason="this version of onnx ships no whole networks")
@pytest.mark.parametrize("path", LIGHT, ids=lambda path: path.stem)
def test_whole_networks_for_photographs_name_the_limit_they_pass(path: Path) -> None:
    """Nine classics for 224 × 224 pixels: all but the smallest are beyond the limits, and are told which."""
    if path.stem == "light_squeezenet":
        pytest.skip("it is within the limits; it takes some seconds")
    with pytest.raises(ModelError) as caught:
        import_onnx(path.read_bytes(), calibration=np.zeros((1, 3, 224, 224), dtype=np.float32))
    assert caught.value.code in ("ModelTooLarge", "OldOpset", "UnsupportedOperator")
    assert caught.value.hint
