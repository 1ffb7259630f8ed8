"""From an event to the function that a rule calls it takes two commits, three where a new log stream begins."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from lambda_rig import code
from nightbus.aws.calls import Call, Caller, Scope
from nightbus.node.node import Node
from nightbus.services.lambda_.invocations.queued import QUEUE
from nightbus.store.interface import Acknowledge, Change

HERE = Scope("123456789012", "us-east-1")
ROLE = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
]}  # fmt: skip


async def test_event_to_function(monkeypatch: Any) -> None:
    node = Node(None, "http://127.0.0.1:1")
    await node.start()
    node.start_background_work()
    commit, commits = node.store.commit, list[tuple[Change, ...]]()
    done = asyncio.Event()

    async def counted(*changes: Change, patience: float = 0.0) -> None:
        await commit(*changes, patience=patience)
        commits.append(changes)
        if any(isinstance(one, Acknowledge) and one.queue == QUEUE for one in changes):
            done.set()

    async def ask(service: str, operation: str, **params: Any) -> dict[str, Any]:
        call = Call(HERE, Caller.root(HERE.account, HERE.account), node.endpoint)
        return await node.platform.operations.call(service, operation, params, call)

    async def put() -> None:
        done.clear()
        entry = {"Source": "shop", "DetailType": "Order", "Detail": json.dumps({"n": 1})}
        assert (await ask("events", "PutEvents", Entries=[entry]))["FailedEntryCount"] == 0
        await asyncio.wait_for(done.wait(), 60)

    try:
        role = await ask("iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=json.dumps(ROLE))
        made = await ask(
            "lambda", "CreateFunction", FunctionName="f", Role=role["Role"]["Arn"], Handler="app.handler",
            Runtime=f"python3.{sys.version_info.minor}", Code={"ZipFile": code()},
        )  # fmt: skip
        await ask(
            "lambda", "AddPermission", FunctionName="f", StatementId="s", Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
        )  # fmt: skip
        await ask("events", "PutRule", Name="r", EventPattern='{"source": ["shop"]}')
        await ask("events", "PutTargets", Rule="r", Targets=[{"Id": "f", "Arn": made["FunctionArn"]}])
        monkeypatch.setattr(node.store, "commit", counted)
        await put()
        commits.clear()
        await put()
        assert len(commits) == 2
    finally:
        await node.stop()
