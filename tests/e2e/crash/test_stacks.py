"""What a node that was killed with SIGKILL knows when it starts again."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from nodes import RunningNode
from waiting import wait_for

ENDED = {
    "CREATE_COMPLETE", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "DELETE_FAILED", "DELETE_COMPLETE", "REVIEW_IN_PROGRESS",
}  # fmt: skip


def template(version: int) -> str:
    """A dozen resources in a chain and beside it, so that there is a middle to be killed in."""
    resources: dict[str, Any] = {
        f"Bus{at}": {
            "Type": "AWS::Events::EventBus",
            "Properties": {"Name": f"bus-{at}", "Description": f"version {version}"},
        }
        for at in range(4)
    }
    for at in range(8):
        resources[f"Rule{at}"] = {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventBusName": {"Ref": f"Bus{at % 4}"},
                "Description": f"version {version}",
                "EventPattern": {"source": ["demo"]},
            },
        }
    resources["Group"] = {
        "Type": "AWS::Logs::LogGroup",
        "Properties": {"RetentionInDays": 7},
        "DependsOn": ["Rule7"],
    }
    return json.dumps({"Resources": resources})


def settled(node: RunningNode) -> str:
    client = node.client("cloudformation")

    def status() -> str:
        try:
            found = str(client.describe_stacks(StackName="crash")["Stacks"][0]["StackStatus"])
        except ClientError as error:
            assert "does not exist" in str(error)
            return "DELETE_COMPLETE"
        return found if found in ENDED else ""

    return wait_for(status)


@pytest.mark.parametrize("seed", range(6))
def test_a_stack_killed_in_the_middle_ends_and_deploys_again(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    node = RunningNode(data=tmp_path / "data")
    try:
        if seed % 2:
            node.client("cloudformation").create_stack(StackName="crash", TemplateBody=template(1))
            assert settled(node) == "CREATE_COMPLETE"
            node.client("cloudformation").update_stack(StackName="crash", TemplateBody=template(2))
        else:
            node.client("cloudformation").create_stack(StackName="crash", TemplateBody=template(1))
        wanted = chance.randrange(2, 24)

        def far_enough() -> bool:
            events = node.client("cloudformation").describe_stack_events(StackName="crash")["StackEvents"]
            stack = node.client("cloudformation").describe_stacks(StackName="crash")["Stacks"][0]
            return len(events) >= wanted or not stack["StackStatus"].endswith("_IN_PROGRESS")

        wait_for(far_enough)
        node.kill()
        node = RunningNode(data=tmp_path / "data")
        status = settled(node)
        assert status in ENDED
        deploy_again(node, status)
        assert settled(node) in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
        buses = {bus["Name"] for bus in node.client("events").list_event_buses()["EventBuses"]}
        assert buses == {"default", *(f"bus-{at}" for at in range(4))}
        described = node.client("events").describe_event_bus(Name="bus-0")
        assert described["Description"] == "version 3"
    finally:
        node.stop()


def deploy_again(node: RunningNode, status: str) -> None:
    """What a person does: a stack that never was is deleted first, any other is updated."""
    client = node.client("cloudformation")
    if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"):
        client.delete_stack(StackName="crash")
        assert settled(node) == "DELETE_COMPLETE"
        status = "DELETE_COMPLETE"
    if status == "DELETE_COMPLETE":
        client.create_stack(StackName="crash", TemplateBody=template(3))
    else:
        client.update_stack(StackName="crash", TemplateBody=template(3))


def test_everything_that_was_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    node = RunningNode(data=tmp_path / "data")
    events = node.client("events")
    acknowledged = []
    for at in range(200):
        events.put_rule(Name=f"rule-{at}", EventPattern='{"source": ["demo"]}')
        acknowledged.append(f"rule-{at}")
    node.kill()
    with pytest.raises((BotoCoreError, ClientError)):
        events.list_rules()
    node = RunningNode(data=tmp_path / "data")
    try:
        pages = node.client("events").get_paginator("list_rules").paginate()
        assert {rule["Name"] for page in pages for rule in page["Rules"]} == set(acknowledged)
    finally:
        assert node.stop() == 0
