"""A disk of a cluster's database is full: nodes refuse with AWS's error, and work again when there is room.

Without room for tables PostgreSQL refuses what needs some. Without room for its write-ahead log it ends (PANIC), and
has to be started again.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.findings import check
from cluster.ledger import Ledger
from cluster.load import Load
from cluster.rig import Cluster, running_cluster
from crash.wire import Wire

from nodes import TWO_NODES
from waiting import wait_for

pytestmark = pytest.mark.skipif(TWO_NODES, reason="these are several nodes already")
_BYTES = 96 * 1024 * 1024


@pytest.fixture
def disk() -> Iterator[Path]:
    """A small file system, which whoever runs PostgreSQL may enter."""
    with tempfile.TemporaryDirectory(prefix="nightbus-disk-", dir="/tmp") as made:
        folder = Path(made)
        folder.chmod(0o755)
        mounted = ["mount", "-t", "tmpfs", "-o", f"size={_BYTES}", "tmpfs", made]
        if subprocess.run(mounted, capture_output=True).returncode != 0:
            pytest.skip("no small file system can be mounted here")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", made], check=True)


def fill(disk: Path) -> Path:
    """Returns the file that takes all room."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return ballast


def test_calls_are_refused_while_there_is_no_room_for_tables(disk: Path, tmp_path: Path) -> None:
    tables = disk / "tables"
    tables.mkdir()
    with running_cluster(tmp_path, small_disk=tables) as cluster:
        ledger = Ledger(cluster.next_number())
        with Load(cluster.nodes, ledger, 1) as load:
            load.wait_for(30)
            ballast = fill(disk)
            load.wait_for_errors(10)
            for node in cluster.nodes:
                wire = Wire(node.port, "events")
                assert {rule["Name"] for rule in wire.call("ListRules", {})["Rules"]} >= {"direct", "ordered"}
                wire.close()
            ballast.unlink()
            load.wait_for(40)
        print("full disk:", check(cluster.nodes, ledger))
        assert_nodes_are_well(cluster)


def test_a_server_that_ends_for_lack_of_room_for_its_write_ahead_log(disk: Path, tmp_path: Path) -> None:
    wal = disk / "wal"
    wal.mkdir()
    with running_cluster(tmp_path, small_wal=wal) as cluster:
        server = cluster.server
        ledger = Ledger(cluster.next_number())
        with Load(cluster.nodes, ledger, 2) as load:
            load.wait_for(30)
            ballast = fill(disk)
            log = server.primary.folder / "log"
            wait_for(lambda: "PANIC" in log.read_text(), 60)
            load.wait_for_errors(10)
            ballast.unlink()
            server.start_again()
            load.wait_for(60)
        print("full disk of the write-ahead log:", check(cluster.nodes, ledger))
        assert_nodes_are_well(cluster)


def assert_nodes_are_well(cluster: Cluster) -> None:
    assert all(node.process.poll() is None for node in cluster.nodes)
    said = "".join(line for node in cluster.nodes for line in node.output)
    assert "Traceback" not in said, said
