"""Parameter Store over a real store, with a virtual clock: versions, labels, filters, policies, events and keys."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bus_rig import SCOPE, Rig, rig
from nightbus.aws.errors import AwsError
from nightbus.services.ssm.policy_engine import QUEUE, run_parameter_policies
from nightbus.store.interface import SYSTEM

ARN = f"arn:aws:ssm:{SCOPE.region}:{SCOPE.account}:parameter/a/b"


@pytest.fixture
async def events(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path / "data") as made:
        yield made


async def put(events: Rig, value: str = "v", name: str = "/a/b", **settings: Any) -> int:
    settings = {"Type": "String", "Overwrite": True} | settings
    return int((await events("PutParameter", "ssm", Name=name, Value=value, **settings))["Version"])


async def read(events: Rig, name: str = "/a/b", **settings: Any) -> str:
    return str((await events("GetParameter", "ssm", Name=name, **settings))["Parameter"]["Value"])


async def refused(events: Rig, operation: str, **request: Any) -> str:
    with pytest.raises(AwsError) as error:
        await events(operation, "ssm", **request)
    return error.value.code


async def test_a_hundred_versions_are_kept_and_labels_hold_the_oldest_one(events: Rig) -> None:
    for number in range(1, 101):
        assert await put(events, f"v{number}") == number
    await events("LabelParameterVersion", "ssm", Name="/a/b", Labels=["first"], ParameterVersion=1)
    assert await read(events, "/a/b:first") == await read(events, f"{ARN}:1") == "v1"
    assert (
        await refused(events, "PutParameter", Name="/a/b", Value="x", Overwrite=True)
        == "ParameterMaxVersionLimitExceeded"
    )
    await events("LabelParameterVersion", "ssm", Name="/a/b", Labels=["first"])
    assert await put(events, "v101") == 101
    assert await read(events, "/a/b:first") == "v100"
    assert await refused(events, "GetParameter", Name="/a/b:1") == "ParameterVersionNotFound"
    assert await refused(events, "GetParameter", Name="/a/b:none") == "ParameterVersionNotFound"
    history: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = await events("GetParameterHistory", "ssm", Name="/a/b", MaxResults=50, **token)
        history += page["Parameters"]
        if page.get("NextToken") is None:
            break
        token = {"NextToken": page["NextToken"]}
    assert [one["Version"] for one in history] == list(range(2, 102))
    assert (history[-2]["Labels"], history[-1]["Value"]) == (["first"], "v101")
    await events("DeleteParameter", "ssm", Name="/a/b")
    assert not {kind for kind, count in (await events.store.rows()).items() if "ssm" in kind and count}


async def test_labels(events: Rig) -> None:
    await put(events)
    labels = ["1a", "awsx", "ok", "o k"]
    reply = await events("LabelParameterVersion", "ssm", Name="/a/b", Labels=labels)
    assert reply["InvalidLabels"] == ["1a", "awsx", "o k"]
    many = [f"l{number}" for number in range(10)]
    code = await refused(events, "LabelParameterVersion", Name="/a/b", Labels=many)
    assert code == "ParameterVersionLabelLimitExceeded"
    reply = await events(
        "UnlabelParameterVersion", "ssm", Name="/a/b", ParameterVersion=1, Labels=["ok", "none"]
    )
    assert (reply["RemovedLabels"], reply["InvalidLabels"]) == (["ok"], ["none"])
    assert await refused(events, "GetParameter", Name="/a/b:ok") == "ParameterVersionNotFound"


@pytest.mark.parametrize(
    "filters, found",
    [
        ([{"Key": "Name", "Values": ["/a/b"]}], ["/a/b"]),
        ([{"Key": "Name", "Option": "BeginsWith", "Values": ["/a"]}], ["/a/b", "/a/c/d"]),
        ([{"Key": "Name", "Option": "Contains", "Values": ["c"]}], ["/a/c/d"]),
        ([{"Key": "Path", "Values": ["/a"]}], ["/a/b"]),
        ([{"Key": "Path", "Option": "Recursive", "Values": ["/"]}], ["/a/b", "/a/c/d", "plain"]),
        ([{"Key": "Type", "Values": ["SecureString"]}], ["plain"]),
        ([{"Key": "KeyId", "Values": ["alias/aws/ssm"]}], ["plain"]),
        ([{"Key": "Tier", "Values": ["Advanced"]}], ["/a/c/d"]),
        ([{"Key": "tag:who", "Values": ["me"]}], ["plain"]),
        ([{"Key": "tag:who"}, {"Key": "Type", "Values": ["String"]}], []),
    ],
)
async def test_filters(events: Rig, filters: list[dict[str, Any]], found: list[str]) -> None:
    await put(events)
    await put(events, name="/a/c/d", Tier="Advanced")
    await put(
        events, name="plain", Type="SecureString", Overwrite=False, Tags=[{"Key": "who", "Value": "me"}]
    )
    reply = await events("DescribeParameters", "ssm", ParameterFilters=filters)
    assert [one["Name"] for one in reply["Parameters"]] == found


@pytest.mark.parametrize(
    "filters, code",
    [
        ([{"Key": "Label", "Values": ["a"]}], "InvalidFilterKey"),
        ([{"Key": "Type", "Option": "Contains", "Values": ["a"]}], "InvalidFilterOption"),
        ([{"Key": "Name"}], "InvalidFilterValue"),
        ([{"Key": "Path", "Values": ["a"]}], "InvalidFilterValue"),
    ],
)
async def test_wrong_filters(events: Rig, filters: list[dict[str, Any]], code: str) -> None:
    assert await refused(events, "DescribeParameters", ParameterFilters=filters) == code


async def test_the_versions_of_a_path_with_a_label(events: Rig) -> None:
    await put(events, "old")
    await events("LabelParameterVersion", "ssm", Name="/a/b", Labels=["live"])
    await put(events, "new")
    await put(events, name="/a/c")
    by_label = [{"Key": "Label", "Values": ["live"]}]
    reply = await events("GetParametersByPath", "ssm", Path="/a", ParameterFilters=by_label)
    assert [(one["Name"], one["Value"]) for one in reply["Parameters"]] == [("/a/b", "old")]


async def test_secure_strings_use_their_key(events: Rig) -> None:
    key = (await events("CreateKey", "kms"))["KeyMetadata"]["KeyId"]
    for tier, size in (("Standard", 4000), ("Advanced", 8000)):
        await put(events, "s" * size, f"/{tier}", Type="SecureString", KeyId=key, Tier=tier)
        assert await read(events, f"/{tier}", WithDecryption=True) == "s" * size
        assert "s" * 20 not in await read(events, f"/{tier}")
    await events("DisableKey", "kms", KeyId=key)
    assert await refused(events, "GetParameter", Name="/Standard", WithDecryption=True) == "InvalidKeyId"
    request = {"Name": "/n", "Value": "v", "Type": "SecureString", "KeyId": "alias/none"}
    assert await refused(events, "PutParameter", **request) == "InvalidKeyId"


def policy(kind: str, **attributes: str) -> dict[str, Any]:
    return {"Type": kind, "Version": "1.0", "Attributes": attributes}


def timestamp(events: Rig, hours: float) -> str:
    return datetime.fromtimestamp(events.clock.now_ms() / 1000 + hours * 3600, UTC).isoformat()


async def test_policies_are_carried_out_when_they_are_due(events: Rig) -> None:
    await events.rule(
        "r", EventPattern='{"source":["aws.ssm"],"detail-type":["Parameter Store Policy Action"]}'
    )
    policies = [
        policy("Expiration", Timestamp=timestamp(events, 30)),
        policy("ExpirationNotification", Before="10", Unit="Hours"),
        policy("NoChangeNotification", After="2", Unit="Hours"),
    ]
    await put(events, Policies=json.dumps(policies), Tier="Intelligent-Tiering")
    await events.clock.advance(3600)
    await put(events, "again")  # the policies stay, and the time without a change begins anew
    (described,) = (await events("DescribeParameters", "ssm"))["Parameters"]
    assert [one["PolicyType"] for one in described["Policies"]] == [one["Type"] for one in policies]
    await events.work(run_parameter_policies)
    happened = []
    for hours in (1.5, 1, 16, 1, 8, 2):
        await events.clock.advance(hours * 3600)
        await events.settled(QUEUE, SYSTEM)
        happened.append([one["detail"]["policy-type"] for one in await events.received()])
    assert happened == [[], ["NoChangeNotification"], [], ["ExpirationNotification"], [], ["Expiration"]]
    assert await refused(events, "GetParameter", Name="/a/b") == "ParameterNotFound"
    assert (await events.store.count(SYSTEM, QUEUE)) == (0, 0, 0)


@pytest.mark.parametrize(
    "policies, code",
    [
        ("x", "ValidationException"),
        ("[" * 4000, "ValidationException"),
        ("[1]", "ValidationException"),
        ([{"Type": "Expiration", "Attributes": []}], "InvalidPolicyAttributeException"),
        ([policy("NoChangeNotification", After="9" * 99, Unit="Days")], "InvalidPolicyAttributeException"),
        ([policy("Expiration", Timestamp="0001-01-01T00:00:00+23:59")], "InvalidPolicyAttributeException"),
        ([policy("Other")], "InvalidPolicyTypeException"),
        ([policy("Expiration", Timestamp="2001-01-01T00:00:00Z")], "InvalidPolicyAttributeException"),
        ([policy("NoChangeNotification", After="1", Unit="Years")], "InvalidPolicyAttributeException"),
        ([policy("ExpirationNotification", Before="1", Unit="Days")], "IncompatiblePolicyException"),
        ([policy("NoChangeNotification", After="1", Unit="Days")] * 11, "PoliciesLimitExceededException"),
    ],
)
async def test_wrong_policies(events: Rig, policies: Any, code: str) -> None:
    text = policies if isinstance(policies, str) else json.dumps(policies)
    request = {"Name": "/n", "Value": "v", "Type": "String", "Tier": "Advanced", "Policies": text}
    assert await refused(events, "PutParameter", **request) == code


@pytest.mark.parametrize("name", ["arn:::::", "arn:aws:ssm:::x", ":", "a:" + "9" * 2000, "/a//b", "é"])
async def test_names_of_nothing(events: Rig, name: str) -> None:
    assert await refused(events, "GetParameter", Name=name) in ("ParameterNotFound", "ValidationException")


async def test_change_events(events: Rig) -> None:
    await events.rule("r", EventPattern='{"source":["aws.ssm"],"detail-type":["Parameter Store Change"]}')
    await put(events, Description="d")
    await put(events)
    await events("LabelParameterVersion", "ssm", Name="/a/b", Labels=["x"])
    await events("DeleteParameters", "ssm", Names=["/a/b"])
    async with asyncio.timeout(10):
        received = await events.received()
    assert [one["detail"]["operation"] for one in received] == [
        "Create", "Update", "LabelParameterVersion", "Delete",
    ]  # fmt: skip
    assert received[0]["resources"] == [ARN]
    assert received[0]["detail"] == {
        "name": "/a/b", "type": "String", "operation": "Create", "description": "d",
    }  # fmt: skip


async def test_tiers(events: Rig) -> None:
    reply = await events(
        "PutParameter", "ssm", Name="/i", Value="x" * 5000, Type="String", Tier="Intelligent-Tiering"
    )
    assert reply["Tier"] == "Advanced"
    request = {"Name": "/i", "Value": "x", "Overwrite": True, "Tier": "Standard"}
    assert await refused(events, "PutParameter", **request) == "ValidationException"
    assert (await events("PutParameter", "ssm", Name="/i", Value="x", Overwrite=True))["Tier"] == "Advanced"


async def test_a_secret_is_read_as_a_parameter(events: Rig) -> None:
    await events("CreateSecret", "secretsmanager", Name="db/password", SecretString="hunter")
    name = "/aws/reference/secretsmanager/db/password"
    assert await refused(events, "GetParameter", Name=name) == "ValidationException"
    parameter = (await events("GetParameter", "ssm", Name=name, WithDecryption=True))["Parameter"]
    assert (parameter["Value"], parameter["Type"]) == ("hunter", "SecureString")
    reply = await events(
        "GetParameters", "ssm", Names=[f"{name}/none", f"{name}:AWSCURRENT"], WithDecryption=True
    )
    assert reply["InvalidParameters"] == [f"{name}/none"]
    assert [one["Value"] for one in reply["Parameters"]] == ["hunter"]
