"""A policy that is stored while its principal is deleted names the deleted one, and not who gets its name next."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.node.node import Node
from nightbus.store.interface import DeleteRecord, PutRecord

SCOPE = Scope("000000000000", "us-east-1")
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    made = Node(tmp_path / "data", "http://127.0.0.1:1")
    await made.start()
    yield made
    await made.stop()


async def call(node: Node, service: str, operation: str, **params: Any) -> dict[str, Any]:
    by_root = Call(SCOPE, Caller.root(SCOPE.account), node.endpoint)
    return await node.platform.operations.call(service, operation, params, by_root)


async def made(node: Node, kind: str) -> dict[str, Any]:
    if kind == "User":
        return dict((await call(node, "iam", "CreateUser", UserName="ann"))["User"])
    trust = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    return dict(
        (await call(node, "iam", "CreateRole", RoleName="ann", AssumeRolePolicyDocument=trust))["Role"]
    )


@pytest.mark.parametrize("kind", ["User", "Role"])
async def test_it_was_checked_before_the_deletion_and_committed_with_it(
    kind: str, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    principal = await made(node, kind)
    url = (await call(node, "sqs", "CreateQueue", QueueName="q"))["QueueUrl"]
    allowed = {"Effect": "Allow", "Principal": {"AWS": principal["Arn"]}, "Action": "sqs:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    await call(node, "sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": policy})
    late = await node.store.get(SCOPE, "sqs/queue", "q")
    assert late is not None
    await call(node, "sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": ""})
    commit = node.store.commit

    async def commit_the_policy_too(*changes: Any, **options: Any) -> None:
        await commit(*changes, **options)
        if any(isinstance(one, DeleteRecord) and one.kind == f"iam/{kind.lower()}" for one in changes):
            await commit(PutRecord(SCOPE, "sqs/queue", "q", late.value))

    monkeypatch.setattr(node.store, "commit", commit_the_policy_too)
    await call(node, "iam", f"Delete{kind}", **{f"{kind}Name": "ann"})
    monkeypatch.setattr(node.store, "commit", commit)
    attributes = await call(node, "sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["Policy"])
    (statement,) = json.loads(attributes["Attributes"]["Policy"])["Statement"]
    assert statement["Principal"] == {"AWS": principal[f"{kind}Id"]}
