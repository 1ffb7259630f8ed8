"""Nodes on one PostgreSQL database are one cluster: one identity, one set of resources, and either may be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from nightbus.identity.key_file import FILE_NAME
from nodes import TWO_NODES, RunningNode, clean_environment
from postgres_server import PASSWORD, postgres_server
from waiting import wait_for

pytestmark = pytest.mark.skipif(TWO_NODES, reason="these are two nodes already")
ACCOUNT = "000000000000"


@dataclass
class Cluster:
    """`first` made the cluster's key, which `second` was given."""

    database: str
    first: RunningNode
    second: RunningNode
    key: str


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    server = postgres_server()
    name = server.make_database()
    yield name
    server.drop_database(name)


@pytest.fixture(scope="module")
def cluster(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("nodes")
    first = start(folder / "first", database)
    key = (folder / "first" / "cluster.key").read_text().strip()
    second = start(folder / "second", database, {"NIGHTBUS_CLUSTER_KEY": key})
    yield Cluster(database, first, second, key)
    for node in (second, first):
        node.stop()


def start(
    data: Path, database: str, environ: dict[str, str] | None = None, *options: str, url: str | None = None
) -> RunningNode:
    chosen = url or postgres_server().url(database)
    return RunningNode(data, environ, dev_credentials=False, options=("--store", chosen, *options))


def fails_to_start(data: Path, url: str, **variables: str) -> str:
    """The one line that is said."""
    command = [sys.executable, "-m", "nightbus", "start", "--port", "0", "--data", str(data)]
    done = subprocess.run(
        command,
        env=clean_environment() | {"NIGHTBUS_STORE": url, **variables},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def receive(client: Any, url: str) -> list[Any]:
    got: list[Any] = client.receive_message(QueueUrl=url, WaitTimeSeconds=5).get("Messages", [])
    return got


def test_what_is_made_on_one_node_is_on_the_other(cluster: Cluster) -> None:
    here, there = cluster.first.client, cluster.second.client
    url = here("sqs").create_queue(QueueName="orders")["QueueUrl"]
    here("events").put_rule(Name="orders", EventPattern=json.dumps({"source": ["shop"]}))
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:orders"
    allowed = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
            }
        ],
    }
    there("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(allowed)})
    assert (
        there("events").put_targets(Rule="orders", Targets=[{"Id": "q", "Arn": arn}])["FailedEntryCount"] == 0
    )
    for client in (there, here):
        entry = {"Source": "shop", "DetailType": "Order", "Detail": "{}"}
        assert client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
        (message,) = receive(here("sqs"), url)
        assert json.loads(message["Body"])["source"] == "shop"
        there("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def test_the_nodes_have_one_identity(cluster: Cluster) -> None:
    first, second = (node.folder for node in (cluster.first, cluster.second))
    assert first is not None and second is not None
    for name in (FILE_NAME, "metrics.key"):
        assert (first / name).read_text() == (second / name).read_text()
    assert not (second / "cluster.key").exists() and not (second / "vault.key").exists()
    session = cluster.first.client("sts").get_session_token()["Credentials"]
    there = cluster.second.client(
        "sts",
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    assert there.get_caller_identity()["Account"] == ACCOUNT
    made = cluster.first.client("secretsmanager").create_secret(Name="card", SecretString="4711")
    got = cluster.second.client("secretsmanager").get_secret_value(SecretId=made["ARN"])
    assert got["SecretString"] == "4711"


def test_the_administrators_key_is_replaced_on_all_nodes(cluster: Cluster, tmp_path: Path) -> None:
    first, second = (node.folder for node in (cluster.first, cluster.second))
    assert first is not None and second is not None
    before = (second / FILE_NAME).read_text()
    command = [sys.executable, "-m", "nightbus", "configure", "--new-key", "--port", str(cluster.first.port)]
    environ = clean_environment() | {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "profiles")}
    environ |= {"AWS_CONFIG_FILE": str(tmp_path / "config")}
    subprocess.run([*command, "--data", str(first)], env=environ, check=True, capture_output=True)
    wait_for(lambda: before != (second / FILE_NAME).read_text() == (first / FILE_NAME).read_text())
    assert cluster.second.client("sts").get_caller_identity()["Account"] == ACCOUNT


def test_a_node_without_the_clusters_key_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    url = postgres_server().url(cluster.database)
    line = fails_to_start(tmp_path / "third", url)
    assert "the database has a cluster, whose key this node needs: --cluster-key-file" in line
    line = fails_to_start(tmp_path / "third", url, NIGHTBUS_CLUSTER_KEY=os.urandom(32).hex())
    assert (
        "the cluster's key is not this database's: it is another cluster's, or from before it was rotated"
        in line
    )
    assert not (tmp_path / "third" / "cluster.key").exists()


def test_the_password_is_in_a_file_and_in_no_output(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    url = postgres_server().url_by_network(cluster.database, password=None)
    options = ("--store-password-file", str(tmp_path / "password"), "--verbose")
    environ = {"NIGHTBUS_CLUSTER_KEY": cluster.key}
    node = start(tmp_path / "third", cluster.database, environ, *options, url=url)
    node.client("sqs").create_queue(QueueName="q")
    node.stop()
    assert PASSWORD not in "".join(node.output)
    wrong = postgres_server().url_by_network(cluster.database, "a wrong one")
    line = fails_to_start(tmp_path / "fourth", wrong)
    assert "password authentication failed" in line and "wrong" not in line


def test_the_password_of_a_variable_is_in_no_status_and_no_list_of_processes(
    cluster: Cluster, tmp_path: Path
) -> None:
    url = postgres_server().url_by_network(cluster.database, password=None)
    environ = {"NIGHTBUS_CLUSTER_KEY": cluster.key, "PGPASSWORD": PASSWORD}
    node = start(tmp_path / "third", cluster.database, environ, "--workers", "2", url=url)
    place = ["--port", str(node.port)]
    said = "".join(node.output)
    for options in ([], ["--json"]):
        command = [sys.executable, "-m", "nightbus", "status", *place, *options]
        said += subprocess.run(
            command, env=clean_environment(), check=True, capture_output=True, text=True
        ).stdout
    said += "".join(Path(f"/proc/{one}/cmdline").read_text() for one in family(node.process.pid))
    node.stop()
    assert len(said) > 500
    for secret in (PASSWORD, quote(PASSWORD, safe=""), cluster.key):
        assert secret not in said


def family(process: int) -> list[int]:
    """The process and those below it."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [process, *(one for child in children for one in family(int(child)))]


def test_a_node_that_is_killed_leaves_everything_to_the_other(cluster: Cluster) -> None:
    url = cluster.first.client("sqs").create_queue(QueueName="jobs")["QueueUrl"]
    cluster.first.client("sqs").send_message(QueueUrl=url, MessageBody="kept")
    cluster.first.kill()
    (message,) = receive(cluster.second.client("sqs"), url)
    assert message["Body"] == "kept"
