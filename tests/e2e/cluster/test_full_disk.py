"""The disk of a cluster's database is full: nodes refuse with AWS's error, and work again when there is room."""

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


@pytest.fixture
def cluster(disk: Path, tmp_path: Path) -> Iterator[Cluster]:
    tables = disk / "tables"
    tables.mkdir()
    with running_cluster(tmp_path, small_disk=tables) as running:
        yield running


def test_calls_are_refused_while_the_disk_is_full(cluster: Cluster, disk: Path) -> None:
    ledger = Ledger(cluster.next_number())
    load = Load(cluster.nodes, ledger, 1)
    load.wait_for(30)
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    load.wait_for_errors(10)
    for node in cluster.nodes:
        wire = Wire(node.port, "events")
        assert {rule["Name"] for rule in wire.call("ListRules", {})["Rules"]} >= {"direct", "ordered"}
        wire.close()
    ballast.unlink()
    load.wait_for(40)
    load.end()
    print("full disk:", check(cluster.nodes, ledger))
    assert all(node.process.poll() is None for node in cluster.nodes)
    said = "".join(line for node in cluster.nodes for line in node.output)
    assert "Traceback" not in said, said
