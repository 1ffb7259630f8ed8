"""Lambda writes a function's log with the function's role, as far as that may; the function runs all the same.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html#monitoring-cloudwatchlogs-prereqs
"""

from __future__ import annotations

import base64
import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from lambda_rig import BASIC_EXECUTION, code, trust
from nodes import RunningNode
from waiting import wait_for

ACCOUNT = "000000000000"
HANDLER = """
count = 0
def handler(event, context):
    global count
    count += 1
    print("call", count)
    return count
"""
EVERYTHING = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")


class Worker:
    """A function and its role, which may nothing at first. `log` is what the function's group has, None without it."""

    def __init__(self, node: RunningNode, **settings: Any) -> None:
        self.node, self.name = node, f"silent-{uuid4().hex[:8]}"
        self.group = f"/aws/lambda/{self.name}"
        self._functions, self._iam = node.client("lambda"), node.client("iam")
        self.logs = node.client("logs")
        document = json.dumps(trust("lambda.amazonaws.com"))
        role = self._iam.create_role(RoleName=self.name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        made = self._functions.create_function(
            FunctionName=self.name, Runtime="python3.12", Handler="app.handler", Role=role,
            Code={"ZipFile": code(HANDLER)}, **settings,
        )  # fmt: skip
        self.arn = made["FunctionArn"]
        self._functions.get_waiter("function_active_v2").wait(
            FunctionName=self.name, WaiterConfig={"Delay": 1}
        )

    def may(self, *actions: str, resource: str = "*", deny: str = "", condition: Any = None) -> None:
        given: list[Any] = [{"Effect": "Allow", "Action": list(actions), "Resource": resource}]
        if condition:
            given[0]["Condition"] = condition
        if deny:
            given.append({"Effect": "Deny", "Action": [deny], "Resource": "*"})
        document = json.dumps({"Version": "2012-10-17", "Statement": given})
        self._iam.put_role_policy(RoleName=self.name, PolicyName="logs", PolicyDocument=document)

    def call(self) -> tuple[int, str]:
        """Return how often this environment was called, and the tail of the log."""
        reply = self._functions.invoke(FunctionName=self.name, LogType="Tail")
        assert "FunctionError" not in reply
        return json.load(reply["Payload"]), base64.b64decode(reply["LogResult"]).decode()

    @property
    def log(self) -> str | None:
        try:
            events = self.logs.filter_log_events(logGroupName=self.group)["events"]
        except self.logs.exceptions.ResourceNotFoundException:
            return None
        return "".join(str(event["message"]) for event in events)

    @property
    def streams(self) -> int:
        return len(self.logs.describe_log_streams(logGroupName=self.group)["logStreams"])

    def refusals(self) -> list[dict[str, Any]]:
        """Return what the role was refused, the newest first."""
        request = urllib.request.Request(
            f"{self.node.endpoint}/_nightbus/why-denied", b'{"limit": 100}', self.operator
        )
        with urllib.request.urlopen(request) as reply:
            kept: list[dict[str, Any]] = json.load(reply)["refusals"]
        return [one for one in kept if one["role"].endswith(self.name)]

    @property
    def operator(self) -> dict[str, str]:
        assert self.node.folder is not None
        return {"x-nightbus-operator-key": (self.node.folder / "operator.key").read_text().strip()}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    folder = tmp_path_factory.mktemp("logs") / "data"
    running = RunningNode(folder, environ={"NIGHTBUS_AUTHORIZATION": "enforce"})
    yield running
    running.stop()


@pytest.fixture
def worker(node: RunningNode) -> Worker:
    return Worker(node)


def test_without_permission_a_function_runs_and_nothing_is_written(worker: Worker) -> None:
    for number in 1, 2, 3:
        count, tail = worker.call()
        assert count == number
        assert f"call {number}\n" in tail and "START RequestId" in tail and "REPORT RequestId" in tail
    assert worker.log is None


def test_a_refusal_is_told_once_for_an_environment_with_all_that_the_role_needs(worker: Worker) -> None:
    for _ in range(3):
        worker.call()
    (refusal,) = wait_for(worker.refusals)
    group = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{worker.group}"
    assert (refusal["action"], refusal["resource"]) == ("logs:CreateLogGroup", f"{group}:log-stream:")
    assert refusal["message"] == (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{worker.name}/{worker.name} is not authorized to perform: "
        f"logs:CreateLogGroup on resource: {group}:log-stream: because no identity-based policy allows the "
        "logs:CreateLogGroup action"
    )
    statement = refusal["remedy"]["statement"]
    assert statement == {"Effect": "Allow", "Action": list(EVERYTHING), "Resource": f"{group}:*"}
    told = [line for line in worker.node.output if worker.name in line and "why-denied" in line]
    assert len(told) == 1

    worker.may(*statement["Action"], resource=statement["Resource"])
    worker.call()
    assert "call 4" in (worker.log or "")


@pytest.mark.parametrize(
    ("actions", "written"),
    [
        (("logs:PutLogEvents",), False),
        (("logs:CreateLogStream",), False),
        (("logs:CreateLogStream", "logs:PutLogEvents"), True),
    ],
)
def test_a_group_that_is_there_needs_no_creation_but_the_stream_does(
    worker: Worker, actions: tuple[str, ...], written: bool
) -> None:
    worker.logs.create_log_group(logGroupName=worker.group)
    worker.may(*actions)
    worker.call()
    assert worker.log is not None and ("call 1" in worker.log) is written
    assert worker.streams == ("logs:CreateLogStream" in actions)


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:logs:us-east-1:111122223333:*",
        f"arn:aws:logs:eu-west-1:{ACCOUNT}:*",
        f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/lambda/other:*",
    ],
)
def test_permission_for_groups_elsewhere_is_none(worker: Worker, resource: str) -> None:
    worker.may(*EVERYTHING, resource=resource)
    worker.call()
    assert worker.log is None


def test_a_change_of_the_role_counts_for_a_warm_environment_at_once(worker: Worker) -> None:
    assert worker.call()[0] == 1
    worker.may(*EVERYTHING)
    assert worker.call()[0] == 2
    assert "call 2" in (worker.log or "") and "call 1" not in (worker.log or "")
    worker.may(*EVERYTHING, deny="logs:PutLogEvents")
    assert worker.call()[0] == 3
    worker.may(*EVERYTHING)
    assert worker.call()[0] == 4
    assert "call 4" in (worker.log or "") and "call 3" not in (worker.log or "")
    worker.logs.delete_log_group(logGroupName=worker.group)
    worker.may("logs:PutLogEvents")
    assert worker.call()[0] == 5
    assert worker.log is None


def test_a_deny_is_more_than_the_managed_policy(node: RunningNode) -> None:
    worker = Worker(node)
    node.client("iam").attach_role_policy(RoleName=worker.name, PolicyArn=BASIC_EXECUTION)
    worker.may("sqs:SendMessage", deny="logs:PutLogEvents")
    worker.call()
    assert worker.log == "" and worker.streams == 1
    (refusal,) = wait_for(worker.refusals)
    assert refusal["message"].endswith("with an explicit deny in an identity-based policy")


def test_another_group_than_its_own_needs_the_same(node: RunningNode) -> None:
    group = f"/others/{uuid4().hex[:8]}"
    worker = Worker(node, LoggingConfig={"LogGroup": group})
    worker.may(*EVERYTHING, resource=f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/lambda/*")
    worker.call()
    worker.group = group
    assert worker.log is None
    worker.may(*EVERYTHING, resource=f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/others/*")
    worker.call()
    assert "call 2" in (worker.log or "")


def test_a_stream_in_a_group_that_functions_share_has_the_functions_name(node: RunningNode) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html"""
    group = f"/shared/{uuid4().hex[:8]}"
    own, other = (Worker(node, LoggingConfig={"LogGroup": group}) for _ in range(2))
    own.group = group
    own.logs.create_log_group(logGroupName=group)
    streams = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}:log-stream:????/??/??/{own.name}[*"
    for worker in own, other:
        worker.may(*EVERYTHING, resource=streams)
        worker.call()
    (stream,) = own.logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert re.fullmatch(rf"\d{{4}}/\d\d/\d\d/{own.name}\[\$LATEST\][0-9a-f]{{32}}", stream["logStreamName"])
    assert "call 1" in (own.log or "")


def test_a_policy_may_name_the_function_whose_log_is_written(worker: Worker) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html"""
    worker.may(*EVERYTHING, condition={"ArnEquals": {"lambda:SourceFunctionArn": f"{worker.arn}-2"}})
    worker.call()
    assert worker.log is None
    worker.may(*EVERYTHING, condition={"ArnEquals": {"lambda:SourceFunctionArn": worker.arn}})
    worker.call()
    assert "call 2" in (worker.log or "")


def test_asynchronous_invocations_too(worker: Worker) -> None:
    invoke = worker.node.client("lambda").invoke
    worker.may("sqs:SendMessage")
    invoke(FunctionName=worker.name, InvocationType="Event")
    wait_for(worker.refusals)
    worker.may(*EVERYTHING)
    invoke(FunctionName=worker.name, InvocationType="Event")
    wait_for(lambda: "call 2" in (worker.log or "") or None)
    assert "call 1" not in (worker.log or "")


def test_a_trace_says_why_it_has_no_log(node: RunningNode, worker: Worker) -> None:
    events = node.client("events")
    events.put_rule(Name=worker.name, EventPattern=json.dumps({"source": [worker.name]}))
    events.put_targets(Rule=worker.name, Targets=[{"Id": "t", "Arn": worker.arn}])
    node.client("lambda").add_permission(
        FunctionName=worker.name, StatementId="r", Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
    )  # fmt: skip
    entry = {"Source": worker.name, "DetailType": "d", "Detail": "{}"}
    (put,) = events.put_events(Entries=[entry])["Entries"]

    def run() -> dict[str, Any] | None:
        url = f"{node.endpoint}/_nightbus/trace?event={put['EventId']}"
        with urllib.request.urlopen(urllib.request.Request(url, headers=worker.operator)) as reply:
            (target,) = json.load(reply)["rules"][0]["targets"]
        runs = [run for one in target["attempts"] for called in one["invocations"] for run in called["runs"]]
        return next((one for one in runs if "time" in one), None)

    found = wait_for(run)
    assert (found["outcome"], found["log"]) == ("succeeded", [])
    assert found["log_refused"] == f"its role {worker.name} may not logs:CreateLogGroup on {worker.group}"


def test_a_node_that_audits_writes_the_log_and_keeps_what_it_would_refuse(tmp_path: Path) -> None:
    node = RunningNode(tmp_path / "data", environ={"NIGHTBUS_AUTHORIZATION": "audit"})
    try:
        worker = Worker(node)
        worker.call()
        assert "call 1" in (worker.log or "")
        refused = wait_for(lambda: found if len(found := worker.refusals()) == 3 else None)
        assert {one["action"] for one in refused} == set(EVERYTHING)
        assert not any(one["enforced"] for one in refused)
    finally:
        assert node.stop() == 0


def test_the_role_of_a_node_with_dev_credentials_that_iam_does_not_have_is_not_limited(
    node: RunningNode,
) -> None:
    functions, name = node.client("lambda"), f"unknown-{uuid4().hex[:8]}"
    functions.create_function(
        FunctionName=name, Runtime="python3.12", Handler="app.handler", Code={"ZipFile": code(HANDLER)},
        Role=f"arn:aws:iam::{ACCOUNT}:role/nobody-made-it",
    )  # fmt: skip
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    functions.invoke(FunctionName=name)
    events = node.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    assert any("call 1" in one["message"] for one in events)
