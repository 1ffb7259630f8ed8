"""The database of a cluster dies, is slow, and breaks transactions off, under load: what was acknowledged is kept.

The primary is killed NIGHTBUS_CLUSTER_FAILOVERS times (1 unless it says otherwise), with a synchronous standby that is
promoted. It is also slow for a while, and breaks transactions off as distributed ones do.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator

import pytest
from cluster.findings import check
from cluster.ledger import Ledger
from cluster.load import Load
from cluster.rig import DATABASE, Cluster, running_cluster
from cluster.rivals import Deadlocks

from nodes import TWO_NODES
from waiting import wait_for

FAILOVERS = int(os.environ.get("NIGHTBUS_CLUSTER_FAILOVERS", "1"))
SEED = int(os.environ.get("NIGHTBUS_CRASH_SEED", time.time_ns() % 1_000_000))
_SLOW_SECONDS = 0.02  # each way, for each piece of what is sent
pytestmark = [
    pytest.mark.skipif(TWO_NODES, reason="these are several nodes already"),
    pytest.mark.timeout(300 + 30 * FAILOVERS),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


def test_a_primary_that_is_killed_and_a_standby_that_takes_over(cluster: Cluster) -> None:
    ledger = Ledger(cluster.next_number())
    killed_at: list[float] = []
    with Load(cluster.nodes, ledger, SEED) as load:
        for _ in range(FAILOVERS):
            load.wait_for(40)
            killed_at.append(time.monotonic())
            cluster.server.kill_primary()
            cluster.server.promote()
            cluster.lead_to_primary()
            load.wait_for(30)
            cluster.server.add_standby()
        load.wait_for(20)
    pauses = [ledger.pause_at(moment) for moment in killed_at]
    print(
        f"{FAILOVERS} failovers, pauses of {statistics.median(pauses):.2f} s in the median and at most "
        f"{max(pauses):.2f} s:",
        check(cluster.nodes, ledger),
    )


def test_a_slow_database(cluster: Cluster) -> None:
    ledger = Ledger(cluster.next_number())
    with Load(cluster.nodes, ledger, SEED + 1) as load:
        load.wait_for(20)
        for way in cluster.ways:
            way.delay = _SLOW_SECONDS
        load.wait_for(30)
        for way in cluster.ways:
            way.delay = 0.0
        load.wait_for(20)
    print("slow:", check(cluster.nodes, ledger))
    assert ledger.errors == 0


def test_deadlocks(cluster: Cluster) -> None:
    server = cluster.server.primary
    asked = f"SELECT deadlocks FROM pg_stat_database WHERE datname = '{DATABASE}'"
    before = int(server.execute(asked))
    ledger = Ledger(cluster.next_number())
    with Load(cluster.nodes, ledger, SEED + 2) as load:
        rival = Deadlocks(server.url(DATABASE))
        try:
            wait_for(lambda: int(server.execute(asked)) >= before + 5 + rival.broken, 60)
            load.wait_for(10)
        finally:
            rival.end()
    print("deadlocks:", check(cluster.nodes, ledger))
    assert ledger.errors == 0


def test_serialization_failures(cluster: Cluster) -> None:
    """Each transaction of the nodes at the strictest level, as distributed databases have it."""
    server = cluster.server.primary
    server.execute(f"ALTER DATABASE {DATABASE} SET default_transaction_isolation = 'serializable'")
    for at in range(len(cluster.nodes)):
        cluster.nodes[at].kill()
        cluster.start_again(at)
    log = server.folder / "log"
    before = _failures(log.read_text())
    ledger = Ledger(cluster.next_number())
    with Load(cluster.nodes, ledger, SEED + 3) as load:
        load.wait_for(100)
        wait_for(lambda: _failures(log.read_text()) > before + 5, 60)
    print("serialization failures:", _failures(log.read_text()), check(cluster.nodes, ledger))


def _failures(log: str) -> int:
    return log.count("could not serialize access")
