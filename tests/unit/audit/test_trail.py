"""The trail is written in groups, waits for a store that takes nothing, is found page by page, and is trimmed."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bus_rig import ENDPOINT, SCOPE, Rig, rig
from nightbus.audit.refusals import NotedRefusal, refusal_document
from nightbus.audit.trail import Trail
from nightbus.aws.calls import Call, Caller
from nightbus.aws.errors import AwsError
from nightbus.delivery.retention import Retention
from nightbus.identity.audit import REFUSALS, TRAIL
from nightbus.identity.refusals import Refusal
from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import Policy
from nightbus.policies.evaluation import Policies, decide
from nightbus.policies.request import AccessRequest, Need
from nightbus.services.cloudtrail.trimming import trim

CALL = Call(SCOPE, Caller.root(SCOPE.account), ENDPOINT)
TOPIC = f"arn:aws:sns:{SCOPE.region}:{SCOPE.account}:t"


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path / "data") as made:
        platform = made.platform
        trail = Trail(made.store, made.clock, platform.router, platform.log_sink)
        made.platform = dataclasses.replace(platform, trail=trail, quotas=False)
        made.operations.attach(made.platform)
        yield made
        await trail.close()


async def events(node: Rig, **params: Any) -> list[str]:
    reply = await node("LookupEvents", "cloudtrail", **params)
    return [event["EventName"] for event in reply["Events"]]


async def test_the_history_is_read_page_by_page_the_newest_first(node: Rig) -> None:
    for number in range(5):
        await node("CreateTopic", "sns", Name=f"t{number}")
        await node.clock.advance(1)
    names, token = [], ""
    attribute = [{"AttributeKey": "EventName", "AttributeValue": "CreateTopic"}]
    while True:
        more = {"NextToken": token} if token else {}
        page = await node("LookupEvents", "cloudtrail", LookupAttributes=attribute, MaxResults=2, **more)
        names += [json.loads(one["CloudTrailEvent"])["requestParameters"]["name"] for one in page["Events"]]
        token = page.get("NextToken", "")
        if not token:
            break
    assert names == ["t4", "t3", "t2", "t1", "t0"]
    assert (
        await events(node, LookupAttributes=[{"AttributeKey": "ReadOnly", "AttributeValue": "false"}])
        == ["CreateTopic"] * 5
    )
    named = [{"AttributeKey": "ResourceName", "AttributeValue": "t3"}]
    assert await events(node, LookupAttributes=named) == ["CreateTopic"]
    typed = [{"AttributeKey": "ResourceType", "AttributeValue": "AWS::SNS::Topic"}]
    assert len(await events(node, LookupAttributes=typed)) == 5
    with pytest.raises(AwsError, match="InvalidNextTokenException"):
        await events(node, NextToken="nonsense")


async def test_trusted_calls_and_data_calls_leave_no_record_unless_refused(node: Rig) -> None:
    trusted = dataclasses.replace(CALL, trusted=True)
    await node.operations.call("sns", "CreateTopic", {"Name": "t"}, trusted)
    await node.operations.call("sns", "Publish", {"TopicArn": TOPIC, "Message": "m"}, CALL)
    assert await events(node) == []
    trail = node.platform.trail
    assert trail is not None
    trail.failed("sns", "Publish", {"TopicArn": TOPIC}, AwsError("NotFound", "x"), CALL)
    trail.failed("sns", "Publish", {"TopicArn": TOPIC}, AwsError("AuthorizationError", "x", 403), CALL)
    trail.data_events = True
    await node.operations.call("sns", "Publish", {"TopicArn": TOPIC, "Message": "m"}, CALL)
    assert await events(node) == ["Publish", "Publish", "LookupEvents"]


async def test_records_wait_while_the_store_takes_none(node: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = node.store.commit
    refused = asyncio.Event()

    async def full(*changes: Any, **options: Any) -> None:
        if any(getattr(one, "log", "") == TRAIL for one in changes):
            refused.set()
            raise OSError("the disk is full")
        await commit(*changes, **options)

    monkeypatch.setattr(node.store, "commit", full)
    await node("CreateTopic", "sns", Name="t")
    await refused.wait()
    monkeypatch.setattr(node.store, "commit", commit)
    assert await events(node) == ["CreateTopic"]


async def test_long_calls_that_wait_have_a_bound(
    node: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("nightbus.audit.trail._MOST_BYTES", 2000)
    trail = node.platform.trail
    assert trail is not None
    for _ in range(3):  # what was written gives its place to what comes next
        for number in range(3):
            params = {"Name": f"t{number}", "Tags": [{"Key": "k", "Value": "v" * 900}]}
            trail.succeeded("sns", "CreateTopic", params, {"TopicArn": TOPIC}, CALL)
        await trail.written()
    assert await events(node) == ["CreateTopic"] * 6
    assert caplog.text.count("the audit trail lost calls") == 1


async def test_the_trail_is_trimmed_by_age_and_by_size(node: Rig) -> None:
    for hour in range(3):
        await node("CreateTopic", "sns", Name=f"t{hour}")
        await node.clock.advance(3600)
    assert len(await events(node)) == 3
    assert node.platform.trail is not None
    await node.platform.trail.written()
    now = node.clock.now_ms()
    await trim(node.store, Retention(hours=2, megabytes=1), now)
    kept = await node.store.read(SCOPE, TRAIL)
    assert [json.loads(one.data)["eventName"] for one in kept] == [
        "CreateTopic",
        "CreateTopic",
        "LookupEvents",
    ]
    await trim(node.store, Retention(hours=2, megabytes=0), now)
    assert len(await node.store.read(SCOPE, TRAIL)) == 1  # the last minute always stays
    assert await node.store.read(SCOPE, REFUSALS) == []


def refusal(request: AccessRequest, policies: Policies, call: Call = CALL) -> dict[str, Any]:
    decision = decide(request, policies, SCOPE.account)
    assert not decision.is_allowed
    need = Need(request.action, request.resource)
    refused = Refusal("sns:Publish", need, call, request, policies, SCOPE.account, decision, True, "text")
    return refusal_document(NotedRefusal(1, refused))


def test_what_a_resource_policy_is_missing_names_the_service_and_its_source() -> None:
    rule = f"arn:aws:events:{SCOPE.region}:{SCOPE.account}:rule/r"
    request = AccessRequest("sns:Publish", TOPIC, service="events.amazonaws.com", source_arn=rule)
    kept = refusal(
        request, Policies(resource=Policy.compile({"Statement": []}, PolicyKind.RESOURCE, "topic"))
    )
    assert kept["principal"] == "events.amazonaws.com"
    assert kept["remedy"] == {
        "kind": "resource-based policy",
        "statement": {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": TOPIC,
            "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
        },
    }


def test_a_boundary_without_an_allow_is_named_as_what_is_missing() -> None:
    user = f"arn:aws:iam::{SCOPE.account}:user/ada"
    document = {"Statement": [{"Effect": "Allow", "Action": "sns:*", "Resource": "*"}]}
    own = Policy.compile(document, PolicyKind.IDENTITY, "own")
    boundary = Policy.compile({"Statement": []}, PolicyKind.BOUNDARY, "limit")
    request = AccessRequest("sns:Publish", TOPIC, arn=user, account=SCOPE.account)
    kept = refusal(request, Policies(identity=(own,), boundary=boundary))
    assert (kept["decided_by"], kept["remedy"]["kind"]) == ("permissions boundary", "permissions boundary")
    assert [(one["policy"], one["effect"]) for one in kept["policies"]] == [
        ("own", "allow"),
        ("limit", "implicitDeny"),
    ]


NAME = "shop-OrderRole-gA2rLgrEuYau"
OF_IAM, OF_S3 = f"arn:aws:iam::{SCOPE.account}:role/", "arn:aws:s3:::"


@pytest.mark.parametrize(
    ("resource", "named"),
    [
        (f"{OF_IAM}{NAME}", f"{OF_IAM}shop-OrderRole-*"),
        (f"{OF_IAM}shop-OrderRole-gAcrLgrEuYau", f"{OF_IAM}shop-OrderRole-*"),
        (f"{OF_S3}shop-bucket-m77r09xp66al/a", f"{OF_S3}shop-bucket-*/a"),
        (f"arn:aws:x:::secret:{NAME}-??????", "arn:aws:x:::secret:shop-OrderRole-*-??????"),
        (f"arn:aws:x:::log-group:{NAME}:log-stream:", "arn:aws:x:::log-group:shop-OrderRole-*:log-stream:"),
        ("arn:aws:kms:::key/6c256c88-2364-4f34-813f-b04b7ea70f49",) * 2,
        (f"{OF_IAM}app-conversation",) * 2,
        (f"{OF_IAM}app-MyOrderQueue",) * 2,
        ("*",) * 2,
    ],
)
def test_a_stacks_statement_is_for_its_next_attempt_too(resource: str, named: str) -> None:
    user = f"arn:aws:iam::{SCOPE.account}:user/ada"
    request = AccessRequest("iam:CreateRole", resource, arn=user, account=SCOPE.account)
    for call, due in ((CALL, resource), (CALL.through("cloudformation"), named)):
        kept = refusal(request, Policies(identity=()), call)
        assert (kept["resource"], kept["remedy"]["statement"]["Resource"]) == (resource, due)


@pytest.mark.parametrize(
    ("resource", "named"),
    [
        ("cloudformation:us-east-1:1:stack/shop/ab987407-76c7-4916-a411-62cfe06b4154", "stack/shop/*"),
        ("cloudformation:us-east-1:1:stack/shop/*", "stack/shop/*"),
        ("secretsmanager:us-east-1:1:secret:shop/db-eDsZDS", "secret:shop/db-??????"),
        ("secretsmanager:us-east-1:1:secret:shop/db-??????", "secret:shop/db-??????"),
        ("sqs:us-east-1:1:shop-eDsZDS", "1:shop-eDsZDS"),
    ],
)
def test_a_statement_is_for_the_next_stack_or_secret_of_the_name_too(resource: str, named: str) -> None:
    user = f"arn:aws:iam::{SCOPE.account}:user/ada"
    request = AccessRequest("x:Read", f"arn:aws:{resource}", arn=user, account=SCOPE.account)
    kept = refusal(request, Policies(identity=()))
    assert (kept["resource"], kept["remedy"]["statement"]["Resource"][-len(named) :]) == (
        request.resource,
        named,
    )
