"""Secrets Manager over a real store, with a virtual clock: labels, deletion, rotation on schedule, replicas, keys."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bus_rig import ENDPOINT, SCOPE, Rig, rig
from nightbus.aws.calls import Call, Caller, Operations, Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.aws.replies import Reply
from nightbus.identity.secrets import SECRET
from nightbus.services.secretsmanager.deleting import delete_scheduled_secrets
from nightbus.services.secretsmanager.rotation_engine import STEPS, rotate_due_secrets
from nightbus.services.secretsmanager.rotation_items import QUEUE
from nightbus.store.interface import SYSTEM

FUNCTION = f"arn:aws:lambda:{SCOPE.region}:{SCOPE.account}:function:rotate"
DAY, HOUR = 86400.0, 3600.0


@pytest.fixture
async def events(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path / "data") as made:
        yield made


async def call(events: Rig, operation: str, **params: Any) -> dict[str, Any]:
    return await events(operation, "secretsmanager", **params)


async def refused(events: Rig, operation: str, **params: Any) -> str:
    with pytest.raises(AwsError) as error:
        await call(events, operation, **params)
    return f"{error.value.code}: {error.value.message}"


async def value(events: Rig, **params: Any) -> str:
    return str((await call(events, "GetSecretValue", SecretId="s", **params))["SecretString"])


async def test_labels_move(events: Rig) -> None:
    first = (await call(events, "CreateSecret", Name="s", SecretString="1"))["VersionId"]
    second = (await call(events, "PutSecretValue", SecretId="s", SecretString="2", VersionStages=["x"]))[
        "VersionId"
    ]
    move = {"SecretId": "s", "VersionStage": "AWSCURRENT", "MoveToVersionId": second}
    assert "RemoveFromVersionId can't be empty" in await refused(events, "UpdateSecretVersionStage", **move)
    await call(events, "UpdateSecretVersionStage", **move, RemoveFromVersionId=first)
    assert (await value(events), await value(events, VersionStage="AWSPREVIOUS")) == ("2", "1")
    removal = {"SecretId": "s", "VersionStage": "AWSCURRENT", "RemoveFromVersionId": second}
    assert "can't be completely removed" in await refused(events, "UpdateSecretVersionStage", **removal)
    for label, version in (("x", second), ("AWSPREVIOUS", first)):
        await call(
            events, "UpdateSecretVersionStage", SecretId="s", VersionStage=label, RemoveFromVersionId=version
        )
    listed = await call(events, "ListSecretVersionIds", SecretId="s")
    assert [one["VersionId"] for one in listed["Versions"]] == [second]
    listed = await call(events, "ListSecretVersionIds", SecretId="s", IncludeDeprecated=True)
    assert len(listed["Versions"]) == 2


async def test_deprecated_versions_go_when_there_are_too_many(events: Rig) -> None:
    await call(events, "CreateSecret", Name="s", SecretString="0")
    for number in range(1, 105):
        await call(events, "PutSecretValue", SecretId="s", SecretString=str(number))
    await events.clock.advance(DAY + 1)
    await call(events, "PutSecretValue", SecretId="s", SecretString="last")
    listed = await call(events, "ListSecretVersionIds", SecretId="s", IncludeDeprecated=True, MaxResults=100)
    assert (len(listed["Versions"]), listed["NextToken"]) == (100, None)
    assert (await events.store.rows())["record secretsmanager/version"] == 100
    assert await value(events, VersionStage="AWSPREVIOUS") == "104"


async def test_a_secret_is_deleted_when_its_window_has_passed(events: Rig) -> None:
    await call(events, "CreateSecret", Name="s", SecretString="1")
    await call(events, "DeleteSecret", SecretId="s", RecoveryWindowInDays=7)
    assert "currently marked deleted" in await refused(events, "DeleteSecret", SecretId="s")
    await events.work(delete_scheduled_secrets)
    await asleep(events)
    await events.clock.advance(6.9 * DAY)
    await asleep(events)
    assert await events.store.get(SCOPE, SECRET, "s") is not None
    while await events.store.get(SCOPE, SECRET, "s") is not None:
        await events.clock.advance(DAY / 20)
        await asleep(events)
    assert (await events.store.rows()).get("record secretsmanager/version", 0) == 0


async def asleep(events: Rig) -> None:
    """Until the worker sleeps: the store reads ranges in a thread, for which the virtual clock does not wait."""
    async with asyncio.timeout(10):
        while events.clock.next_wake() is None:
            await asyncio.sleep(0.001)


class Rotating:
    """The node's operations, but for a function of Lambda that a test has written."""

    def __init__(self, real: Operations, function: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        self._real = real
        self._function = function
        self.steps: list[str] = []

    async def call(
        self, service: str, operation: str, params: Mapping[str, Any], call: Call
    ) -> dict[str, Any]:
        if service != "lambda":
            return await self._real.call(service, operation, params, call)
        assert call.caller.service == "secretsmanager.amazonaws.com"
        if params.get("InvocationType") == "DryRun":
            return {}
        event = json.loads(params["Payload"])
        self.steps.append(event["Step"])
        try:
            await self._function(event)
        except AwsError:
            return {"FunctionError": "Unhandled"}
        return {"FunctionError": None}

    async def handle(
        self, service: str, operation: str, params: Mapping[str, Any], call: Call
    ) -> Mapping[str, Any] | Reply:
        return await self.call(service, operation, params, call)


def with_function(events: Rig, function: Callable[[dict[str, Any]], Awaitable[None]]) -> Rotating:
    """Let the rig's Lambda have one function, which every handler and worker then invokes."""
    rotating = Rotating(events.operations, function)
    events.platform = dataclasses.replace(events.platform, operations=rotating)
    events.operations.attach(events.platform)
    return rotating


async def rotate(events: Rig, event: dict[str, Any]) -> None:
    """What AWS's template of a rotation function does."""
    secret, token = event["SecretId"], event["ClientRequestToken"]
    stages = (await call(events, "DescribeSecret", SecretId=secret))["VersionIdsToStages"]
    assert "AWSPENDING" in stages[token]
    if event["Step"] == "createSecret":
        old = await value(events)
        await call(
            events, "PutSecretValue", SecretId=secret, ClientRequestToken=token,
            SecretString=f"{old}+", VersionStages=["AWSPENDING"],
        )  # fmt: skip
    if event["Step"] == "finishSecret":
        current = next(one for one, labels in stages.items() if "AWSCURRENT" in labels)
        await call(
            events, "UpdateSecretVersionStage", SecretId=secret, VersionStage="AWSCURRENT",
            MoveToVersionId=token, RemoveFromVersionId=current,
        )  # fmt: skip


async def test_rotation_at_once_and_on_schedule(events: Rig) -> None:
    rotating = with_function(events, lambda event: rotate(events, event))
    await events.rule(
        "r", EventPattern='{"source":["aws.secretsmanager"],"detail":{"eventName":[{"prefix":"Rotation"}]}}'
    )
    await call(events, "CreateSecret", Name="s", SecretString="1")
    rules = {"ScheduleExpression": "rate(4 hours)"}
    await call(events, "RotateSecret", SecretId="s", RotationLambdaARN=FUNCTION, RotationRules=rules)
    await events.work(rotate_due_secrets)
    await events.settled(QUEUE, SYSTEM)
    assert (await value(events), rotating.steps) == ("1+", list(STEPS))
    assert await names_of_events(events) == ["RotationStarted", "RotationSucceeded"]
    described = await call(events, "DescribeSecret", SecretId="s")
    assert (described["RotationEnabled"], described["RotationLambdaARN"]) == (True, FUNCTION)
    assert (described["NextRotationDate"] - described["LastRotatedDate"]).total_seconds() == 4 * HOUR
    await events.clock.advance(3.9 * HOUR)
    assert await value(events) == "1+"
    await events.clock.advance(HOUR / 5)
    while (await value(events)) != "1++":
        await asyncio.sleep(0.001)
    await events.settled(QUEUE, SYSTEM)
    assert await names_of_events(events) == ["RotationStarted", "RotationSucceeded"]
    attribute = {"AttributeKey": "EventName", "AttributeValue": "RotationSucceeded"}
    history = await events("LookupEvents", "cloudtrail", LookupAttributes=[attribute])
    assert [json.loads(one["CloudTrailEvent"])["eventType"] for one in history["Events"]] == [
        "AwsServiceEvent"
    ] * 2
    await call(events, "CancelRotateSecret", SecretId="s")
    await events.clock.advance(5 * HOUR)
    await events.settled(QUEUE, SYSTEM)
    assert (await value(events), await events.store.count(SYSTEM, QUEUE)) == ("1++", (0, 0, 0))


async def names_of_events(events: Rig) -> list[str]:
    return [one["detail"]["eventName"] for one in await events.received()]


async def test_a_rotation_that_fails_is_tried_again_and_then_waits_for_its_schedule(events: Rig) -> None:
    async def failing(event: dict[str, Any]) -> None:
        raise AwsError("Failure", "no")

    rotating = with_function(events, failing)
    await events.rule(
        "r", EventPattern='{"source":["aws.secretsmanager"],"detail":{"eventName":["RotationFailed"]}}'
    )
    await call(events, "CreateSecret", Name="s", SecretString="1")
    rules = {"ScheduleExpression": "rate(4 hours)"}
    await call(events, "RotateSecret", SecretId="s", RotationLambdaARN=FUNCTION, RotationRules=rules)
    await events.work(rotate_due_secrets)
    while not (failed := await events.received()):
        await events.clock.advance(10)
        await asyncio.sleep(0)
    assert failed[0]["detail"]["additionalEventData"]["SecretId"].endswith(
        ":secret:s-" + failed[0]["resources"][0][-6:]
    )
    assert rotating.steps == ["createSecret"] * 4
    assert "previous rotation isn't complete" in await refused(events, "RotateSecret", SecretId="s")
    assert "can't find the specified secret value" in await refused(
        events, "GetSecretValue", SecretId="s", VersionStage="AWSPENDING"
    )


@pytest.mark.parametrize(
    "rules",
    [
        {"AutomaticallyAfterDays": 1, "ScheduleExpression": "rate(1 day)"},
        {"ScheduleExpression": "rate(1 hour)"},
        {"ScheduleExpression": "daily"},
        {"AutomaticallyAfterDays": 1, "Duration": "25h"},
    ],
)
async def test_wrong_rotation_rules(events: Rig, rules: dict[str, Any]) -> None:
    with_function(events, lambda event: rotate(events, event))
    await call(events, "CreateSecret", Name="s", SecretString="1")
    assert "no rotation" in await refused(events, "CancelRotateSecret", SecretId="s")
    assert "No Lambda rotation function" in await refused(events, "RotateSecret", SecretId="s")
    request = {"SecretId": "s", "RotationLambdaARN": FUNCTION, "RotationRules": rules}
    assert (await refused(events, "RotateSecret", **request)).startswith("InvalidParameterException")


async def in_region(
    events: Rig, region: str, operation: str, account: str = SCOPE.account, **params: Any
) -> dict[str, Any]:
    caller = Call(Scope(account, region), Caller.root(account), ENDPOINT)
    return await events.operations.call("secretsmanager", operation, params, caller)


async def test_replicas_follow_their_primary(events: Rig) -> None:
    await call(
        events, "CreateSecret", Name="s", SecretString="1", AddReplicaRegions=[{"Region": "us-east-1"}]
    )
    await call(events, "PutSecretValue", SecretId="s", SecretString="2")
    await call(events, "ReplicateSecretToRegions", SecretId="s", AddReplicaRegions=[{"Region": "us-west-2"}])
    await call(events, "TagResource", SecretId="s", Tags=[{"Key": "a", "Value": "b"}])
    for region in ("us-east-1", "us-west-2"):
        for stage, text in (("AWSCURRENT", "2"), ("AWSPREVIOUS", "1")):
            reply = await in_region(events, region, "GetSecretValue", SecretId="s", VersionStage=stage)
            assert reply["SecretString"] == text
        described = await in_region(events, region, "DescribeSecret", SecretId="s")
        assert (described["PrimaryRegion"], described["Tags"]) == (SCOPE.region, [{"Key": "a", "Value": "b"}])
        with pytest.raises(AwsError, match="Operation not permitted on a replica"):
            await in_region(events, region, "PutSecretValue", SecretId="s", SecretString="3")
    assert "still has replica regions" in await refused(events, "DeleteSecret", SecretId="s")
    await in_region(events, "us-west-2", "StopReplicationToReplica", SecretId="s")
    await in_region(events, "us-west-2", "PutSecretValue", SecretId="s", SecretString="own")
    removal = {"SecretId": "s", "RemoveReplicaRegions": ["us-east-1"]}
    assert (await call(events, "RemoveRegionsFromReplication", **removal))["ReplicationStatus"] == []
    with pytest.raises(AwsError, match="can't find"):
        await in_region(events, "us-east-1", "DescribeSecret", SecretId="s")
    reply = await call(
        events, "ReplicateSecretToRegions", SecretId="s", AddReplicaRegions=[{"Region": "us-west-2"}]
    )
    assert reply["ReplicationStatus"][0]["Status"] == "Failed"


async def test_a_key_encrypts_the_values(events: Rig) -> None:
    await call(events, "CreateSecret", Name="s", SecretString="1")
    key = (await events("CreateKey", "kms"))["KeyMetadata"]["KeyId"]
    await call(events, "UpdateSecret", SecretId="s", KmsKeyId=key)
    assert await value(events) == "1"
    await events("DisableKey", "kms", KeyId=key)
    assert (await refused(events, "GetSecretValue", SecretId="s")).startswith("DecryptionFailure")
    request = {"Name": "n", "SecretString": "v", "KmsKeyId": new_uuid()}
    assert (await refused(events, "CreateSecret", **request)).startswith("EncryptionFailure")


@pytest.mark.parametrize(
    "filters, names",
    [
        ([], ["app/one", "app/two", "other"]),
        ([{"Key": "name", "Values": ["app/"]}], ["app/one", "app/two"]),
        ([{"Key": "name", "Values": ["app/", "!app/t"]}], ["app/one"]),
        ([{"Key": "description", "Values": ["the SEC"]}], ["app/two"]),
        ([{"Key": "tag-key", "Values": ["team"]}, {"Key": "tag-value", "Values": ["b"]}], ["other"]),
        ([{"Key": "all", "Values": ["two"]}], ["app/two"]),
    ],
)
async def test_filters(events: Rig, filters: list[dict[str, Any]], names: list[str]) -> None:
    await call(events, "CreateSecret", Name="app/one", SecretString="1", Tags=[{"Key": "team", "Value": "a"}])
    await call(events, "CreateSecret", Name="app/two", Description="The second")
    await call(events, "CreateSecret", Name="other", SecretString="3", Tags=[{"Key": "team", "Value": "b"}])
    assert [
        one["Name"] for one in (await call(events, "ListSecrets", Filters=filters))["SecretList"]
    ] == names
    by_name = {"SortBy": "name", "SortOrder": "desc", "MaxResults": 2}
    first = await call(events, "ListSecrets", Filters=filters, **by_name)
    assert [one["Name"] for one in first["SecretList"]] == names[::-1][:2]
    if not filters:
        rest = await call(events, "ListSecrets", **by_name, NextToken=first["NextToken"])
        assert [one["Name"] for one in rest["SecretList"]] == ["app/one"]
        return
    batch = await call(events, "BatchGetSecretValue", Filters=filters)
    assert [one["Name"] for one in batch["SecretValues"]] == [one for one in names if one != "app/two"]
    assert [one["ErrorCode"] for one in batch["Errors"]] == ["ResourceNotFoundException"] * (
        "app/two" in names
    )


async def test_a_policy_lets_other_accounts_read(events: Rig) -> None:
    key = (await events("CreateKey", "kms", Policy=json.dumps(KEY_POLICY)))["KeyMetadata"]["Arn"]
    arn = (await call(events, "CreateSecret", Name="s", SecretString="1", KmsKeyId=key))["ARN"]
    with pytest.raises(
        AwsError, match="no resource-based policy allows the secretsmanager:GetSecretValue action"
    ):
        await in_region(events, SCOPE.region, "GetSecretValue", OTHER, SecretId=arn)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": OTHER},
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
    }
    await call(
        events, "PutResourcePolicy", SecretId="s", ResourcePolicy=json.dumps({"Statement": [statement]})
    )
    reply = await in_region(events, SCOPE.region, "GetSecretValue", OTHER, SecretId=arn)
    assert reply["SecretString"] == "1"
    await call(events, "UpdateSecret", SecretId="s", KmsKeyId="")  # the default key is for its own account
    with pytest.raises(AwsError, match="Access to KMS is not allowed"):
        await in_region(events, SCOPE.region, "GetSecretValue", OTHER, SecretId=arn)
    public = json.dumps({"Statement": [{**statement, "Principal": "*"}]})
    request = {"SecretId": "s", "ResourcePolicy": public, "BlockPublicPolicy": True}
    assert (await refused(events, "PutResourcePolicy", **request)).startswith("PublicPolicyException")
    validated = await call(events, "ValidateResourcePolicy", ResourcePolicy=public)
    assert [one["CheckName"] for one in validated["ValidationErrors"]] == ["PublicAccess"]
    request = {"SecretId": "s", "ResourcePolicy": '{"Statement": [{"Effect": "Allow"}]}'}
    assert (await refused(events, "PutResourcePolicy", **request)).startswith("MalformedPolicyDocument")
    await call(events, "DeleteResourcePolicy", SecretId="s")
    assert (await call(events, "GetResourcePolicy", SecretId="s"))["ResourcePolicy"] is None


@pytest.mark.parametrize(
    "secret_id", ["arn:::::", "arn:aws:ssm:::x", "arn:aws:secretsmanager:::secret:", ":", "é"]
)
async def test_names_of_nothing(events: Rig, secret_id: str) -> None:
    code = (await refused(events, "GetSecretValue", SecretId=secret_id)).partition(":")[0]
    assert code in ("ResourceNotFoundException", "AccessDeniedException")


OTHER = "999999999999"
KEY_POLICY = {
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": one}, "Action": "kms:*", "Resource": "*"}
        for one in (f"arn:aws:iam::{SCOPE.account}:root", OTHER)
    ]
}
