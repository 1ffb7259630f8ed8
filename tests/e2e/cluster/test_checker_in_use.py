"""The checker of these tests sees what is really lost: a row that somebody deleted, and a standby that was behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cluster.findings import check
from cluster.ledger import Ledger
from cluster.load import Load
from cluster.rig import DATABASE, Cluster, running_cluster

from nodes import TWO_NODES

pytestmark = pytest.mark.skipif(TWO_NODES, reason="these are several nodes already")
_DELETE_ONE = """
DELETE FROM nightbus.item WHERE (queue, id) IN
    (SELECT queue, item.id FROM nightbus.item JOIN nightbus.name ON name.id = queue
     WHERE name LIKE 'sqs/direct/%' ORDER BY item.id LIMIT 1)
RETURNING 1
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


def test_a_message_that_is_deleted_behind_the_nodes(cluster: Cluster) -> None:
    ledger = Ledger(cluster.next_number())
    with Load(cluster.nodes, ledger, 1) as load:
        load.wait_for(20)
    assert cluster.server.primary.execute(_DELETE_ONE, DATABASE) == "1"
    with pytest.raises(AssertionError, match=r"direct: lost are \d+ \(1 in all\)"):
        check(cluster.nodes, ledger)


def test_a_standby_that_was_behind_when_it_was_promoted(cluster: Cluster) -> None:
    ledger = Ledger(cluster.next_number())
    with Load(cluster.nodes, ledger, 2) as load:
        load.wait_for(20)
        cluster.server.commit_without_standby()
        load.wait_for(40)
        cluster.server.kill_primary()
        cluster.server.promote()
        cluster.lead_to_primary()
        load.wait_for(20)
    with pytest.raises(AssertionError, match="direct: lost are"):
        check(cluster.nodes, ledger)
