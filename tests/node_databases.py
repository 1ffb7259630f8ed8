"""Gives a node that a test starts a fresh PostgreSQL database, where `NIGHTBUS_TEST_STORE=postgres` asks for it.

A node on a data folder that had a node before gets that one's database, as an operator would give it. A node that would
keep everything in memory gets a folder too, which goes when the node does.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from postgres_server import postgres_server

POSTGRES = os.environ.get("NIGHTBUS_TEST_STORE") == "postgres"
_of_folders: dict[Path, str] = {}


@dataclass(frozen=True)
class NodeDatabase:
    """`lasts`: the folder is the test's, and may have a further node."""

    folder: Path
    name: str
    lasts: bool

    @property
    def options(self) -> list[str]:
        return ["--store", postgres_server().url(self.name), "--no-memory", "--data", str(self.folder)]

    def node_ended(self) -> None:
        if not self.lasts:
            postgres_server().drop_database(self.name)
            shutil.rmtree(self.folder, ignore_errors=True)


def only_embedded(reason: str) -> pytest.MarkDecorator:
    """A mark for tests of what only the embedded store has, such as its files; `reason` says what."""
    return pytest.mark.skipif(POSTGRES, reason=f"only of the embedded store: {reason}")


def store_options(data: Path) -> list[str]:
    """The options by which a command finds what the node of a folder keeps."""
    folder = ["--data", str(data)]
    return [*folder, "--store", postgres_server().url(_of_folders[data.resolve()])] if POSTGRES else folder


def kept_contents(data: Path) -> dict[str, bytes]:
    """Everything that the node of a folder keeps: its files by their paths, and what is in its database."""
    kept = {str(path): path.read_bytes() for path in data.rglob("*") if path.is_file()}
    return kept | {"the database": kept_bytes(data)} if POSTGRES else kept


def kept_bytes(data: Path) -> bytes:
    """What the database of a folder's node has: the text of its dump, and each value of bytes as they are."""
    server = postgres_server()
    return _contents(server.program("pg_dump"), "--data-only", server.url(_of_folders[data.resolve()]))


def bytes_of_backup(file: Path) -> bytes:
    """What the backup of a database has, in the form of `kept_bytes`."""
    return _contents(postgres_server().program("pg_restore"), "--data-only", "--file=-", str(file))


def _contents(*command: str) -> bytes:
    dump = subprocess.run(command, check=True, capture_output=True).stdout
    values = re.findall(rb"\\\\x([0-9a-f]*)", dump)
    return b"\n".join([dump, *(bytes.fromhex(one.decode()) for one in values)])


def database_for(data: Path | None) -> NodeDatabase:
    if data is None:
        folder = Path(tempfile.mkdtemp(prefix="nightbus-pg-node-"))
        return NodeDatabase(folder, postgres_server().make_database(), lasts=False)
    folder = data.resolve()
    if folder not in _of_folders:
        _of_folders[folder] = postgres_server().make_database()
    return NodeDatabase(folder, _of_folders[folder], lasts=True)
