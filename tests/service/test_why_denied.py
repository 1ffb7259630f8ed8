"""A refusal explains itself: who, what, each policy's verdict, and the statement that would allow it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from nodes import RunningNode, clean_environment

ACCOUNT = "000000000000"
BUS = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default"
ENTRY = {"Source": "shop", "DetailType": "order", "Detail": "{}"}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def nightbus(node: RunningNode, *arguments: str) -> str:
    done = subprocess.run(
        ["nightbus", *arguments, "--port", str(node.port)],
        env=clean_environment() | {"NIGHTBUS_DATA": str(node_folder(node))},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


_FOLDERS: dict[int, Path] = {}


def node_folder(node: RunningNode) -> Path:
    return _FOLDERS[node.port]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("denied") / "data"


@pytest.fixture(scope="module")
def node(folder: Path) -> Iterator[RunningNode]:
    running = RunningNode(folder, environ={"NIGHTBUS_AUTHORIZATION": "enforce"})
    _FOLDERS[running.port] = folder
    yield running
    assert running.stop() == 0


def session(node: RunningNode, role: str) -> dict[str, str]:
    arn = node.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"][
        "Arn"
    ]
    issued = node.client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    return {
        "aws_access_key_id": issued["AccessKeyId"],
        "aws_secret_access_key": issued["SecretAccessKey"],
        "aws_session_token": issued["SessionToken"],
    }


def test_a_refusal_names_the_missing_statement_which_then_allows_the_request(node: RunningNode) -> None:
    events = node.client("events", **session(node, "clerk"))
    with pytest.raises(ClientError) as refused:
        events.put_events(Entries=[ENTRY])
    request_id = refused.value.response["ResponseMetadata"]["RequestId"]
    (refusal,) = json.loads(nightbus(node, "why-denied", request_id, "--json"))["refusals"]
    assert (refusal["action"], refusal["resource"], refusal["effect"]) == (
        "events:PutEvents",
        BUS,
        "implicitDeny",
    )
    assert refusal["message"] == refused.value.response["Error"]["Message"]
    assert refusal["add_to"] == {"role": "clerk"}
    statement = refusal["remedy"]["statement"]
    assert statement == {"Effect": "Allow", "Action": "events:PutEvents", "Resource": BUS}
    assert any(f"nightbus why-denied {request_id}" in line for line in node.output)
    node.client("iam").put_role_policy(
        RoleName="clerk",
        PolicyName="suggested",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    assert events.put_events(Entries=[ENTRY])["FailedEntryCount"] == 0


def test_a_deny_is_named_and_the_last_refusals_are_listed(node: RunningNode) -> None:
    keys = session(node, "barred")
    deny = {"Sid": "Never", "Effect": "Deny", "Action": "sqs:*", "Resource": "*"}
    node.client("iam").put_role_policy(
        RoleName="barred",
        PolicyName="no",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [deny]}),
    )
    with pytest.raises(ClientError, match="explicit deny"):
        node.client("sqs", **keys).create_queue(QueueName="barred")
    (refusal,) = json.loads(nightbus(node, "why-denied", "--limit", "1", "--json"))["refusals"]
    assert refusal["remedy"]["deny"][0]["statements"] == ["Never"]
    text = nightbus(node, "why-denied", refusal["id"])
    assert "who        arn:aws:sts::000000000000:assumed-role/barred/me" in text
    assert "no (identity-based policy) denies it by statement Never" in text


def test_refused_data_calls_are_in_the_trail(node: RunningNode) -> None:
    trail = node.client("cloudtrail")
    found = trail.lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "PutEvents"}]
    )
    record = json.loads(found["Events"][0]["CloudTrailEvent"])
    assert record["errorCode"] == "AccessDeniedException"
    assert record["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"] == "clerk"
    assert record["resources"][0]["type"] == "AWS::Events::EventBus"


def test_a_refusal_is_explained_after_a_restart(node: RunningNode, folder: Path) -> None:
    before = json.loads(nightbus(node, "why-denied", "--limit", "100", "--json"))["refusals"]
    assert before
    node.kill()
    again = RunningNode(folder, environ={"NIGHTBUS_AUTHORIZATION": "enforce"}, port=node.port)
    node.process = again.process
    after = json.loads(nightbus(node, "why-denied", "--limit", "100", "--json"))["refusals"]
    assert [one["id"] for one in after] == [one["id"] for one in before]
