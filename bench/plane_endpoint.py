"""One endpoint under measurement, and what is set up on it: rules and a queue on the default bus, functions, a role.

All of it is named plane-something, and taken away again; a peer may be one that somebody uses.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from plane_wire import ACCOUNT, REGION, SOURCE

PREFIX = "plane-"
LAMBDA_SOURCE = "plane.calls"
ROLE = f"{PREFIX}role"
RUNTIME = f"python3.{sys.version_info.minor}"
_CONFIG = Config(retries={"total_max_attempts": 2}, connect_timeout=5, read_timeout=120)


class Missing(Exception):
    """What an endpoint does not do, with the reason."""


@dataclass
class Endpoint:
    name: str
    url: str
    pid: int | None
    queue_url: str = ""
    _queues: int = 0
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self._clients:
            make: Any = boto3.client
            keys = {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": "plane"}
            self._clients[service] = make(
                service, region_name=REGION, endpoint_url=self.url, config=_CONFIG, **keys
            )
        return self._clients[service]

    def fresh_queue(self) -> str:
        """A new queue that the bus may send to, and that the first rule sends to; its predecessor goes."""
        previous, self._queues = self.queue_url, self._queues + 1
        name = f"{PREFIX}{time.time_ns()}"
        attributes = {
            "Policy": policy("events.amazonaws.com", "sqs:SendMessage"),
            "VisibilityTimeout": "3600",
        }
        self.queue_url = self.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        if f"{PREFIX}0" in self.rules():
            self._put_target(f"{PREFIX}0", self._queue_arn())
        if previous:
            self.client("sqs").delete_queue(QueueUrl=previous)
        return self.queue_url

    def _queue_arn(self) -> str:
        attributes = self.client("sqs").get_queue_attributes(
            QueueUrl=self.queue_url, AttributeNames=["QueueArn"]
        )
        return str(attributes["Attributes"]["QueueArn"])

    def queued(self) -> int:
        name = "ApproximateNumberOfMessages"
        attributes = self.client("sqs").get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=[name])
        return int(attributes["Attributes"][name])

    def rules(self) -> list[str]:
        """Those that send to a queue."""
        return [name for name in self._all_rules() if name.removeprefix(PREFIX).isdigit()]

    def _all_rules(self) -> list[str]:
        pages = self.client("events").get_paginator("list_rules").paginate(NamePrefix=PREFIX)
        return [rule["Name"] for page in pages for rule in page["Rules"]]

    def set_rules(self, wanted: int) -> None:
        """So many rules with a queue as their target; the first one matches the events, the others do not."""
        names, present = [f"{PREFIX}{number}" for number in range(wanted)], set(self.rules())
        for name in present.difference(names):
            self._drop_rule(name)
        for number, name in enumerate(names):
            if name not in present:
                state = "placed" if number == 0 else f"state-{number}"
                self._put_rule(name, {"source": [SOURCE], "detail": {"state": [state]}})
                self._put_target(name, self._queue_arn())

    def _put_rule(self, name: str, pattern: dict[str, Any]) -> str:
        return str(self.client("events").put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"])

    def _put_target(self, rule: str, arn: str) -> None:
        reply = self.client("events").put_targets(Rule=rule, Targets=[{"Id": "plane", "Arn": arn}])
        if reply.get("FailedEntryCount"):
            raise Missing(str(reply["FailedEntries"][0]))

    def _drop_rule(self, name: str) -> None:
        self.client("events").remove_targets(Rule=name, Ids=["plane"])
        self.client("events").delete_rule(Name=name)

    def create_function(self, name: str, text: str, variables: dict[str, str]) -> str:
        """Its ARN, once it can be invoked."""
        client = self.client("lambda")
        trust = policy("lambda.amazonaws.com", "sts:AssumeRole", resource=None)
        with contextlib.suppress(ClientError):
            self.client("iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument=trust)
        with unsupported():
            logs = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
            document = json.dumps({"Version": "2012-10-17", "Statement": [logs]})
            self.client("iam").put_role_policy(RoleName=ROLE, PolicyName="logs", PolicyDocument=document)
        made = client.create_function(
            FunctionName=name,
            Runtime=RUNTIME,
            Handler="app.handler",
            Role=f"arn:aws:iam::{ACCOUNT}:role/{ROLE}",
            Code={"ZipFile": packed(text)},
            Environment={"Variables": variables},
        )
        client.get_waiter("function_active_v2").wait(FunctionName=name)
        return str(made["FunctionArn"])

    def call_function(self, name: str, arn: str) -> None:
        """A rule that sends every event of LAMBDA_SOURCE to it."""
        rule = self._put_rule(name, {"source": [LAMBDA_SOURCE]})
        self.client("lambda").add_permission(
            FunctionName=arn, StatementId="plane", Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com", SourceArn=rule,
        )  # fmt: skip
        self._put_target(name, arn)

    def clean(self) -> None:
        """Takes away what this or an earlier, broken-off run set up; what the endpoint does not know is not there."""
        with unsupported():
            for name in self._all_rules():
                self._drop_rule(name)
        with unsupported():
            for url in self.client("sqs").list_queues(QueueNamePrefix=PREFIX).get("QueueUrls", []):
                self.client("sqs").delete_queue(QueueUrl=url)
        with unsupported():
            for each in self.client("lambda").list_functions()["Functions"]:
                if each["FunctionName"].startswith(PREFIX):
                    self.client("lambda").delete_function(FunctionName=each["FunctionName"])
        with unsupported():
            self.client("iam").delete_role_policy(RoleName=ROLE, PolicyName="logs")
        with unsupported():
            self.client("iam").delete_role(RoleName=ROLE)
        self.queue_url = ""


def unsupported() -> contextlib.AbstractContextManager[None]:
    return contextlib.suppress(ClientError, BotoCoreError)


@contextlib.contextmanager
def reasons() -> Iterator[None]:
    """Whatever an endpoint may answer with becomes the reason for a figure that is missing."""
    try:
        yield
    except (ClientError, BotoCoreError, OSError, RuntimeError, TimeoutError) as failure:
        lines = str(failure).strip().splitlines() or [type(failure).__name__]
        raise Missing(lines[0][:160]) from failure


def policy(service: str, action: str, resource: str | None = "*") -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": action}
    if resource:
        statement["Resource"] = resource
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def packed(text: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("app.py", text)
    return data.getvalue()
