"""Copies the schema of a cluster into a file in pg_dump's custom format, and restores it into a database without one.

PostgreSQL's own programs do it: pg_dump reads one moment of the database while nodes go on writing, and whoever
administers it knows its files. The cluster's key is not in the file, nor are blobs outside of the database.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from nightbus.store.folder import sync_folder
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.primaries import Server
from nightbus.store.postgres.timelines import FormerPrimary

_MAGIC = b"PGDMP"  # of a custom archive: ReadHead in src/bin/pg_dump/pg_backup_archiver.c of PostgreSQL
# Where the packages of Debian and of Red Hat put the programs of each version.
_PACKAGES = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin")
_SECRETS = ("password", "sslpassword")
_MOST_SAID = 500


class ClusterBackupFailed(Exception):
    """Nothing was written; the text says why."""


def back_up_cluster(database: Database, file: Path) -> int:
    """Write `file`, which appears whole or not at all. Returns its size in bytes. Raises ClusterBackupFailed."""
    target = file.absolute()
    url, password = _without_password(database)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as beside:
            archive = Path(beside) / "archive"
            archive.touch(mode=0o600)
            chosen = ("--format=custom", f'--schema="{database.schema}"', f"--file={archive}")
            major, server = _primary(database)
            _run("pg_dump", "--no-password", *chosen, _at(url, server), password=password, major=major)
            with archive.open("rb") as written:
                os.fsync(written.fileno())
            archive.replace(target)
        sync_folder(target.parent)
        return target.stat().st_size
    except OSError as failure:
        raise ClusterBackupFailed(f"{database.shown} could not be copied to {file}: {failure}") from failure


def restore_cluster(database: Database, file: Path) -> None:
    """Make the schema and its contents as they were, all or nothing.

    Raises ClusterBackupFailed, also where the database has such a schema already.
    """
    url, password = _without_password(database)
    try:
        with file.open("rb") as archive:
            if archive.read(len(_MAGIC)) != _MAGIC:
                raise ClusterBackupFailed(
                    f"{file} is no backup of a cluster: it is not in pg_dump's custom format"
                )
    except OSError as failure:
        raise ClusterBackupFailed(f"{file} could not be restored: {failure}") from failure
    major, server = _primary(database)
    if f" TABLE {database.schema} item " not in _run("pg_restore", "--list", str(file), major=major):
        raise ClusterBackupFailed(f"{file} is no backup of a cluster: it has no tables of Nightbus")
    how = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
    _run(
        "pg_restore",
        "--no-password",
        *how,
        f"--dbname={_at(url, server)}",
        str(file),
        password=password,
        major=major,
    )


def _primary(database: Database) -> tuple[int, Server | None]:
    """Return the server's version, and, of several that the URL names, the newest primary.

    The programs themselves take the first server that answers, which may be a primary that was replaced. Nothing is
    known, 0, where none can be reached: the programs say why. Raises ClusterBackupFailed.
    """

    async def ask() -> tuple[int, Server | None]:
        own = Database(database.url, database.schema, database.polls, database.password)
        own.timelines.go_on_from(database.timelines)
        connection = await own.connect(name="nightbus backup")
        try:
            return int(connection.get_server_version().major), own.primaries.current
        finally:
            await connection.close()

    try:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: asyncio.run(ask())).result()
    except FormerPrimary as refused:
        raise ClusterBackupFailed(f"{database.shown}: {refused}") from refused
    except Exception:  # whatever it is, pg_dump meets it too
        return 0, None


def _at(url: str, server: Server | None) -> str:
    """The URL for this server: a parameter at its end wins over what stands before."""
    if server is None:
        return url
    host, port = server
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode({'host': host, 'port': port})}"


def _run(program: str, *arguments: str, password: str | None = None, major: int) -> str:
    """Return what the program prints. Raises ClusterBackupFailed, OSError."""
    environment = os.environ | {"LC_ALL": "C"} | ({"PGPASSWORD": password} if password else {})
    done = subprocess.run(
        [_program(program, major), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode == 0:
        return done.stdout
    said = " ".join(done.stderr.split()) or f"it ended with status {done.returncode}"
    if re.search(r'schema "[^"]*" already exists', said):
        said = "the database has the schema already; restore into a database without it"
    raise ClusterBackupFailed(f"{program} failed: {said[:_MOST_SAID]}")


def _without_password(database: Database) -> tuple[str, str | None]:
    """The URL for the command line, which other users of the machine can see, and the password."""
    parts = urlsplit(database.url)
    options = parse_qsl(parts.query, keep_blank_values=True)
    secrets = dict(options)
    user, _, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    query = urlencode([(key, value) for key, value in options if key not in _SECRETS])
    netloc = f"{name}@{host}" if user else host
    url = urlunsplit((parts.scheme, netloc, parts.path, query, ""))
    return url, unquote(password) or secrets.get("password") or database.password


def _program(name: str, major: int) -> str:
    """The one of the server's version, else the next newer one, else the newest.

    pg_dump refuses a newer server, and pg_restore of 17 and newer sets what an older server does not know.
    """
    on_path = [Path(folder) / name for folder in os.get_exec_path()]  # preferred among those of one version
    packaged = [file for folder in _PACKAGES for file in Path("/").glob(f"{folder}/{name}")]
    found = [file for file in (*on_path, *packaged) if os.access(file, os.X_OK)]
    if not found:
        raise ClusterBackupFailed(
            f"{name} is not installed (on Debian and Ubuntu: apt-get install postgresql-client)"
        )
    if len(found) == 1:
        return str(found[0])
    versions = {file: _version(file) for file in found}
    fitting = [file for file in found if versions[file] >= (major,)]
    if major and fitting:
        return str(min(fitting, key=lambda file: versions[file][:1]))
    return str(max(found, key=versions.__getitem__))


def _version(program: Path) -> tuple[int, ...]:
    """Return what `pg_dump (PostgreSQL) 17.2 (Debian 17.2-1)` says of itself, nothing for what does not run."""
    done = subprocess.run(
        [program, "--version"], capture_output=True, text=True, errors="replace", check=False
    )
    said = re.search(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?", done.stdout)
    return tuple(int(part or 0) for part in said.groups()) if said else ()
