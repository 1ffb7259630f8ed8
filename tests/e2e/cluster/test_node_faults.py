"""Nodes of a cluster die, lose the database, and stand still, under load: nothing that was acknowledged is lost.

The clock of the second node's machine is an hour ahead.

NIGHTBUS_CLUSTER_KILLS nodes are killed (2 unless it says otherwise), and NIGHTBUS_CLUSTER_AWAY is the time, in seconds,
that a node is cut off or stands still (6; more than the 4 s after which the others take it for dead).
NIGHTBUS_CLUSTER_PACE is the pause between a sender's requests, and NIGHTBUS_CRASH_SEED repeats the choices of a run.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.findings import check
from cluster.ledger import Ledger
from cluster.load import Load
from cluster.rig import Cluster, running_cluster

from nodes import TWO_NODES
from waiting import wait_for

KILLS = int(os.environ.get("NIGHTBUS_CLUSTER_KILLS", "2"))
AWAY_SECONDS = float(os.environ.get("NIGHTBUS_CLUSTER_AWAY", "6"))
SEED = int(os.environ.get("NIGHTBUS_CRASH_SEED", time.time_ns() % 1_000_000))
pytestmark = [
    pytest.mark.skipif(TWO_NODES, reason="these are several nodes already"),
    pytest.mark.timeout(300 + 15 * KILLS),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    programs: list[tuple[str, ...]] = [(), ("-P", str(Path(__file__).with_name("offset_node.py")))]
    ahead = {"NIGHTBUS_TEST_CLOCK_OFFSET": "3600"}
    with running_cluster(tmp_path_factory.mktemp("cluster"), programs, ahead) as running:
        yield running


def test_both_nodes_agree_on_what_is_hidden_and_what_is_delayed(cluster: Cluster) -> None:
    sqs = [node.client("sqs") for node in cluster.nodes]
    url = sqs[0].create_queue(QueueName="hidden", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    sqs[0].send_message(QueueUrl=url, MessageBody="hidden")
    sqs[0].send_message(QueueUrl=url, MessageBody="delayed", DelaySeconds=60)
    (message,) = sqs[0].receive_message(QueueUrl=url, WaitTimeSeconds=5, AttributeNames=["All"])["Messages"]
    assert message["Body"] == "hidden"
    assert not sqs[1].receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages")
    sqs[1].send_message(QueueUrl=url, MessageBody="soon", DelaySeconds=1)
    began = time.monotonic()
    (soon,) = wait_for(lambda: sqs[0].receive_message(QueueUrl=url, WaitTimeSeconds=5).get("Messages"))
    assert soon["Body"] == "soon" and time.monotonic() - began > 0.5
    sent = int(message["Attributes"]["SentTimestamp"]) / 1000
    assert abs(sent - time.time()) < 60  # the database's time, which is this machine's


def test_nodes_that_are_killed(cluster: Cluster) -> None:
    print(f"NIGHTBUS_CRASH_SEED={SEED}")
    chance = random.Random(SEED)
    ledger = Ledger(cluster.next_number())
    with Load(cluster.nodes, ledger, SEED) as load:
        for kill in range(KILLS):
            load.wait_for(chance.randint(5, 30))
            at = kill % len(cluster.nodes)
            cluster.nodes[at].kill()
            load.wait_for(10)  # by the others
            cluster.start_again(at)
        load.wait_for(20)
    print(f"{KILLS} kills:", check(cluster.nodes, ledger))


def test_a_node_that_is_cut_off_from_the_database_and_comes_back(cluster: Cluster) -> None:
    ledger = Ledger(cluster.next_number())
    with Load(cluster.nodes, ledger, SEED + 1) as load:
        load.wait_for(30)
        cluster.gates.close_gate(cluster.ways[0])
        time.sleep(AWAY_SECONDS)
        load.wait_for(30)
        cluster.gates.open_gate(cluster.ways[0])
        load.wait_for(60)
    print("cut off:", check(cluster.nodes, ledger))


def test_a_node_that_stands_still_for_longer_than_its_leases(cluster: Cluster) -> None:
    ledger = Ledger(cluster.next_number())
    with Load(cluster.nodes, ledger, SEED + 2) as load:
        load.wait_for(30)
        cluster.nodes[0].process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(AWAY_SECONDS)
            load.wait_for(30)
        finally:
            cluster.nodes[0].process.send_signal(signal.SIGCONT)
        load.wait_for(60)
    print("paused:", check(cluster.nodes, ledger))
