"""Starts one PostgreSQL server for the tests of this process, from the machine's packages, and makes databases in it.

`NIGHTBUS_TEST_POSTGRES_BIN` names other folders of programs, as PATH does: the first one that has a program is taken.

The server runs as a user that is not root, in a folder of its own, without fsync: it is for what a database answers,
not for what outlives a power cut. It ends with the process that started it, however that ends: a shell that holds the
server waits at a pipe, which the kernel closes.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

USER, PASSWORD = "nightbus", "a secret: 100%/@"
_READY_SECONDS = 120
_PLACES = "/usr/lib/postgresql"  # of Debian's packages, a folder for each version
_CHOSEN = os.environ.get("NIGHTBUS_TEST_POSTGRES_BIN", "")
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "300",
    "autovacuum_naptime": "10s",
    "log_line_prefix": "%m [%p] %a ",
    "log_min_messages": "warning",
    "max_wal_size": "256MB",
}
# $1 is the folder; the rest starts the server. It stops at once when nobody holds the other end of the input.
_HOLDER = 'folder=$1; shift; "$@" & read -r _; kill -QUIT $!; wait; rm -rf "$folder"'


@dataclass(frozen=True)
class PostgresServer:
    """A server that runs. `folder` has its socket, its data, and its log."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    def url(self, database: str = "postgres") -> str:
        """By the server's socket, without a password."""
        return f"postgresql://{USER}@/{database}?host={self.folder}&port={self.port}"

    def url_by_network(self, database: str = "postgres", password: str | None = PASSWORD) -> str:
        """By TCP, where the server asks for the password; None leaves it out."""
        secret = "" if password is None else f":{quote(password, safe='')}"
        return f"postgresql://{USER}{secret}@127.0.0.1:{self.port}/{database}"

    def make_database(self) -> str:
        """The name of a new, empty database."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        self.execute(
            f"CREATE DATABASE {name} STRATEGY file_copy" if self.version >= 15 else f"CREATE DATABASE {name}"
        )
        return name

    def drop_database(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def execute(self, statement: str, database: str = "postgres") -> str:
        """What psql prints, without headings. Raises CalledProcessError."""
        command = [
            self.program("psql"),
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            statement,
            self.url(database),
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    @property
    def version(self) -> int:
        return int((self.folder / "data" / "PG_VERSION").read_text())

    @staticmethod
    def program(name: str) -> str:
        chosen = shutil.which(name, path=_CHOSEN) if _CHOSEN else None
        folder = _programs()
        assert chosen or folder is not None, f"{name} is not installed"
        return chosen or str(Path(folder or "") / name)

    def kill(self) -> None:
        """Kill all its processes with SIGKILL; the folder stays until `stop`."""
        main = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(main, signal.SIGSTOP)  # it starts no further ones
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        for process in (main, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def stop(self) -> None:
        """At once, as a crash would; the folder is removed."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


_numbers = itertools.count(1)


def postgres_server() -> PostgresServer:
    """The server of this process, which is started at the first call.

    Where the machine has no PostgreSQL the test is skipped; in CI, it fails.
    """
    if _programs() is None and not _CHOSEN:
        message = "PostgreSQL is not installed (on Debian and Ubuntu: apt-get install postgresql)"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    return _the_server()


@functools.cache
def _the_server() -> PostgresServer:
    server = start_server()
    atexit.register(server.stop)
    return server


def start_server(wal: Path | None = None, **settings: str) -> PostgresServer:
    """One more server, with these settings of postgresql.conf; who starts it stops it. `wal`: an empty folder for the
    write-ahead log, in segments of 1 MB."""
    user = _unprivileged_user()
    folder = _own_folder(user)
    password = folder / "password"
    password.write_text(PASSWORD)
    password.chmod(0o644)
    _init(folder, password, user, wal)
    return _serve(folder, user, settings)


def start_again(server: PostgresServer, **settings: str) -> PostgresServer:
    """A server that was killed, or has ended, on the same port. Only what this returns is to be stopped."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        server.kill()
    server.process.kill()  # its holder, which would remove the folder
    server.process.wait()
    for lock in (server.folder / "data" / "postmaster.pid", *server.folder.glob(".s.PGSQL.*")):
        lock.unlink(missing_ok=True)  # a process that nobody has reaped yet looks alive to the next one
    return _serve(server.folder, _unprivileged_user(), settings, server.port)


def start_standby(primary: PostgresServer, name: str, **settings: str) -> PostgresServer:
    """A copy of the primary that follows it, and calls itself `name` there; who starts it stops it."""
    user = _unprivileged_user()
    folder = _own_folder(user)
    source = f"host={primary.folder} port={primary.port} user={USER} application_name={name}"
    command = [
        _program("pg_basebackup"),
        "-D",
        str(folder / "data"),
        "-d",
        source,
        "-R",
        "-c",
        "fast",
        "--no-sync",
    ]
    subprocess.run(command, check=True, capture_output=True, **_as_user(user))
    return _serve(folder, user, settings)


def _own_folder(user: pwd.struct_passwd | None) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="nightbus-pg-", dir="/tmp"))
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    return folder


def _serve(
    folder: Path, user: pwd.struct_passwd | None, settings: Mapping[str, str], port: int = 0
) -> PostgresServer:
    port = port or _free_port()
    chosen = (
        _SETTINGS
        | dict(settings)
        | {"port": str(port), "listen_addresses": "127.0.0.1", "unix_socket_directories": str(folder)}
    )
    options = [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            ["sh", "-c", _HOLDER, "sh", str(folder), _program("postgres"), "-D", str(folder / "data"), *options],
            stdin=subprocess.PIPE, stdout=log, stderr=log, **_as_user(user),
        )  # fmt: skip
    server = PostgresServer(folder, port, process)
    _wait_ready(server)
    return server


def _init(folder: Path, password: Path, user: pwd.struct_passwd | None, wal: Path | None) -> None:
    command = [
        _program("initdb"), "-D", str(folder / "data"), "-U", USER, "--no-sync", "--encoding=UTF8", "--locale=C",
        "--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={password}",
    ]  # fmt: skip
    if wal is not None:
        if user is not None:
            os.chown(wal, user.pw_uid, user.pw_gid)
        command += [f"--waldir={wal}", "--wal-segsize=1"]
    subprocess.run(command, check=True, capture_output=True, **_as_user(user))


def _wait_ready(server: PostgresServer) -> None:
    began = time.monotonic()
    command = [_program("pg_isready"), "-q", "-h", str(server.folder), "-p", str(server.port)]
    while subprocess.run(command).returncode != 0:
        ended = server.process.poll() is not None
        if ended or time.monotonic() - began > _READY_SECONDS:
            log = "" if ended else (server.folder / "log").read_text(errors="replace")
            raise RuntimeError(f"PostgreSQL did not start:\n{log}")
        time.sleep(0.02)


def _as_user(user: pwd.struct_passwd | None) -> dict[str, Any]:
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/"}


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Whom the server runs as: PostgreSQL refuses to run as root. None: as who runs the tests."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("there is no user postgres or nobody, as whom PostgreSQL could run")


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


@functools.cache
def _programs() -> Path | None:
    """The folder of the newest PostgreSQL's programs."""
    versions = sorted(Path(_PLACES).glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if versions:
        return versions[-1].parent
    found = shutil.which("initdb")
    return None if found is None else Path(found).parent


def _program(name: str) -> str:
    return PostgresServer.program(name)
