"""A cluster gets a new key while its nodes run, and the doctor looks into what only the cluster's key opens."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.identity import new_cluster_key, vault_key
from nodes import TWO_NODES, RunningNode, clean_environment
from postgres_server import postgres_server

pytestmark = pytest.mark.skipif(TWO_NODES, reason="these are two nodes already")
ACCOUNT = "000000000000"


@pytest.fixture
def database() -> Iterator[str]:
    server = postgres_server()
    name = server.make_database()
    yield name
    server.drop_database(name)


def start(data: Path, database: str, *options: str) -> RunningNode:
    chosen = ("--store", postgres_server().url(database), *options)
    return RunningNode(data, dev_credentials=False, options=chosen)


def nightbus(database: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nightbus", *arguments, "--store", postgres_server().url(database)]
    return subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False)


def secret_at(node: RunningNode) -> str:
    text: str = node.client("secretsmanager").get_secret_value(SecretId="card")["SecretString"]
    return text


def test_the_key_is_rotated_while_nodes_run(database: str, tmp_path: Path) -> None:
    first = start(tmp_path / "first", database)
    old, new = tmp_path / "first" / "cluster.key", tmp_path / "new.key"
    second = start(tmp_path / "second", database, "--cluster-key-file", str(old))
    first.client("secretsmanager").create_secret(Name="card", SecretString="4711")
    done = nightbus(database, "cluster", "rotate-key", str(new), "--data", str(tmp_path / "first"))
    assert done.returncode == 0, done.stderr
    assert f"{old} still has the key from before" in done.stdout
    assert new.stat().st_mode & 0o077 == 0 and old.read_text() != new.read_text()
    assert old.read_text().strip() not in done.stdout and new.read_text().strip() not in done.stdout
    for node in (first, second):
        assert secret_at(node) == "4711"
        node.client("secretsmanager").put_secret_value(SecretId="card", SecretString="4711")
    second.stop()
    with pytest.raises(RuntimeError, match="or from before it was rotated"):
        start(tmp_path / "second", database, "--cluster-key-file", str(old))
    second = start(tmp_path / "second", database, "--cluster-key-file", str(new))
    assert secret_at(second) == secret_at(first) == "4711"
    session = first.client("sts").get_session_token()["Credentials"]
    caller = second.client(
        "sts",
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    assert caller.get_caller_identity()["Account"] == ACCOUNT
    second.stop()
    first.stop()


def test_a_key_that_cannot_be_rotated_is_left(database: str, tmp_path: Path) -> None:
    new, data = tmp_path / "new.key", ("--data", str(tmp_path / "none"))
    done = nightbus(database, "cluster", "rotate-key", str(new), *data)
    assert done.returncode == 2 and "needs the key that the cluster has now" in done.stderr
    start(tmp_path / "first", database).stop()
    (tmp_path / "other.key").write_text(new_cluster_key())
    other = ("--cluster-key-file", str(tmp_path / "other.key"))
    done = nightbus(database, "cluster", "rotate-key", str(new), *data, *other)
    assert done.returncode == 1 and "is not this database's" in done.stderr
    assert not new.exists()
    right = ("--cluster-key-file", str(tmp_path / "first" / "cluster.key"))
    done = nightbus(database, "cluster", "rotate-key", str(tmp_path / "no" / "folder"), *data, *right)
    assert done.returncode == 1 and "cannot be used: No such file or directory" in done.stderr
    new.write_text("password")
    done = nightbus(database, "cluster", "rotate-key", str(new), *data, *right)
    assert done.returncode == 1 and "must be 64 hexadecimal digits" in done.stderr
    new.write_bytes(b"\xff" * 64)
    done = nightbus(database, "cluster", "rotate-key", str(new), *data, *right)
    assert done.returncode == 1 and "must be 64 hexadecimal digits" in done.stderr
    new.write_text((tmp_path / "first" / "cluster.key").read_text())
    done = nightbus(database, "cluster", "rotate-key", str(new), *data, *right)
    assert done.returncode == 1 and "the one that the cluster has already" in done.stderr
    start(tmp_path / "first", database).stop()


def test_a_rotation_that_was_killed_before_it_said_so_is_asked_for_again(
    database: str, tmp_path: Path
) -> None:
    start(tmp_path / "first", database).stop()
    old, new, data = tmp_path / "first" / "cluster.key", tmp_path / "new.key", tmp_path / "first"
    for _ in range(2):
        done = nightbus(database, "cluster", "rotate-key", str(new), "--data", str(data))
        assert done.returncode == 0, done.stderr
        assert f"{old} still has the key from before" in done.stdout
        assert "Others can read" not in done.stdout
    new.chmod(0o644)
    rotated = tmp_path / "third.key"
    rotated.write_text(new_cluster_key())
    rotated.chmod(0o640)
    old.write_bytes(b"\xff")
    given = ("--cluster-key-file", str(new), "--data", str(data))
    done = nightbus(database, "cluster", "rotate-key", str(rotated), *given)
    assert done.returncode == 0, done.stderr
    assert f"Others can read {rotated}" in done.stdout and "still has" not in done.stdout


def test_the_doctor_looks_into_a_cluster(database: str, tmp_path: Path) -> None:
    data, key = tmp_path / "first", ("--cluster-key-file", str(tmp_path / "first" / "cluster.key"))
    node = start(data, database)
    node.client("secretsmanager").create_secret(Name="card", SecretString="4711")
    sqs = node.client("sqs")
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    redrive = {"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:dead", "maxReceiveCount": 1}
    sqs.create_queue(QueueName="work", Attributes={"RedrivePolicy": json.dumps(redrive)})
    gone = redrive | {"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:gone"}
    url = sqs.create_queue(QueueName="gone")["QueueUrl"]
    sqs.create_queue(QueueName="other", Attributes={"RedrivePolicy": json.dumps(gone)})
    sqs.delete_queue(QueueUrl=url)
    sqs.send_message(QueueUrl=dead, MessageBody="x")
    trust = {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}}
    iam = node.client("iam")
    document = {"Version": "2012-10-17", "Statement": [trust]}
    role = iam.create_role(RoleName="sender", AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
    rule = {"Name": "r", "EventPattern": json.dumps({"source": ["shop"]}), "RoleArn": role}
    node.client("events").put_rule(**rule)
    iam.delete_role(RoleName="sender")
    said = nightbus(database, "doctor", "--data", str(data)).stdout
    assert "1 dead letter in queue dead of us-east-1" in said
    assert f"{ACCOUNT}:gone is named as a dead-letter queue and does not exist" in said
    assert f"role {role} does not exist, so it is refused to rule r" in said
    assert "the cluster's key opens the database's" in said
    assert " keys, the key opens the secrets of each" in said
    assert "0 deliveries to targets of rules wait" in said
    node.stop()
    said = nightbus(database, "doctor", "--data", str(tmp_path / "elsewhere")).stdout
    assert "without the cluster's key nobody knows whether secrets open" in said
    (tmp_path / "wrong").write_text(new_cluster_key())
    wrong = ("--cluster-key-file", str(tmp_path / "wrong"))
    done = nightbus(database, "doctor", "--data", str(data), *wrong)
    assert done.returncode == 1 and "wrong  the cluster's key is not this database's" in done.stdout
    asyncio.run(another_vault(database, Path(key[1]).read_text().strip()))
    said = nightbus(database, "doctor", "--data", str(tmp_path / "elsewhere"), *key).stdout
    assert "keys are lost (the key in memory does not open what was sealed)" in said


async def another_vault(database: str, key: str) -> None:
    """In place of the one whose key has sealed what is there."""
    connection = await Database(postgres_server().url(database)).connect()
    await connection.execute("DELETE FROM secret")
    await vault_key(connection, key)
    await connection.close()
