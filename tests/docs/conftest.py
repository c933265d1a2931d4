"""A folder with the files that the README's example needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from docpages import missing_for_demo

from concordat.testing.credit import write_example


@pytest.fixture(scope="session")
def example_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`credit.onnx`, `credit.toml` and `applications.csv`, as `write_example` leaves them."""
    if missing := missing_for_demo():
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("example")
    write_example(folder)
    return folder
