"""Events of AWS's own services: put by whoever runs the node, and by nobody else unless a setting lets them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nodes import RunningNode, clean_environment

Client = Callable[..., Any]
PUT = {
    "version": "0",
    "id": "17793124-05d4-b198-2fde-7ededc63b103",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "account": "111122223333",
    "time": "2021-11-12T00:00:00Z",
    "region": "ca-central-1",
    "resources": ["arn:aws:s3:::amzn-s3-demo-bucket1"],
    "detail": {"bucket": {"name": "amzn-s3-demo-bucket1"}, "object": {"key": "example-key", "size": 5}},
}
ENTRY = {"Source": "aws.s3", "DetailType": "Object Created", "Detail": "{}"}


def nightbus(node: RunningNode, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    environ = clean_environment() | {"NIGHTBUS_PORT": str(node.port)}
    return subprocess.run(
        ["nightbus", *arguments], env=environ, input=given, capture_output=True, text=True, timeout=60
    )


def queue_of_rule(client: Client, name: str, source: str) -> str:
    sqs, events = client("sqs"), client("events")
    url: str = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": allow})})
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    return url


def test_a_rule_is_tried_on_an_event_of_a_service(node: RunningNode, client: Client) -> None:
    url = queue_of_rule(client, "of-a-service", "aws.s3")
    done = nightbus(node, "events", "put", "-", "--as-service", given=json.dumps(PUT))
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("  aws.s3  Object Created\n")
    (message,) = client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    event = json.loads(message["Body"])
    own = {"id": done.stdout.split()[0], "account": "000000000000", "region": "us-east-1"}
    assert event == {**PUT, **own}


def test_without_the_option_it_is_put_events_with_its_refusals(node: RunningNode) -> None:
    done = nightbus(node, "events", "put", "-", given=json.dumps([ENTRY, {**ENTRY, "Source": "mine"}]))
    assert done.returncode == 1
    refused, put = done.stdout.splitlines()
    assert "refused: NotAuthorizedForSourceException: Not authorized for the source: aws.s3." in refused
    assert put.endswith("  mine  Object Created")
    told = json.loads(nightbus(node, "events", "put", "-", "--json", given=json.dumps([ENTRY])).stdout)
    assert told[0]["ErrorCode"] == "NotAuthorizedForSourceException"
    wrong = nightbus(node, "events", "put", "-", given="[]")
    assert (wrong.returncode, wrong.stderr) == (2, "nightbus: -: it holds no event\n")


def test_more_than_a_request_holds_are_put_in_several(node: RunningNode) -> None:
    many = [{**ENTRY, "Detail": json.dumps({"n": at})} for at in range(25)]
    done = nightbus(node, "events", "put", "-", "--as-service", given=json.dumps({"Entries": many}))
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 25)


@pytest.mark.parametrize("key", [None, "", "x" * 43, "é"])
def test_nobody_else_puts_as_a_service(node: RunningNode, key: str | None) -> None:
    """A web page, another user and a function reach the address; none of them has the key."""
    body = json.dumps({"account": "000000000000", "region": "us-east-1", "entries": [ENTRY]}).encode()
    headers = {} if key is None else {"x-nightbus-operator-key": key.encode().decode("latin-1")}
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(f"{node.endpoint}/_nightbus/events/put", body, headers))
    assert refused.value.code == 403
    refused.value.close()


def test_the_key_is_its_owners_alone(node: RunningNode) -> None:
    kept = [] if node.folder is None else [node.folder]
    folders = kept or list(Path(tempfile.gettempdir()).glob("nightbus-node-*"))
    keys = [folder / "operator.key" for folder in folders if (folder / "nightbus.lock").is_file()]
    mine = [key for key in keys if key.is_file() and key.stat().st_uid == os.getuid()]
    assert mine
    assert all(key.stat().st_mode & 0o077 == 0 for key in mine)


READER = """
import glob
def handler(event, context):
    found = []
    for path in glob.glob(event["folders"] + "/*"):
        try:
            found.append(open(path).read())
        except (OSError, UnicodeDecodeError):
            pass
    return found
"""


def test_a_function_cannot_read_the_key(tmp_path: Path) -> None:
    node = RunningNode(data=tmp_path / "data")
    try:
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        policy = json.dumps({"Statement": trust})
        role = node.client("iam").create_role(RoleName="reader", AssumeRolePolicyDocument=policy)["Role"][
            "Arn"
        ]
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("app.py", READER)
        functions = node.client("lambda")
        code = {"ZipFile": package.getvalue()}
        functions.create_function(
            FunctionName="reader", Runtime="python3.13", Role=role, Handler="app.handler", Code=code
        )
        functions.get_waiter("function_active_v2").wait(FunctionName="reader", WaiterConfig={"Delay": 1})
        asked = json.dumps({"folders": str(tmp_path / "data")})
        answer = functions.invoke(FunctionName="reader", Payload=asked)
        read = json.loads(answer["Payload"].read())
        if any("NO SANDBOX" in line for line in node.output):
            pytest.skip("functions have no sandbox on this machine")
        assert "FunctionError" not in answer
        assert (tmp_path / "data" / "operator.key").read_text() not in read
        assert read == []
    finally:
        node.stop()


def test_a_setting_lets_the_api_put_as_a_service() -> None:
    node = RunningNode(environ={"NIGHTBUS_SERVICE_EVENTS": "true"})
    try:
        assert node.client("events").put_events(Entries=[ENTRY])["FailedEntryCount"] == 0
    finally:
        node.stop()


def test_the_setting_goes_with_loopback_only(node: RunningNode) -> None:
    done = nightbus(node, "start", "--service-events", "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2
    assert "service_events goes with a loopback address only, not with 0.0.0.0" in done.stderr
