"""Fills a cluster's database with something of everything, and makes a database of what an earlier version kept.

`tests/data` has such databases, as SQL packed by `python tests/kept_cluster.py FILE`.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import tempfile
from pathlib import Path

from kept_folder import fill
from nodes import RunningNode
from postgres_server import PostgresServer, postgres_server

KEY = "5e" * 32  # of these clusters, which nobody uses


def kept_node(folder: Path, server: PostgresServer, database: str) -> RunningNode:
    return RunningNode(folder, {"NIGHTBUS_CLUSTER_KEY": KEY}, options=["--store", server.url(database)])


def restored(server: PostgresServer, file: Path) -> str:
    """The name of a new database with what the file has."""
    name = server.make_database()
    command = [server.program("psql"), "-Xq", "-v", "ON_ERROR_STOP=1", server.url(name)]
    subprocess.run(command, check=True, capture_output=True, input=gzip.decompress(file.read_bytes()))
    return name


def dumped(server: PostgresServer, name: str) -> bytes:
    """As SQL that servers of all versions take."""
    command = [
        server.program("pg_dump"),
        "--schema=nightbus",
        "--no-owner",
        "--no-privileges",
        server.url(name),
    ]
    lines = subprocess.run(command, check=True, capture_output=True).stdout.splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith((b"\\restrict", b"\\unrestrict", b"--")))


def main(file: Path) -> None:
    server = postgres_server()
    name = server.make_database()
    with tempfile.TemporaryDirectory() as folder:
        node = kept_node(Path(folder), server, name)
        try:
            fill(node)
        finally:
            assert node.stop() == 0
    file.write_bytes(gzip.compress(dumped(server, name), mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
