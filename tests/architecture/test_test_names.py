"""Tests are named for behaviour, and the script that says so can tell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "check_test_names.py"


def check(*folders: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *folders], capture_output=True, text=True)


def test_names_of_all_tests_say_subject_condition_and_outcome() -> None:
    done = check()
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("test_one.py", "def test_it(): pass", "does not say subject"),
        ("test_one.py", "def test_thisAndThat_is_there(): pass", "does not say subject"),
        ("test_one.py", "class TestIt:\n    def test_it(self): pass", "does not say subject"),
        ("test_one.py", "def test_model_import_is_ok(): pass", "says nothing: ok"),
        ("test_one.py", "def test_a_b_c(): pass\ndef test_a_b_c(): pass", "is there 2 times"),
        ("One.t.sol", "function test_it() public {}", "does not say subject"),
        ("One.t.sol", "function test_accept_isOk_ok() public {}", "says nothing: ok"),
    ],
)
def test_name_that_says_too_little_is_refused_with_its_file(tmp_path: Path, file: str, text: str, told: str) -> None:
    (tmp_path / file).write_text(text)
    done = check(tmp_path)
    assert done.returncode == 1
    assert told in done.stderr
    assert file in done.stderr


def test_files_of_one_name_in_two_folders_are_refused(tmp_path: Path) -> None:
    for folder in ("unit", "property"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "test_same.py").write_text("")
    assert "2 files have this name" in check(tmp_path).stderr


def test_names_that_say_enough_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text("def test_order_that_is_late_is_refused(): pass\ndef helper(): pass\n")
    (tmp_path / "One.t.sol").write_text("function test_accept_inTheLastSecond_succeeds() public {}")
    assert check(tmp_path).returncode == 0
