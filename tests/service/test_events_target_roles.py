"""Targets of rules: roles that EventBridge can assume and that may do what the target needs, and log groups.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from events_rig import ACCOUNT, GOOD, admit_events, put
from nodes import RunningNode, clean_environment
from users import document
from waiting import wait_for

REGION = "us-east-1"
SERVICE = "events.amazonaws.com"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("roles") / "data"


@pytest.fixture(scope="module")
def node(folder: Path) -> Iterator[RunningNode]:
    running = RunningNode(folder, environ={"NIGHTBUS_AUTHORIZATION": "enforce"})
    yield running
    running.stop()


def role(node: RunningNode, name: str, service: str, *actions: str, condition: Any = None) -> str:
    one = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    iam, trust = node.client("iam"), one | ({"Condition": condition} if condition else {})
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))
    allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    if actions:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(allowed))
    return str(made["Role"]["Arn"])


def rule_with(node: RunningNode, target: dict[str, Any], source: str) -> str:
    """Return the URL of the rule's dead-letter queue."""
    name, sqs, events = f"r-{uuid4().hex[:8]}", node.client("sqs"), node.client("events")
    url = str(sqs.create_queue(QueueName=name)["QueueUrl"])
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    open_to_events = {
        "Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": "sqs:SendMessage", "Resource": queue,
    }  # fmt: skip
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(open_to_events)})
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=name, Targets=[{"Id": "t", "DeadLetterConfig": {"Arn": queue}, **target}])
    return url


def dead_letter(node: RunningNode, url: str) -> dict[str, str]:
    def received() -> list[Any]:
        reply = node.client("sqs").receive_message(QueueUrl=url, MessageAttributeNames=["All"])
        return list(reply.get("Messages", ()))

    (message,) = wait_for(received)
    return {name: one["StringValue"] for name, one in message["MessageAttributes"].items()}


def test_a_role_that_eventbridge_cannot_assume_is_no_target_role(node: RunningNode) -> None:
    events = node.client("events")
    elsewhere = {"ArnLike": {"aws:SourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/other"}}
    events.put_rule(Name="own", EventPattern='{"source": ["own"]}')
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
    for arn in (
        role(node, "of-lambda", "lambda.amazonaws.com", "sqs:*"),
        role(node, "of-another-rule", SERVICE, "sqs:*", condition=elsewhere),
    ):
        text = f"Provided role '{arn}' cannot be assumed by principal '{SERVICE}'."
        for call, params in (
            (events.put_targets, {"Rule": "own", "Targets": [{"Id": "t", "Arn": queue, "RoleArn": arn}]}),
            (events.put_rule, {"Name": "own", "EventPattern": '{"source": ["own"]}', "RoleArn": arn}),
        ):
            with pytest.raises(ClientError) as refused:
                call(**params)
            error = refused.value.response["Error"]
            assert (error["Code"], error["Message"]) == ("ValidationException", text)
    assert events.list_targets_by_rule(Rule="own")["Targets"] == []


def test_an_api_destination_is_invoked_with_the_right_of_the_role(node: RunningNode) -> None:
    events = node.client("events")
    connection = events.create_connection(
        Name="c",
        AuthorizationType="BASIC",
        AuthParameters={"BasicAuthParameters": {"Username": "u", "Password": "p"}},
    )["ConnectionArn"]
    destination = events.create_api_destination(
        Name="d", ConnectionArn=connection, InvocationEndpoint="http://127.0.0.1:9/", HttpMethod="POST"
    )["ApiDestinationArn"]
    arn = role(node, "no-api", SERVICE, "sqs:SendMessage")
    letters = rule_with(node, {"Arn": destination, "RoleArn": arn}, "api")
    put(events, {**GOOD, "Source": "api"})
    letter = dead_letter(node, letters)
    assert letter["ERROR_CODE"] == "NO_PERMISSIONS"
    assert (
        f"is not authorized to perform: events:InvokeApiDestination on resource: {destination}"
        in (letter["ERROR_MESSAGE"])
    )


def test_a_log_group_needs_a_resource_policy_that_admits_eventbridge(node: RunningNode) -> None:
    logs, events = node.client("logs"), node.client("events")
    logs.create_log_group(logGroupName="/aws/events/closed")
    target = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/events/closed"
    letters = rule_with(node, {"Arn": target}, "logged")
    put(events, {**GOOD, "Source": "logged"})
    letter = dead_letter(node, letters)
    assert letter["ERROR_CODE"] == "NO_PERMISSIONS"
    assert (
        f"User: {SERVICE} is not authorized to perform: logs:PutLogEvents on resource: {target}"
        in (letter["ERROR_MESSAGE"])
    )
    admit_events(logs)
    put(events, {**GOOD, "Source": "logged"})
    wait_for(lambda: logs.filter_log_events(logGroupName="/aws/events/closed")["events"])


def test_nobody_writes_to_the_log_groups_of_another_account(node: RunningNode) -> None:
    """The rule's owner names the log group, and EventBridge is not the rule's deputy."""
    others = node.client("logs", account="111111111111")
    others.create_log_group(logGroupName="theirs")
    target = f"arn:aws:logs:{REGION}:111111111111:log-group:theirs"
    letters = rule_with(node, {"Arn": target}, "foreign")
    put(node.client("events"), {**GOOD, "Source": "foreign"})
    assert dead_letter(node, letters)["ERROR_CODE"] == "NO_PERMISSIONS"
    assert others.filter_log_events(logGroupName="theirs")["events"] == []


def test_a_queue_without_a_policy_refuses_eventbridge_and_the_node_says_why(
    node: RunningNode, folder: Path
) -> None:
    node.client("sqs").create_queue(QueueName="closed")
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:closed"
    letters = rule_with(node, {"Arn": queue}, "closed")
    put(node.client("events"), {**GOOD, "Source": "closed"})
    assert dead_letter(node, letters)["ERROR_CODE"] == "NO_PERMISSIONS"
    (refusal,) = [one for one in refusals(node, folder) if one["resource"] == queue]
    assert (refusal["action"], refusal["enforced"]) == ("sqs:SendMessage", True)


def test_where_policies_are_only_audited_the_queue_gets_the_event(tmp_path: Path) -> None:
    node = RunningNode(tmp_path, environ={"NIGHTBUS_AUTHORIZATION": "audit"})
    try:
        url = str(node.client("sqs").create_queue(QueueName="closed")["QueueUrl"])
        queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:closed"
        rule_with(node, {"Arn": queue}, "audited")
        put(node.client("events"), {**GOOD, "Source": "audited"})
        wait_for(lambda: node.client("sqs").receive_message(QueueUrl=url).get("Messages"))
        (refusal,) = [one for one in refusals(node, tmp_path, "--audit") if one["resource"] == queue]
        assert not refusal["enforced"]
    finally:
        node.stop()


def refusals(node: RunningNode, folder: Path, *options: str) -> list[dict[str, Any]]:
    def found() -> list[dict[str, Any]]:
        command = [sys.executable, "-m", "nightbus", "why-denied", "--limit", "100", "--json", *options]
        run = subprocess.run(
            [*command, "--port", str(node.port)], capture_output=True, text=True, check=False,
            env=clean_environment() | {"NIGHTBUS_DATA": str(folder)},
        )  # fmt: skip
        return list(json.loads(run.stdout)["refusals"]) if run.returncode == 0 else []

    return list(wait_for(found))


def test_a_role_of_another_account_cannot_be_passed(node: RunningNode) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html"""
    theirs = node.client("iam", account="111111111111")
    one = {"Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": "sts:AssumeRole"}
    arn = theirs.create_role(RoleName="theirs", AssumeRolePolicyDocument=document(one))["Role"]["Arn"]
    events, sns = node.client("events"), node.client("sns")
    events.put_rule(Name="passing", EventPattern='{"source": ["passing"]}')
    target = {"Id": "t", "Arn": f"arn:aws:sqs:{REGION}:111111111111:q", "RoleArn": arn}
    feedback = {"SQSSuccessFeedbackRoleArn": arn}
    for call, params in (
        (events.put_targets, {"Rule": "passing", "Targets": [target]}),
        (events.put_rule, {"Name": "passing", "EventPattern": '{"source": ["a"]}', "RoleArn": arn}),
        (sns.create_topic, {"Name": "passing", "Attributes": feedback}),
    ):
        with pytest.raises(ClientError, match=f"iam:PassRole on resource: {arn}"):
            call(**params)


def test_nobody_invokes_the_api_destination_of_another_account(node: RunningNode) -> None:
    """Its connection's secrets would go with the request."""
    theirs = node.client("events", account="111111111111")
    connection = theirs.create_connection(
        Name="theirs",
        AuthorizationType="API_KEY",
        AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "k", "ApiKeyValue": "v"}},
    )["ConnectionArn"]
    destination = theirs.create_api_destination(
        Name="theirs", ConnectionArn=connection, InvocationEndpoint="http://127.0.0.1:9/", HttpMethod="POST"
    )["ApiDestinationArn"]
    arn = role(node, "all-powerful", SERVICE, "*")
    letters = rule_with(node, {"Arn": destination, "RoleArn": arn}, "their-api")
    put(node.client("events"), {**GOOD, "Source": "their-api"})
    assert dead_letter(node, letters)["ERROR_CODE"] == "NO_PERMISSIONS"
