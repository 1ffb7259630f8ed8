"""EventBridge by boto3: rules with a schedule, of their own and in templates."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import refusal
from waiting import wait_for

Client = Callable[..., Any]
ACCOUNT = "000000000000"
NOT_VALID = ("ValidationException", 400, "Parameter ScheduleExpression is not valid.")


@pytest.fixture
def events(client: Client) -> Any:
    return client("events")


@pytest.fixture
def name() -> str:
    return f"n-{uuid4().hex[:8]}"


def test_a_rule_shows_its_schedule(events: Any, name: str) -> None:
    events.put_rule(Name=name, ScheduleExpression="rate(5 minutes)")
    shown = events.describe_rule(Name=name)
    assert shown["ScheduleExpression"] == "rate(5 minutes)"
    assert "EventPattern" not in shown
    (listed,) = events.list_rules(NamePrefix=name)["Rules"]
    assert listed["ScheduleExpression"] == "rate(5 minutes)"
    events.put_rule(
        Name=name,
        ScheduleExpression="cron(0 12 * * ? *)",
        EventPattern='{"source": ["shop"]}',
        State="DISABLED",
    )
    shown = events.describe_rule(Name=name)
    assert (shown["ScheduleExpression"], shown["State"]) == ("cron(0 12 * * ? *)", "DISABLED")
    assert shown["EventPattern"] == '{"source": ["shop"]}'
    events.enable_rule(Name=name)
    events.put_rule(Name=name, EventPattern='{"source": ["shop"]}')
    assert "ScheduleExpression" not in events.describe_rule(Name=name)
    events.delete_rule(Name=name)


@pytest.mark.parametrize(
    "expression", ["rate(1 minutes)", "cron(0 10 * * * *)", "at(2026-01-01T00:00:00)", "every day"]
)
def test_what_is_no_schedule_is_refused(events: Any, name: str, expression: str) -> None:
    assert refusal(events.put_rule, Name=name, ScheduleExpression=expression) == NOT_VALID


def test_schedules_are_for_the_default_bus_only(events: Any, name: str) -> None:
    events.create_event_bus(Name=name)
    refused = refusal(events.put_rule, Name="r", EventBusName=name, ScheduleExpression="rate(1 minute)")
    assert refused == (
        "ValidationException", 400, "ScheduleExpression is supported only on the default event bus.",
    )  # fmt: skip


TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Daily:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: |
        def handler(event, context):
            return event
      Events:
        Tick:
          Type: Schedule
          Properties:
            Schedule: rate(EVERY)
            Name: RULE
            Description: every so often
            Enabled: true
            Input: '{"tick": true}'
  Bus:
    Type: AWS::Events::EventBus
    Properties: {Name: RULE}
  Archive:
    Type: AWS::Events::Archive
    Properties:
      SourceArn: !GetAtt Bus.Arn
      REST
Outputs:
  Archive: {Value: !Ref Archive}
  Arn: {Value: !GetAtt Archive.Arn}
"""


def deploy(cloudformation: Any, name: str, kind: str, every: str, rest: str) -> dict[str, str]:
    body = TEMPLATE.replace("RULE", name).replace("EVERY", every).replace("REST", rest)
    change = {"StackName": name, "ChangeSetName": f"c-{uuid4().hex[:8]}"}
    cloudformation.create_change_set(
        **change,
        TemplateBody=body,
        ChangeSetType=kind,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    cloudformation.get_waiter("change_set_create_complete").wait(**change, WaiterConfig={"Delay": 1})
    cloudformation.execute_change_set(**change)

    def settled() -> dict[str, Any] | None:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        found: dict[str, Any] = stack
        return found if not found["StackStatus"].endswith("IN_PROGRESS") else None

    stack = wait_for(settled, 60)
    assert stack["StackStatus"] == f"{kind}_COMPLETE"
    return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}


def test_sams_schedule_and_an_archive_deploy(events: Any, client: Client, name: str) -> None:
    cloudformation = client("cloudformation")
    made = deploy(cloudformation, name, "CREATE", "10 minutes", "RetentionDays: 7")
    rule = events.describe_rule(Name=name)
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(10 minutes)", "ENABLED")
    (target,) = events.list_targets_by_rule(Rule=name)["Targets"]
    assert ":function:" in target["Arn"]
    assert json.loads(target["Input"]) == {"tick": True}
    policy = json.loads(client("lambda").get_policy(FunctionName=target["Arn"])["Policy"])
    (statement,) = policy["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Condition"]["ArnLike"]["AWS:SourceArn"] == rule["Arn"]
    assert made["Arn"].endswith(f":archive/{made['Archive']}")
    assert made["Archive"].startswith(f"{name}-Archive-")
    assert events.describe_archive(ArchiveName=made["Archive"])["RetentionDays"] == 7

    pattern = 'EventPattern: {source: [shop]}\n      Description: "of the shop"'
    changed = deploy(cloudformation, name, "UPDATE", "1 hour", pattern)
    assert changed == made
    assert events.describe_rule(Name=name)["ScheduleExpression"] == "rate(1 hour)"
    shown = events.describe_archive(ArchiveName=made["Archive"])
    assert (shown["RetentionDays"], shown["Description"]) == (0, "of the shop")
    assert json.loads(shown["EventPattern"]) == {"source": ["shop"]}

    named = f"ArchiveName: {name}"
    assert deploy(cloudformation, name, "UPDATE", "1 hour", named)["Archive"] == name
    assert [one["ArchiveName"] for one in events.list_archives(NamePrefix=name)["Archives"]] == [name]
    cloudformation.delete_stack(StackName=name)
    wait_for(lambda: not events.list_rules(NamePrefix=name)["Rules"], 60)
    wait_for(lambda: not events.list_archives(NamePrefix=name)["Archives"], 60)
