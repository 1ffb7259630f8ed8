"""Writes and reads the events of a stack: one log per stack, one entry per event."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.ids import new_uuid
from nightbus.stacks.records import Stack, StackResource
from nightbus.store.interface import Append, Store

STACK_TYPE = "AWS::CloudFormation::Stack"


@dataclass(frozen=True)
class StackEvent:
    """An event of a stack. `time` is UTC ms. `id` has AWS's form: a resource's begins with its name and status."""

    id: str
    stack_id: str
    stack_name: str
    logical_id: str
    physical_id: str
    type: str
    time: int
    status: str
    reason: str = ""
    properties: str = ""
    token: str = ""


def stack_log(stack: Stack) -> str:
    return f"cloudformation/{stack.key}"


def stack_event(scope: Scope, stack: Stack, now: int, status: str, reason: str = "") -> Append:
    event = StackEvent(
        new_uuid(), stack.id, stack.name, stack.name, stack.id, STACK_TYPE, now, status, reason,
        token=stack.token,
    )  # fmt: skip
    return _append(scope, stack, event)


def resource_event(
    scope: Scope,
    stack: Stack,
    resource: StackResource,
    now: int,
    status: str,
    reason: str = "",
    *,
    physical_id: str | None = None,
    properties: dict[str, Any] | None = None,
) -> Append:
    event = StackEvent(
        f"{resource.logical_id}-{status}-{now}-{new_uuid()[:8]}",
        stack.id,
        stack.name,
        resource.logical_id,
        resource.physical_id if physical_id is None else physical_id,
        resource.type,
        now,
        status,
        reason,
        "" if properties is None else json.dumps(properties, separators=(",", ":")),
        stack.token,
    )
    return _append(scope, stack, event)


def _append(scope: Scope, stack: Stack, event: StackEvent) -> Append:
    return Append(scope, stack_log(stack), event.time, json.dumps(asdict(event)).encode(), event.id)


async def read_stack_events(
    store: Store, scope: Scope, stack: Stack, before: int, limit: int
) -> list[tuple[int, StackEvent]]:
    """Return events with their offsets, the newest first. `before` limits them to lower offsets; 0 is no limit."""
    entries = await store.read(scope, stack_log(stack), after=before, limit=limit, backwards=True)
    return [(entry.offset, StackEvent(**json.loads(entry.data))) for entry in entries]
