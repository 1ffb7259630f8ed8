"""A policy that is stored while its principal is deleted names the deleted one, and not who gets its name next."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.node.node import Node
from nightbus.services import known_principals

SCOPE = Scope("000000000000", "us-east-1")
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
ROUNDS, PUTS = 10, 4  # in each round every policy below is put so often
REFUSED = {  # of a principal that does not exist
    "InvalidArnException", "InvalidAttributeValue", "InvalidParameter", "InvalidParameterException", "MalformedPolicy",
    "MalformedPolicyDocument", "MalformedPolicyDocumentException",
}  # fmt: skip


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    made = Node(tmp_path / "data", "http://127.0.0.1:1")
    await made.start()
    yield made
    await made.stop()


async def call(node: Node, service: str, operation: str, **params: Any) -> dict[str, Any]:
    by_root = Call(SCOPE, Caller.root(SCOPE.account), node.endpoint)
    return await node.platform.operations.call(service, operation, params, by_root)


async def made(node: Node, kind: str, name: str = "ann") -> dict[str, Any]:
    if kind == "User":
        return dict((await call(node, "iam", "CreateUser", UserName=name))["User"])
    trust = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    role = await call(node, "iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=trust)
    return dict(role["Role"])


def policy(principal: str | list[str], action: str, **members: Any) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, **members}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


async def puts(node: Node) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Make resources, and return for each what puts a policy: its service, operation and members, in which
    `PRINCIPAL` stands for the ARN."""
    url = (await call(node, "sqs", "CreateQueue", QueueName="q"))["QueueUrl"]
    topic = (await call(node, "sns", "CreateTopic", Name="t"))["TopicArn"]
    key = (await call(node, "kms", "CreateKey"))["KeyMetadata"]["KeyId"]
    await call(node, "s3", "CreateBucket", Bucket="some-bucket")
    await call(node, "secretsmanager", "CreateSecret", Name="s", SecretString="x")
    await call(node, "ecr", "CreateRepository", repositoryName="repo")
    await call(node, "events", "CreateEventBus", Name="b")
    await made(node, "Role", "trusting")
    anything, objects = {"Resource": "*"}, {"Resource": "arn:aws:s3:::some-bucket/*"}
    bus = {"Resource": f"arn:aws:events:us-east-1:{SCOPE.account}:event-bus/b"}
    of = {
        "queue": policy("PRINCIPAL", "sqs:*", **anything),
        "topic": policy("PRINCIPAL", "sns:Publish", Resource=topic),
        "key": policy(["PRINCIPAL", Caller.root(SCOPE.account).arn], "kms:*", **anything),
        "bucket": policy("PRINCIPAL", "s3:GetObject", **objects),
        "secret": policy("PRINCIPAL", "secretsmanager:GetSecretValue", **anything),
        "repository": policy("PRINCIPAL", "ecr:BatchGetImage"),
        "bus": policy("PRINCIPAL", "events:PutEvents", **bus),
        "trust": policy("PRINCIPAL", "sts:AssumeRole"),
    }
    attributes = {"AttributeName": "Policy", "AttributeValue": of["topic"]}
    trust = {"RoleName": "trusting", "PolicyDocument": of["trust"]}
    grant = {"GranteePrincipal": "PRINCIPAL", "Operations": ["Decrypt"]}
    unsafe = {"BypassPolicyLockoutSafetyCheck": True}
    return {
        "queue": ("sqs", "SetQueueAttributes", {"QueueUrl": url, "Attributes": {"Policy": of["queue"]}}),
        "topic": ("sns", "SetTopicAttributes", {"TopicArn": topic, **attributes}),
        "key": ("kms", "PutKeyPolicy", {"KeyId": key, "Policy": of["key"], **unsafe}),
        "grant": ("kms", "CreateGrant", {"KeyId": key, **grant}),
        "bucket": ("s3", "PutBucketPolicy", {"Bucket": "some-bucket", "Policy": of["bucket"]}),
        "secret": (
            "secretsmanager",
            "PutResourcePolicy",
            {"SecretId": "s", "ResourcePolicy": of["secret"]},
        ),
        "repository": (
            "ecr",
            "SetRepositoryPolicy",
            {"repositoryName": "repo", "policyText": of["repository"]},
        ),
        "bus": ("events", "PutPermission", {"EventBusName": "b", "Policy": of["bus"]}),
        "trust": ("iam", "UpdateAssumeRolePolicy", trust),
    }


def with_principal(value: Any, arn: str) -> Any:
    return json.loads(json.dumps(value).replace("PRINCIPAL", arn))


async def stored_with(node: Node, text: str) -> list[str]:
    """Return the records of policies, and of grants, that name `text`."""
    kinds = [
        "sqs/queue", "sns/topic", "kms/key", "kms/grant", "s3/bucket", "secretsmanager/secret", "ecr/repository",
        "events/bus", "iam/role",
    ]  # fmt: skip
    return [
        f"{kind} {record.key}"
        for kind in kinds
        for scope in await node.store.scopes(kind)
        for record in await node.store.list(scope, kind)
        if text in json.dumps(record.value)
    ]


@pytest.mark.parametrize("kind", ["User", "Role"])
async def test_no_policy_is_left_with_the_name_of_a_principal_that_was_deleted_at_the_same_time(
    kind: str, node: Node
) -> None:
    putting, outcomes = await puts(node), {"stored": 0, "refused": 0}

    async def put(service: str, operation: str, members: dict[str, Any], arn: str) -> None:
        for _ in range(PUTS):
            try:
                await call(node, service, operation, **with_principal(members, arn))
                outcomes["stored"] += 1
            except AwsError as error:
                assert error.code in REFUSED, error
                outcomes["refused"] += 1

    async def delete(name: str, turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        await call(node, "iam", f"Delete{kind}", **{f"{kind}Name": name})

    for turn in range(ROUNDS):
        name = f"ann-{turn}"
        arn = (await made(node, kind, name))["Arn"]
        await asyncio.gather(delete(name, turn * 3), *[put(*one, arn) for one in putting.values()])
        # EventBridge takes policies with principals that do not exist.
        assert [one for one in await stored_with(node, arn) if one != "events/bus b"] == []
    assert all(outcomes.values()), outcomes


@pytest.mark.parametrize("lapsed", [False, True])
@pytest.mark.parametrize("kind", ["User", "Role"])
async def test_a_policy_comes_too_late_once_a_deletion_has_begun_which_begins_anew_if_its_mark_has_lapsed(
    kind: str, lapsed: bool, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    principal = await made(node, kind)
    service, operation, members = (await puts(node))["queue"]
    authorizer, readings = node.platform.authorizer, []
    assert authorizer is not None
    renamed = authorizer.resources.renamed

    async def store_a_policy_after_reading(*names: str) -> Any:
        changes = await renamed(*names)
        readings.append(names)
        if len(readings) == 1:
            with contextlib.nullcontext() if lapsed else pytest.raises(AwsError, match="parameter Policy"):
                await call(node, service, operation, **with_principal(members, principal["Arn"]))
        return changes

    monkeypatch.setattr(authorizer.resources, "renamed", store_a_policy_after_reading)
    if lapsed:
        monkeypatch.setattr(known_principals, "_MARK_MS", 0)
    await call(node, "iam", f"Delete{kind}", **{f"{kind}Name": "ann"})
    assert len(readings) == (2 if lapsed else 1)
    assert await stored_with(node, principal["Arn"]) == []
    assert await stored_with(node, principal[f"{kind}Id"]) == (["sqs/queue q"] if lapsed else [])


async def test_a_policy_that_was_checked_before_the_renaming_of_its_user_is_checked_again(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    principal = await made(node, "User")
    service, operation, members = (await puts(node))["queue"]
    commit = node.store.commit
    renamings: list[str] = []

    async def rename_before(*changes: Any, **options: Any) -> None:
        if not renamings and any(getattr(one, "kind", "") == "sqs/queue" for one in changes):
            renamings.append("")
            await call(node, "iam", "UpdateUser", UserName="ann", NewUserName="bob")
        await commit(*changes, **options)

    monkeypatch.setattr(node.store, "commit", rename_before)
    with pytest.raises(AwsError, match="Invalid value for the parameter Policy"):
        await call(node, service, operation, **with_principal(members, principal["Arn"]))
    assert renamings
    assert await stored_with(node, principal["Arn"]) == []


async def test_a_role_may_name_itself(node: Node) -> None:
    role = await made(node, "Role")
    trust = policy(role["Arn"], "sts:AssumeRole")
    await call(node, "iam", "UpdateAssumeRolePolicy", RoleName="ann", PolicyDocument=trust)
    assert await stored_with(node, f'"AWS\\": \\"{role["Arn"]}') == ["iam/role ann"]


async def test_a_grant_needs_a_principal_that_exists(node: Node) -> None:
    service, operation, members = (await puts(node))["grant"]
    with pytest.raises(AwsError, match="is not a valid principal") as caught:
        await call(
            node, service, operation, **with_principal(members, f"arn:aws:iam::{SCOPE.account}:user/no")
        )
    assert caught.value.code == "InvalidArnException"
