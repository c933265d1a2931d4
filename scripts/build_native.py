"""Build the Rust crate and install the wheel into this environment."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WHEELS = ROOT / "build" / "wheels"


def main() -> None:
    """Compile `native/` in release mode and install the resulting wheel."""
    bin_dir = Path(sys.executable).parent
    shutil.rmtree(WHEELS, ignore_errors=True)
    subprocess.run(
        [bin_dir / "maturin", "build", "--release", "--locked", "-q", "-o", WHEELS, "-i", sys.executable],
        cwd=ROOT / "native",
        check=True,
    )
    wheel = next(WHEELS.glob("*.whl"))
    subprocess.run(
        [
            bin_dir / "python",
            "-m",
            "pip",
            "install",
            "-q",
            "--force-reinstall",
            "--no-deps",
            "--no-index",
            wheel,
        ],
        check=True,
    )


if __name__ == "__main__":
    main()
