"""A child process that does not outlive its parent.

On Linux the kernel ends the child when the thread that made it dies, however that happens; so the thread lives exactly
as long as the child. Elsewhere, and for anything that slips through, a file names the child, and the next start with
the same file ends it first.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from concordat.primitives.errors import ConfigurationError

__all__ = ["ChildProcess", "end_orphan"]

_PR_SET_PDEATHSIG = 1


def _bind_to_parent() -> Callable[[], None] | None:
    """What the child does between fork and exec, so that it gets SIGTERM when its parent is gone (Linux)."""
    if not sys.platform.startswith("linux"):
        return None
    parent, prctl = os.getpid(), ctypes.CDLL(None, use_errno=True).prctl

    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return bind


class ChildProcess:
    """One running program.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    log : Path
        Gets everything it prints; begun anew.
    pid_file : Path
        Names the child while it runs.

    Raises
    ------
    ConfigurationError
        If the program cannot be started.
    """

    def __init__(self, command: Sequence[str], *, log: Path, pid_file: Path) -> None:
        self._command, self._log, self._pid_file = list(command), log, pid_file
        self._process: subprocess.Popen[bytes] | None = None
        self._failure: OSError | None = None
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name=f"child {command[0]}", daemon=True)
        self._thread.start()
        started.wait()
        if self._failure is not None:
            raise ConfigurationError(
                f"{command[0]} cannot be started: {self._failure.strerror}.", code="NoProgram"
            ) from self._failure
        atexit.register(self.end)

    def _run(self, started: threading.Event) -> None:
        try:
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # a terminal's Ctrl-C reaches us first; we end the child in order
                    preexec_fn=_bind_to_parent(),
                )
            self._pid_file.write_text(str(self._process.pid))
        except OSError as error:
            self._failure = error
            return
        finally:
            started.set()
        self._process.wait()

    @property
    def pid(self) -> int:
        """Process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._thread.is_alive()

    def output(self) -> str:
        """The end of what it printed."""
        return self._log.read_text(errors="replace")[-2000:]

    def end(self, *, timeout: float = 20.0) -> None:
        """SIGTERM, then SIGKILL if it has not ended in time."""
        atexit.unregister(self.end)
        self._signal(signal.SIGTERM)
        self._thread.join(timeout)
        if self._thread.is_alive():
            self.kill()
        self._pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """SIGKILL."""
        self._signal(signal.SIGKILL)
        self._thread.join()
        self._pid_file.unlink(missing_ok=True)

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)


def end_orphan(pid_file: Path, mark: str, *, timeout: float = 20.0) -> bool:
    """End the process that an earlier run left behind; only if its command line contains `mark`.

    Returns
    -------
    bool
        Whether there was one.
    """
    try:
        pid = int(pid_file.read_text())
    except (OSError, ValueError):
        return False
    found = mark in _command_line(pid)
    for number in (signal.SIGTERM, signal.SIGKILL):
        if found and mark in _command_line(pid):
            os.kill(pid, number)
            _wait_until_gone(pid, mark, timeout)
    pid_file.unlink(missing_ok=True)
    return found


def _wait_until_gone(pid: int, mark: str, timeout: float) -> None:
    pause = threading.Event()
    for _ in range(int(timeout / 0.02)):
        if mark not in _command_line(pid):
            return
        pause.wait(0.02)


def _command_line(pid: int) -> str:
    """Command line of a live process, empty if there is none."""
    entry = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self/cmdline").exists():
        try:
            return entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.stdout
