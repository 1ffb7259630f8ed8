"""A primary that was replaced is still there, or comes back, and takes writes: no node uses it.

One that comes back confirms alone, as where its administrator wants it to go on without its standby. Nodes have a URL
that names both servers, or an address that leads to one of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.findings import check
from cluster.ledger import Ledger
from cluster.load import Load
from cluster.rig import DATABASE, Cluster, running_cluster

from nodes import TWO_NODES
from postgres_server import PostgresServer
from waiting import wait_for

pytestmark = pytest.mark.skipif(TWO_NODES, reason="these are several nodes already")
_STATE = """
SELECT (SELECT max(heartbeat) FROM nightbus.node), (SELECT seq FROM nightbus.feed),
       (SELECT last_value FROM nightbus.item_ids)
"""
_CONNECTIONS = "FROM pg_stat_activity WHERE application_name LIKE 'nightbus %'"
_USED = f"""
SELECT client_port, application_name, state, wait_event {_CONNECTIONS} AND application_name <> 'nightbus looks'
"""
_ESTABLISHED = "01"
_END_ALL = f"SELECT count(pg_terminate_backend(pid)) {_CONNECTIONS}"


@pytest.fixture
def cluster(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with running_cluster(tmp_path, direct=request.param) as running:
        yield running


def state(server: PostgresServer) -> str:
    return server.execute(_STATE, DATABASE)


def used(server: PostgresServer) -> list[str]:
    """The connections to a server that a node holds.

    The server has more: it does not notice that a client is gone while a commit waits for the standby, nor while other
    statements wait for a row that this transaction has locked."""
    connections = server.execute(_USED).splitlines()
    ends = [line.split()[1:4] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    held = {
        str(int(own.rpartition(":")[2], 16))
        for own, other, status in ends
        if int(other.rpartition(":")[2], 16) == server.port and status == _ESTABLISHED
    }
    return [connection for connection in connections if connection.partition("|")[0] in held]


@pytest.mark.parametrize("cluster", [(0,)], indirect=True, ids=["one node by both hosts"])
def test_a_primary_that_comes_back(cluster: Cluster) -> None:
    server = cluster.server
    ledger = Ledger(cluster.next_number())
    with Load(cluster.nodes, ledger, 1) as load:
        load.wait_for(30)
        server.kill_primary()
        server.promote()
        cluster.lead_to_primary()
        load.wait_for(60)  # by both nodes
        server.bring_former_back()
        before = state(server.former)
        cluster.ways[
            1
        ].to_port = server.former.port  # as an address of which the old primary has taken hold again
        server.primary.execute(_END_ALL)
        wait_for(lambda: "it is a primary that was replaced" in "".join(cluster.nodes[1].output), 60)
        load.wait_for(40)  # by the other node
        cluster.nodes[0].kill()
        shutil.rmtree(cluster.folder_of(0))  # it remembers nothing, and finds the newer one of both
        cluster.start_again(0)
        load.wait_for(40)
        cluster.lead_to_primary()
        load.wait_for(60)
    print("an old primary came back:", check(cluster.nodes, ledger))
    assert state(server.former) == before
    assert not used(server.former)


@pytest.mark.parametrize("cluster", [(0, 1)], indirect=True, ids=["both nodes by both hosts"])
def test_a_primary_that_lives_on(cluster: Cluster) -> None:
    server = cluster.server
    ledger = Ledger(cluster.next_number())
    with Load(cluster.nodes, ledger, 2) as load:
        load.wait_for(30)
        server.promote()
        wait_for(lambda: not used(server.former), 60)
        before = state(server.former)
        load.wait_for(60)
    print("an old primary lived on:", check(cluster.nodes, ledger))
    assert state(server.former) == before
    assert not used(server.former)
