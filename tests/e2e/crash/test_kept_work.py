"""A node is killed during rotations, expiries and text messages; then it is copied, and the copy has it all."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
import urllib.request
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from nightbus.node.operator_key import OPERATOR_HEADER, read_operator_key
from nodes import RunningNode, clean_environment
from waiting import wait_for

OBJECTS, KILLS = 120, 4
_SECONDS = 120.0
_MOST_MESSAGES = 200  # of a node's life: the outbox shows a thousand
QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:expired"
# The steps of AWS's template of rotation functions, slow enough to be killed in each of them.
ROTATION = """
import boto3, time

def handler(event, context):
    client = boto3.client("secretsmanager")
    secret, token = event["SecretId"], event["ClientRequestToken"]
    stages = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
    if "AWSCURRENT" in stages[token]:
        return
    time.sleep(0.2)
    if event["Step"] == "createSecret":
        old = client.get_secret_value(SecretId=secret)["SecretString"]
        try:
            client.get_secret_value(SecretId=secret, VersionId=token, VersionStage="AWSPENDING")
        except client.exceptions.ResourceNotFoundException:
            client.put_secret_value(
                SecretId=secret, ClientRequestToken=token, SecretString=old + "+", VersionStages=["AWSPENDING"]
            )
    if event["Step"] == "finishSecret":
        current = next(one for one, labels in stages.items() if "AWSCURRENT" in labels)
        client.update_secret_version_stage(
            SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
        )
"""
EXPIRED = {"Date": "2020-01-01T00:00:00Z"}
RULE = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": EXPIRED}


def nightbus(*arguments: str) -> None:
    command = [sys.executable, "-m", "nightbus", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def set_up(node: RunningNode) -> None:
    """A secret that a function rotates, and a bucket whose expired objects a queue hears of."""
    iam, functions, secrets = node.client("iam"), node.client("lambda"), node.client("secretsmanager")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    iam.attach_role_policy(RoleName="r", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", ROTATION)
    made = functions.create_function(
        FunctionName="rotates", Role=role["Role"]["Arn"], Handler="index.handler", Timeout=30,
        Runtime=f"python3.{sys.version_info.minor}", Code={"ZipFile": code.getvalue()},
    )  # fmt: skip
    functions.add_permission(
        FunctionName="rotates", StatementId="s", Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
    )  # fmt: skip
    secrets.create_secret(Name="rotated", SecretString="hunter")
    functions.get_waiter("function_active_v2").wait(FunctionName="rotates")
    secrets.rotate_secret(
        SecretId="rotated", RotationLambdaARN=made["FunctionArn"],
        RotationRules={"AutomaticallyAfterDays": 30}, RotateImmediately=False,
    )  # fmt: skip
    allowed = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    node.client("sqs").create_queue(
        QueueName="expired", Attributes={"Policy": json.dumps({"Statement": [allowed]})}
    )
    s3 = node.client("s3")
    s3.create_bucket(Bucket="old")
    for number in range(OBJECTS):
        s3.put_object(Bucket="old", Key=f"{number}", Body=b"x")
    hears = {"QueueArn": QUEUE_ARN, "Events": ["s3:LifecycleExpiration:*"]}
    s3.put_bucket_notification_configuration(
        Bucket="old", NotificationConfiguration={"QueueConfigurations": [hears]}
    )
    s3.put_bucket_lifecycle_configuration(Bucket="old", LifecycleConfiguration={"Rules": [RULE]})


class TextMessages(threading.Thread):
    """Sends numbered text messages until there are enough, or the node is gone.

    `acknowledged` has the numbers of those that it took.
    """

    def __init__(self, node: RunningNode, first: int, acknowledged: list[int]) -> None:
        super().__init__(daemon=True)
        self._sns, self._number, self._acknowledged = node.client("sns"), first, acknowledged

    def run(self) -> None:
        try:
            for _ in range(_MOST_MESSAGES):
                self._sns.publish(PhoneNumber="+4915112345678", Message=str(self._number))
                self._acknowledged.append(self._number)
                self._number += 1
        except (ClientError, BotoCoreError):
            return


def outbox(node: RunningNode) -> Counter[int]:
    assert node.folder is not None
    headers = {OPERATOR_HEADER: read_operator_key(node.folder)}
    request = urllib.request.Request(f"{node.endpoint}/_nightbus/outbox?limit=1000", headers=headers)
    with urllib.request.urlopen(request) as answer:
        return Counter(int(one["text"]) for one in json.load(answer)["messages"])


def rotate(node: RunningNode) -> None:
    try:
        node.client("secretsmanager").rotate_secret(SecretId="rotated")
    except ClientError as refused:  # the last rotation goes on
        assert "A previous rotation isn't complete" in str(refused)


def stages(node: RunningNode) -> dict[str, list[str]]:
    found: dict[str, list[str]] = node.client("secretsmanager").describe_secret(SecretId="rotated")[
        "VersionIdsToStages"
    ]
    return found


def is_rotated(node: RunningNode) -> bool:
    return not any(labels == ["AWSPENDING"] for labels in stages(node).values())


def objects_left(node: RunningNode) -> int:
    return sum(len(page.get("Contents", ())) for page in
               node.client("s3").get_paginator("list_objects_v2").paginate(Bucket="old"))  # fmt: skip


def check_secret(node: RunningNode) -> None:
    """The current value was made of the previous one, in one step."""
    secrets = node.client("secretsmanager")
    current, previous = (
        str(secrets.get_secret_value(SecretId="rotated", VersionStage=stage)["SecretString"])
        for stage in ("AWSCURRENT", "AWSPREVIOUS")
    )
    assert current == previous + "+"
    assert secrets.describe_secret(SecretId="rotated")["RotationEnabled"]


def expiries(node: RunningNode) -> Counter[str]:
    """Count the commits that expired each key.

    S3 notifies at least once, so that a node that was killed before it knew of its delivery repeats it. The sequencer
    tells a repeated notification from a second expiry.
    """
    sqs = node.client("sqs")
    url, found = sqs.get_queue_url(QueueName="expired")["QueueUrl"], set[tuple[str, str]]()
    while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=3600).get(
        "Messages"
    ):
        for message in got:
            records: list[dict[str, Any]] = json.loads(message["Body"]).get("Records", [])
            objects = (one["s3"]["object"] for one in records)
            found.update((str(one["key"]), str(one["sequencer"])) for one in objects)
    return Counter(key for key, _ in found)


def test_kills_and_a_copy(tmp_path: Path) -> None:
    data, acknowledged = tmp_path / "data", list[int]()
    node = RunningNode(data=data)
    copy: RunningNode | None = None
    try:
        set_up(node)
        for kill in range(KILLS):
            messages = TextMessages(node, 10_000 * kill, acknowledged)
            before = len(acknowledged)
            messages.start()
            rotate(node)
            wait_for(lambda: len(acknowledged) >= before + 20 * (1 + kill), _SECONDS)  # noqa: B023
            node.kill()
            messages.join()
            node = RunningNode(data=data)  # which begins with expiries, as each start does
        wait_for(lambda: is_rotated(node), _SECONDS)
        wait_for(lambda: objects_left(node) == 0, _SECONDS)
        check_secret(node)
        sent = outbox(node)
        assert set(acknowledged) <= set(sent)
        assert max(sent.values()) == 1
        assert node.stop() == 0
        nightbus("backup", str(tmp_path / "copy.tar"), "--data", str(data))
        nightbus("restore", str(tmp_path / "copy.tar"), "--data", str(tmp_path / "again"))
        copy = RunningNode(data=tmp_path / "again")
        assert outbox(copy) == sent
        check_secret(copy)
        assert expiries(copy) == Counter(str(number) for number in range(OBJECTS))
        before_rotation = copy.client("secretsmanager").get_secret_value(SecretId="rotated")["SecretString"]
        rotate(copy)
        wait_for(
            lambda: (
                copy is not None
                and copy.client("secretsmanager").get_secret_value(SecretId="rotated")["SecretString"]
                == before_rotation + "+"
            ),
            _SECONDS,
        )
    finally:
        node.stop()
        assert copy is None or copy.stop() == 0
    nightbus("doctor", "--data", str(tmp_path / "again"))
