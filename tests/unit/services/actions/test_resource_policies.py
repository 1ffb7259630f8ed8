"""What the services know of a resource by its ARN: its policy, its tags, and who made a rule."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from actions_rig import ACCOUNT, CALL, REGION, found_tags, policy, resolved
from bus_rig import Rig, rig
from nightbus.policies.request import AccessRequest

EVENTS = f"arn:aws:events:{REGION}:{ACCOUNT}:"
LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT}:"
LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}:"
OTHER = "210987654321"


@pytest.fixture
async def aws(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        yield made


async def call(aws: Rig, service: str, operation: str, **params: Any) -> dict[str, Any]:
    return await aws.operations.call(service, operation, params, CALL)


def _statement(action: str, resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": action, "Resource": resource}


def _document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


async def allows(aws: Rig, action: str, resource: str) -> bool:
    found = await policy(aws, resource)
    user = f"arn:aws:iam::{OTHER}:user/ann"
    return found is not None and found.judge(AccessRequest(action, resource, user, OTHER), action.lower()) > 0


async def test_the_policy_of_a_bus_is_that_of_its_rules_too(aws: Rig) -> None:
    await call(aws, "events", "CreateEventBus", Name="orders")
    statements = (
        _statement("events:PutRule", f"{EVENTS}rule/orders/*"),
        _statement("events:PutEvents", f"{EVENTS}*"),
    )
    await call(aws, "events", "PutPermission", EventBusName="orders", Policy=_document(*statements))
    assert await allows(aws, "events:PutEvents", f"{EVENTS}event-bus/orders")
    assert await allows(aws, "events:PutRule", f"{EVENTS}rule/orders/r")
    assert not await allows(aws, "events:DeleteRule", f"{EVENTS}rule/orders/r")
    assert await policy(aws, f"{EVENTS}event-bus/default") is None
    assert await policy(aws, f"{EVENTS}rule/orders") is None
    assert await policy(aws, f"{EVENTS}archive/orders") is None
    assert await policy(aws, f"{EVENTS}event-bus/orders") is await policy(aws, f"{EVENTS}event-bus/orders")


async def test_the_policies_of_an_account_s_log_groups_are_one(aws: Rig) -> None:
    for name, group in ("a", "one"), ("b", "two"):
        document = _document(_statement("logs:PutLogEvents", f"{LOGS}log-group:{group}:*"))
        await call(aws, "logs", "PutResourcePolicy", policyName=name, policyDocument=document)
    for group, expected in ("one", True), ("two", True), ("three", False):
        assert await allows(aws, "logs:PutLogEvents", f"{LOGS}log-group:{group}:log-stream:s") is expected


async def test_nothing_is_known_of_what_does_not_exist(aws: Rig) -> None:
    for arn in f"{LAMBDA}function:f", f"{LAMBDA}function:f:live", f"{LAMBDA}layer:l:1", f"{LAMBDA}layer:l":
        assert await policy(aws, arn) is None
    for arn in f"{EVENTS}rule/r", f"{LOGS}log-group:g:log-stream:", f"{LAMBDA}function:f":
        assert await found_tags(aws, arn) == {}
    [need] = await resolved(aws, "lambda", "GetEventSourceMapping", UUID="u")
    assert need.resource == f"{LAMBDA}event-source-mapping:u"


async def test_tags(aws: Rig) -> None:
    tags = [{"Key": "Team", "Value": "x"}]
    await call(aws, "events", "CreateEventBus", Name="orders", Tags=tags)
    await call(
        aws, "events", "PutRule", Name="r", EventBusName="orders", EventPattern='{"a":["b"]}', Tags=tags
    )
    await call(aws, "events", "PutRule", Name="r", EventPattern='{"a":["b"]}')
    await call(aws, "logs", "CreateLogGroup", logGroupName="g", tags={"Team": "y"})
    await call(aws, "iam", "CreateUser", UserName="u", Path="/p/", Tags=tags)
    for arn, expected in (
        (f"{EVENTS}event-bus/orders", {"Team": "x"}),
        (f"{EVENTS}rule/orders/r", {"Team": "x"}),
        (f"{EVENTS}rule/r", {}),
        (f"{LOGS}log-group:g:log-stream:s", {"Team": "y"}),
        (f"{LOGS}log-group:g", {"Team": "y"}),
        (f"arn:aws:iam::{ACCOUNT}:user/p/u", {"Team": "x"}),
    ):
        assert await found_tags(aws, arn) == expected


async def test_a_rule_has_its_creator(aws: Rig) -> None:
    await call(aws, "events", "PutRule", Name="r", EventPattern='{"a":["b"]}')
    for name, creator in ("r", ACCOUNT), ("new", ""):
        [need] = await resolved(aws, "events", "PutTargets", Rule=name, Targets=[{"Id": "1", "Arn": "a"}])
        assert (need.keys["events:creatoraccount"], need.keys["events:targetarn"]) == (creator, ("a",))
