"""A small stack to be killed in the middle of, and which of its three parts are there."""

from __future__ import annotations

import json
from collections.abc import Iterator

from botocore.exceptions import ClientError

from nodes import RunningNode

TERMINAL = {"CREATE_COMPLETE", "ROLLBACK_COMPLETE"}


def template(name: str) -> str:
    rule = {"Name": name, "EventBusName": {"Ref": "Bus"}, "EventPattern": {"source": ["demo"]}}
    return json.dumps(
        {
            "Resources": {
                "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": name}},
                "Rule": {"Type": "AWS::Events::Rule", "Properties": rule},
                "Group": {
                    "Type": "AWS::Logs::LogGroup",
                    "DependsOn": "Rule",
                    "Properties": {"LogGroupName": name},
                },
            }
        }
    )


def parts_of(node: RunningNode, name: str) -> Iterator[bool]:
    events = node.client("events")
    for describe, asked in (
        (events.describe_event_bus, {"Name": name}),
        (events.describe_rule, {"Name": name, "EventBusName": name}),
    ):
        try:
            yield bool(describe(**asked))
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ResourceNotFoundException", error
            yield False
    groups = node.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    yield name in {group["logGroupName"] for group in groups}
