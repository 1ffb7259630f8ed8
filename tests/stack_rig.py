"""A world in which stacks are provisioned without any service: resources that succeed, fail or hang on command."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_physical_suffix, new_uuid
from nightbus.clock import Clock, SystemClock
from nightbus.stacks.engine import Engine
from nightbus.stacks.events import StackEvent, read_stack_events, stack_event
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.operation_queue import operation_item
from nightbus.stacks.planning.plan import plan_changes
from nightbus.stacks.records import (
    NAME,
    Deployment,
    Stack,
    StackRecords,
    new_stack_id,
    put_deployment,
    put_stack,
)
from nightbus.store.interface import Change, PutRecord, Store
from nightbus.store.vault import Vault

SCOPE = Scope("000000000000", "us-east-1")
CALL = Call(SCOPE, Caller.root(SCOPE.account), "http://127.0.0.1:4566")
RESTING = frozenset(
    "CREATE_COMPLETE ROLLBACK_COMPLETE UPDATE_COMPLETE UPDATE_ROLLBACK_COMPLETE DELETE_COMPLETE".split()  # noqa: SIM905
)


class World:
    """What exists physically, and everything that was done, in order."""

    def __init__(self) -> None:
        self.things: dict[str, dict[str, Any]] = {}
        self.deeds: list[str] = []
        self.failing: set[str] = set()  # such as "create B"
        self.slow: dict[str, asyncio.Event] = {}
        self.freeze_at: int | None = None

    async def act(self, verb: str, ctx: ResourceContext) -> None:
        deed = f"{verb} {ctx.logical_id}"
        if self.freeze_at is not None and len(self.deeds) >= self.freeze_at:
            await asyncio.Event().wait()
        self.deeds.append(deed)
        await asyncio.sleep(0)
        if deed in self.slow:
            await self.slow[deed].wait()
        if deed in self.failing:
            raise AwsError("InvalidParameterValueException", f"{deed} was made to fail")


class Thing:
    """`Size` changes in place, `Kind` only by replacement."""

    properties = frozenset({"Size", "Kind", "Name", "Other", "Tags"})
    required: frozenset[str] = frozenset()
    replace_on = frozenset({"Kind", "Name"})

    def __init__(self, world: World, type_name: str = "Test::A::Thing") -> None:
        self.type_name = type_name
        self._world = world

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return properties.get("Name") or f"{ctx.stack_name}-{ctx.logical_id}-{new_physical_suffix()}"

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        assert name is not None
        await self._world.act("create", ctx)
        self._world.things[name] = {**properties, "by": ctx.logical_id, "tags": dict(ctx.tags)}
        return Resource(name, self._attributes(name, properties))

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        await self._world.act("update", ctx)
        assert physical_id in self._world.things
        self._world.things[physical_id] = {**new, "by": ctx.logical_id, "tags": dict(ctx.tags)}
        return Resource(physical_id, self._attributes(physical_id, new))

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        await self._world.act("delete", ctx)
        self._world.things.pop(physical_id, None)

    def _attributes(self, name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        return {"Arn": f"arn:test:{name}", "Size": properties.get("Size", 0)}


class FrozenStore:
    """Stands still for ever before its `limit`-th commit, as a process that is killed there."""

    def __init__(self, store: Store, limit: int) -> None:
        self._store = store
        self._left = limit
        self.frozen = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, *changes: Change, patience: float = 0.0) -> None:
        self._left -= 1
        if self._left < 0:
            self.frozen.set()
            await asyncio.Event().wait()
        await self._store.commit(*changes, patience=patience)


class FailingStore:
    """Takes no commit, as while the disk is full, from the `first`-th on, for `count` commits."""

    def __init__(self, store: Store, first: int, count: int) -> None:
        self._store = store
        self._until = first
        self.count = count
        self.refused = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, *changes: Change, patience: float = 0.0) -> None:
        self._until -= 1
        if self._until < 0 and self.refused < self.count:
            self.refused += 1
            raise sqlite3.OperationalError("database or disk is full")
        await self._store.commit(*changes, patience=patience)


class Rig:
    """One stack, driven as the CloudFormation service drives it."""

    def __init__(self, store: Store, clock: Clock | None = None) -> None:
        self.store = store
        self._clock = clock or SystemClock()
        self.world = World()
        self.vault = Vault()
        self.types = {"Test::A::Thing": Thing(self.world)}
        self.records = StackRecords(store, SCOPE, self.vault)
        self.engine = self.new_engine(store)
        self.stack_id = ""

    def new_engine(self, store: Any) -> Engine:
        """One that works through the queue of operations until `close`."""
        made = Engine(store, self._clock, NoOperations(), self.vault, self.types)
        self._working = asyncio.create_task(made.run())
        return made

    async def close(self) -> None:
        """As a node does it that stops."""
        await self._stop_working()
        await self.engine.close()

    async def die(self) -> None:
        """As a node that is killed: what it has leased stays leased until its leases end."""
        await self._stop_working()
        tasks = list(self.engine._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _stop_working(self) -> None:
        self._working.cancel()
        await asyncio.gather(self._working, return_exceptions=True)

    def deployment(self, resources: Mapping[str, Any], **sections: Any) -> Deployment:
        tags = sections.pop("tags", {})
        parameters = sections.pop("parameters", {})
        document = {"Resources": dict(resources), **sections}
        return Deployment(new_uuid(), json.dumps(document), document, parameters, tags)

    async def begin_create(
        self, resources: Mapping[str, Any], on_failure: str = "ROLLBACK", name: str = "demo", **sections: Any
    ) -> None:
        deployment = self.deployment(resources, **sections)
        stack = Stack(new_stack_id(SCOPE, name), name, "CREATE_IN_PROGRESS", 1, on_failure=on_failure)
        stack.target = deployment.id
        self.stack_id = stack.id
        deployment.imports = (await self._plan(stack, deployment)).imports
        stack.imports = deployment.imports
        await self.store.commit(
            put_stack(SCOPE, stack, 0),
            PutRecord(SCOPE, NAME, name, {"stack_id": stack.id}, expect=0),
            await put_deployment(self.vault, SCOPE, stack, deployment),
            stack_event(SCOPE, stack, 1, stack.status, "User Initiated"),
            operation_item(SCOPE, stack.id, 0),
        )

    async def begin_update(
        self, resources: Mapping[str, Any], on_failure: str = "ROLLBACK", **sections: Any
    ) -> None:
        deployment = self.deployment(resources, **sections)
        stack = await self.stack()
        deployment.imports = (await self._plan(stack, deployment)).imports
        stack.status, stack.target, stack.on_failure = "UPDATE_IN_PROGRESS", deployment.id, on_failure
        stack.cancelled = False
        await self.store.commit(
            put_stack(SCOPE, stack),
            await put_deployment(self.vault, SCOPE, stack, deployment),
            operation_item(SCOPE, stack.id, 0),
        )

    async def begin(self, status: str, **fields: Any) -> None:
        stack = await self.stack()
        stack.status = status
        for name, value in fields.items():
            setattr(stack, name, value)
        await self.store.commit(put_stack(SCOPE, stack), operation_item(SCOPE, stack.id, 0))

    async def create(self, resources: Mapping[str, Any], *args: Any, **sections: Any) -> str:
        await self.begin_create(resources, *args, **sections)
        return await self.settled()

    async def update(self, resources: Mapping[str, Any], *args: Any, **sections: Any) -> str:
        await self.begin_update(resources, *args, **sections)
        return await self.settled()

    async def delete(self, **fields: Any) -> str:
        await self.begin("DELETE_IN_PROGRESS", **fields)
        return await self.settled()

    async def settled(self) -> str:
        await self.engine.settled(SCOPE, self.stack_id)
        return (await self.stack()).status

    async def stack(self) -> Stack:
        kept = await self.records.stack(self.stack_id)
        assert kept is not None
        return kept.value

    async def events(self) -> list[StackEvent]:
        """Oldest first."""
        found = await read_stack_events(self.store, SCOPE, await self.stack(), 0, 1000)
        return [event for _, event in reversed(found)]

    async def told(self, logical_id: str) -> list[str]:
        """The statuses of one resource, with the reason's first words where there is one."""
        events = [event for event in await self.events() if event.logical_id == logical_id]
        return [" ".join([event.status, *event.reason.split()[:3]]) for event in events]

    async def standing(self) -> dict[str, dict[str, Any]]:
        """What the records say exists, by logical id."""
        found = await self.records.resources(await self.stack())
        return {
            name: {"id": one.current.physical_id, **one.current.properties}
            for name, one in found.items()
            if one.current is not None and not one.status.startswith("DELETE")
        }

    async def assert_no_orphans(self) -> None:
        standing = await self.standing()
        assert sorted(self.world.things) == sorted(one["id"] for one in standing.values())
        for name, one in standing.items():
            thing = self.world.things[one["id"]]
            assert thing["by"] == name
            assert thing.get("Size") == one.get("Size")

    async def _plan(self, stack: Stack, deployment: Deployment) -> Any:
        resources = await self.records.resources(stack)
        exports = {name: entry["value"] for name, entry in (await self.records.exports()).items()}
        return plan_changes(SCOPE, stack, None, deployment, resources, self.types, exports)


class NoOperations:
    async def handle(
        self, service: str, operation: str, params: Mapping[str, Any], call: Call
    ) -> dict[str, Any]:
        raise AssertionError(f"nobody calls {service}:{operation} here")

    call = handle


def thing(**properties: Any) -> dict[str, Any]:
    """A resource; `needs` becomes DependsOn, `policy` DeletionPolicy."""
    resource: dict[str, Any] = {"Type": "Test::A::Thing"}
    for member, attribute in (("needs", "DependsOn"), ("policy", "DeletionPolicy")):
        if member in properties:
            resource[attribute] = properties.pop(member)
    return {**resource, "Properties": properties}


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def att(name: str, attribute: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, attribute]}
