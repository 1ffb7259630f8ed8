"""Two nodes on one PostgreSQL database: each obeys what was put at the other, `status` shows both, `drain` ends one."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lambda_rig import code, function_role
from node_databases import only_embedded
from nodes import TWO_NODES, RunningNode, clean_environment
from postgres_server import postgres_server
from waiting import wait_for

ENVIRON = {"NIGHTBUS_CLUSTER_KEY": secrets.token_hex(32)}
pytestmark = pytest.mark.skipif(TWO_NODES, reason="these nodes are two already")


@pytest.fixture(scope="module", name="nodes")
def two_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RunningNode]]:
    server = postgres_server()
    name = server.make_database()
    running: list[RunningNode] = []
    try:
        for number in range(2):
            folder = tmp_path_factory.mktemp(f"node{number}")
            running.append(RunningNode(folder, ENVIRON, options=["--store", server.url(name)]))
        yield running
    finally:
        for node in running:
            node.stop()
        server.drop_database(name)


def command(node: RunningNode, *arguments: str) -> str:
    program = [sys.executable, "-m", "nightbus", *arguments, "--port", str(node.port)]
    done = subprocess.run(program, capture_output=True, text=True, env=clean_environment(), timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def shown(node: RunningNode) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = json.loads(command(node, "status", "--json"))["nodes"]
    return nodes


def health(node: RunningNode) -> int:
    try:
        with urllib.request.urlopen(f"{node.endpoint}/_nightbus/health", timeout=10) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as refused:
        return refused.code
    except OSError:
        return 0


def test_each_obeys_at_once_what_was_put_at_the_other(nodes: list[RunningNode]) -> None:
    first, second = nodes
    queue = first.client("sqs").create_queue(QueueName="obeyed")["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:000000000000:obeyed"
    second.client("sqs").set_queue_attributes(
        QueueUrl=queue,
        Attributes={
            "Policy": json.dumps(
                {
                    "Statement": {
                        "Effect": "Allow",
                        "Principal": {"Service": "events.amazonaws.com"},
                        "Action": "sqs:SendMessage",
                        "Resource": arn,
                    }
                }
            )
        },
    )
    events = first.client("events"), second.client("events")
    events[0].put_rule(Name="r", EventPattern='{"source": ["shop"]}')
    events[0].put_targets(Rule="r", Targets=[{"Id": "q", "Arn": arn}])
    received: list[dict[str, Any]] = []

    def poll() -> None:
        received.extend(
            first.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=20).get("Messages", [])
        )

    polling = threading.Thread(target=poll)
    polling.start()
    began = time.monotonic()
    entry = {"Source": "shop", "DetailType": "order", "Detail": "{}"}
    wait_for(lambda: events[1].put_events(Entries=[entry])["FailedEntryCount"] == 0)
    polling.join(30)
    assert time.monotonic() - began < 15
    assert len(received) == 1
    second.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=received[0]["ReceiptHandle"])
    counts = first.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_status_shows_the_nodes(nodes: list[RunningNode]) -> None:
    for node in nodes:
        rows = wait_for(lambda node=node: rows if len(rows := shown(node)) == 2 else None)  # type: ignore[misc]
        assert [row["name"].rsplit(":", 1)[1] for row in rows] == [str(one.port) for one in nodes]
        assert [row["this"] for row in rows] == [one is node for one in nodes]
        assert [row["url"] for row in rows] == [f"http://127.0.0.1:{one.port}" for one in nodes]
        assert all(row["heartbeat_age_ms"] < 4_000 and not row["draining"] for row in rows)
        assert {"requests_per_second", "jobs", "invocations"} <= rows[0]["load"].keys()
    text = command(nodes[0], "status")
    assert all(row["name"] in text for row in shown(nodes[0]))
    (data,) = (line for line in text.splitlines() if line.startswith("  data "))
    assert "postgresql://" in data
    assert f"{nodes[0].folder} for what is this machine's own" in data


def test_status_shows_which_duties_each_node_has(nodes: list[RunningNode]) -> None:
    queue = nodes[0].client("sqs").create_queue(QueueName="polled")["QueueUrl"]
    arn = nodes[0].client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    role = function_role(nodes[0].client("iam"), "sqs:*")
    functions = nodes[1].client("lambda")
    functions.create_function(
        FunctionName="polls", Runtime="python3.11", Handler="app.handler", Role=role, Timeout=30,
        Code={"ZipFile": code("def handler(event, context): pass")},
    )  # fmt: skip
    uuid = functions.create_event_source_mapping(
        FunctionName="polls", EventSourceArn=arn["Attributes"]["QueueArn"]
    )["UUID"]
    expected = {f"event source mapping {uuid}", "forgetting duties", "nightbus.services.events trim_history"}

    def all_there() -> list[list[str]]:
        duties = [row["duties"] for row in shown(nodes[0])]
        return duties if expected <= {duty for some in duties for duty in some} else []

    duties = [duty for some in wait_for(all_there, 60) for duty in some]
    assert len(duties) == len(set(duties)) > 15  # one node has each
    text = command(nodes[1], "status")
    assert "trim history" in text and "event source mapping" in text
    functions.delete_event_source_mapping(UUID=uuid)


@only_embedded("a node that shares its database shows all nodes")
def test_status_shows_the_duties_of_a_node_with_a_data_folder(tmp_path: Path) -> None:
    node = RunningNode(tmp_path)
    try:
        shown_by_folder = ["status", "--data", str(tmp_path)]
        wait_for(
            lambda: "forgetting duties" in json.loads(command(node, *shown_by_folder, "--json"))["duties"]
        )
        assert "forgetting duties" in command(node, *shown_by_folder)
    finally:
        node.stop()


def test_an_unknown_node_is_not_drained(nodes: list[RunningNode]) -> None:
    program = [sys.executable, "-m", "nightbus", "drain", "nobody", "--port", str(nodes[0].port)]
    folder = ["--data", str(nodes[0].folder)]
    done = subprocess.run(
        program + folder, capture_output=True, text=True, env=clean_environment(), timeout=60
    )
    assert done.returncode != 0
    assert "There is no node nobody" in done.stderr


def test_a_node_that_is_killed_goes_from_status_and_one_that_starts_in_its_folder_takes_its_place(
    nodes: list[RunningNode], tmp_path: Path
) -> None:
    url = _url_of(nodes[0])
    third = RunningNode(tmp_path, ENVIRON, options=["--store", url])
    wait_for(lambda: len(shown(nodes[0])) == 3)
    third.kill()
    again = RunningNode(tmp_path, ENVIRON, options=["--store", url])
    try:
        ports = {row["name"].rsplit(":", 1)[1] for row in shown(nodes[0])}
        assert ports == {str(node.port) for node in (*nodes, again)}
    finally:
        again.kill()
    began = time.monotonic()
    wait_for(lambda: len(shown(nodes[0])) == 2)
    assert time.monotonic() - began < 20  # 4 s after its last heartbeat, and the time of a command


def test_one_that_drains_finishes_what_it_has_and_ends(nodes: list[RunningNode]) -> None:
    first, second = nodes
    queue = first.client("sqs").create_queue(QueueName="late")["QueueUrl"]
    name = next(row["name"] for row in shown(first) if not row["this"])
    received: list[dict[str, Any]] = []

    def poll() -> None:
        received.extend(
            second.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=20).get("Messages", [])
        )

    polling = threading.Thread(target=poll)
    polling.start()
    command(first, "drain", name, "--data", str(first.folder))
    assert wait_for(lambda: health(second) == 503)
    assert health(first) == 200
    assert [row["draining"] for row in shown(first)] == [False, True]
    first.client("sqs").send_message(QueueUrl=queue, MessageBody="x")
    polling.join(30)
    assert [message["Body"] for message in received] == ["x"]
    assert second.process.wait(60) == 0
    wait_for(lambda: [row["this"] for row in shown(first)] == [True])


def _url_of(node: RunningNode) -> str:
    arguments: Any = node.process.args
    return str(arguments[-arguments[::-1].index("--store")])
