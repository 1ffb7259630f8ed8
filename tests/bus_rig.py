"""EventBridge, SQS and their workers over a real store, with a virtual clock: what schedules and replays need."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

from delivery_rig import NoFunctions
from nightbus.aws.calls import Call, Caller, Scope
from nightbus.clock import VirtualClock
from nightbus.counters import HopCounts
from nightbus.delivery.backlog import Backlog
from nightbus.delivery.buses import Buses
from nightbus.delivery.router import Router
from nightbus.functions.interface import FunctionRunner
from nightbus.identity.credentials import CredentialIssuer
from nightbus.keys.directory import Keys
from nightbus.messaging.log_policies import LogPolicies
from nightbus.messaging.queues import Queues
from nightbus.messaging.topics import Topics
from nightbus.node.operations import OperationRegistry
from nightbus.services.context import Platform, Worker
from nightbus.services.logs.writer import LogWriter
from nightbus.stacks.interface import StackEngine
from nightbus.store.sqlite.store import SqliteStore
from nightbus.store.vault import Vault

SCOPE = Scope("123456789012", "eu-west-1")
ENDPOINT = "http://127.0.0.1:4566"
BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/default"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:q"
_POLICY = {
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:*",
            "Resource": "*",
        }
    ]
}


class FillableBacklog(Backlog):
    """Refuses while `full`."""

    full = False

    @property
    def waiting(self) -> int:
        return 10**9 if self.full else super().waiting


class Rig:
    """One node's worth of it. `backlog` may be made to refuse."""

    def __init__(self, folder: Path, clock: VirtualClock) -> None:
        self.clock = clock
        self.store = SqliteStore.open(folder, clock, durable=False)
        self.backlog = FillableBacklog(self.store)
        vault = Vault()
        keys = Keys(self.store, vault, clock)
        self.hops = HopCounts()
        queues = Queues(self.store, clock, keys, self.hops)
        topics = Topics(self.store, queues, ENDPOINT, hops=self.hops)
        self.operations = OperationRegistry()
        self.platform = Platform(
            store=self.store,
            clock=clock,
            operations=self.operations,
            functions=cast(FunctionRunner, None),
            router=Router(self.store, clock, queues, topics, NoFunctions(), self.backlog, Buses(self.store)),
            queues=queues,
            topics=topics,
            stacks=cast(StackEngine, None),
            credentials=CredentialIssuer(b"1" * 32, clock),
            log_sink=LogWriter(self.store, clock),
            endpoint=ENDPOINT,
            invocables=self.store,
            log_policies=LogPolicies(self.store),
            vault=vault,
            keys=keys,
        )
        self.operations.attach(self.platform)
        self._workers: list[asyncio.Task[None]] = []

    async def __call__(self, operation: str, service: str = "events", /, **params: Any) -> dict[str, Any]:
        call = Call(SCOPE, Caller.root(SCOPE.account), ENDPOINT)
        return await self.operations.call(service, operation, params, call)

    async def work(self, *workers: Worker) -> None:
        self._workers += [asyncio.ensure_future(worker(self.platform)) for worker in workers]
        await asyncio.sleep(0)  # they begin

    async def stop_work(self) -> None:
        for task in self._workers:
            task.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._workers.clear()

    async def queue(self, name: str = "q") -> str:
        """Make a queue to which rules may send; its ARN."""
        await self("CreateQueue", "sqs", QueueName=name, Attributes={"Policy": json.dumps(_POLICY)})
        return f"arn:aws:sqs:{SCOPE.region}:{SCOPE.account}:{name}"

    async def rule(self, name: str, queue: str = "q", **params: Any) -> None:
        target = await self.queue(queue)
        await self("PutRule", Name=name, **params)
        bus = {"EventBusName": params["EventBusName"]} if "EventBusName" in params else {}
        await self("PutTargets", Rule=name, Targets=[{"Id": "q", "Arn": target}], **bus)

    async def put(self, *entries: dict[str, Any]) -> list[str]:
        whole = [{"Source": "shop", "DetailType": "order", "Detail": "{}", **entry} for entry in entries]
        return [one["EventId"] for one in (await self("PutEvents", Entries=whole))["Entries"]]

    async def received(self, queue: str = "q") -> list[dict[str, Any]]:
        """The events that are in the queue now, in order; they are gone from it."""
        url = (await self("GetQueueUrl", "sqs", QueueName=queue))["QueueUrl"]
        found: list[dict[str, Any]] = []
        while got := (await self("ReceiveMessage", "sqs", QueueUrl=url, MaxNumberOfMessages=10)).get(
            "Messages"
        ):
            for message in got:
                found.append(json.loads(message["Body"]))
                await self("DeleteMessage", "sqs", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    async def settled(self, queue: str, scope: Scope) -> None:
        """Until nothing of a worker's queue is due."""
        async with asyncio.timeout(20):
            while (await self.store.count(scope, queue))[:2] != (0, 0):
                await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def rig(folder: Path, clock: VirtualClock | None = None) -> AsyncIterator[Rig]:
    made = Rig(folder, clock or VirtualClock())
    try:
        yield made
    finally:
        await made.stop_work()
        await made.store.close()
