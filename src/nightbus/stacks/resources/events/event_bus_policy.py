"""Implements AWS::Events::EventBusPolicy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.live_values import principal_as_declared
from nightbus.stacks.resources.outcomes import ignore_missing
from nightbus.stacks.resources.values import selected_properties

_ALL = ("Action", "Condition", "EventBusName", "Principal", "Statement", "StatementId")


class EventsEventBusPolicy:
    """Puts one statement into a bus's policy.

    PutPermission can only put a whole policy, so a lock per event loop keeps two concurrent changes from losing one.
    The locks are the only state of a resource type.
    """

    type_name = "AWS::Events::EventBusPolicy"
    properties = frozenset(_ALL)
    required = frozenset({"StatementId"})
    replace_on = frozenset({"EventBusName", "StatementId"})

    def __init__(self) -> None:
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return None

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        bus, sid = properties.get("EventBusName") or "default", str(properties["StatementId"])
        statement = properties.get("Statement")
        if statement is None:
            request = selected_properties(
                properties, "Action", "Condition", "Principal", kinds={"Principal": str}
            )
            await ctx.operation("events", "PutPermission", EventBusName=bus, StatementId=sid, **request)
        else:
            async with self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
                policy = await _with_statement(bus, {**statement, "Sid": sid}, ctx)
                await ctx.operation("events", "PutPermission", EventBusName=bus, Policy=policy)
        return Resource(f"{bus}|{sid}")

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return await self.create(new, None, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        bus, sid = physical_id.rsplit("|", 1)
        lock = self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        async with lock:
            with ignore_missing():
                await ctx.operation("events", "RemovePermission", EventBusName=bus, StatementId=sid)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        bus, sid = physical_id.rsplit("|", 1)
        described = await ctx.operation("events", "DescribeEventBus", Name=bus)
        policy = json.loads(described.get("Policy") or '{"Statement": []}')
        statement = next((one for one in policy["Statement"] if one.get("Sid") == sid), None)
        if statement is None:
            return None
        live: dict[str, Any] = {"EventBusName": bus, "StatementId": sid}
        if properties.get("Statement") is not None:
            declared_sid = properties["Statement"].get("Sid")
            live["Statement"] = {name: value for name, value in statement.items() if name != "Sid"}
            return live | ({"Statement": {**live["Statement"], "Sid": declared_sid}} if declared_sid else {})
        live["Action"] = statement["Action"]
        live["Principal"] = principal_as_declared(properties.get("Principal"), statement)
        return live | selected_properties(properties, "Condition")


async def _with_statement(bus: str, statement: Mapping[str, Any], ctx: ResourceContext) -> str:
    """Return the bus's policy with the statement, which replaces one with the same Sid."""
    described = await ctx.operation("events", "DescribeEventBus", Name=bus)
    policy = json.loads(described.get("Policy") or '{"Version": "2012-10-17", "Statement": []}')
    other_statements = [one for one in policy["Statement"] if one.get("Sid") != statement["Sid"]]
    return json.dumps({**policy, "Statement": [*other_statements, statement]})
