"""Defines the records of stack sets, their instances and their operations, and reads them.

All lie in the scope of the account and region that administers the set; the stacks lie in those of their instances.
Parameter values may be secret, so those of sets and instances are sealed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.services.context import Context, Platform
from nightbus.store.interface import SYSTEM, Enqueue, Item, PutRecord, Record
from nightbus.store.vault import Vault

STACK_SET = "cloudformation/stack-set"  # key: its name
INSTANCE = "cloudformation/stack-instance"  # key: <name>/<account>/<region>
OPERATION = "cloudformation/stack-set-operation"  # key: <name>/<operation id>
QUEUE = "cloudformation/stack-set-operations"
RUNNING = ("QUEUED", "RUNNING", "STOPPING")


@dataclass
class StackSet:
    name: str
    id: str
    template: str
    description: str = ""
    parameters: str = ""  # sealed: a map
    capabilities: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    administration_role: str = ""
    execution_role: str = ""
    managed: bool = False
    version: str = ""  # of the template, parameters and tags; an instance that has another one is OUTDATED
    drift: dict[str, Any] = field(default_factory=dict)


@dataclass
class Instance:
    """A stack of a set in one account and region. `stack_name` is chosen before the stack is created."""

    account: str
    region: str
    stack_name: str = ""
    stack_id: str = ""
    overrides: str = ""  # sealed: a map
    version: str = ""
    status: str = "OUTDATED"
    detailed: str = "PENDING"
    reason: str = ""
    operation: str = ""
    drift_status: str = "NOT_CHECKED"
    drift_time: int = 0
    drifted: int = 0

    @property
    def scope(self) -> Scope:
        return Scope(self.account, self.region)


@dataclass
class SetOperation:
    """What is done to instances. `results` has, for each target in the order of the work, its status and reason."""

    id: str
    set_name: str
    set_id: str
    action: str
    created: int
    status: str = "QUEUED"
    ended: int = 0
    reason: str = ""
    retain: bool = False
    preferences: dict[str, Any] = field(default_factory=dict)
    results: list[dict[str, str]] = field(default_factory=list)
    administration_role: str = ""
    execution_role: str = ""
    endpoint: str = ""


async def sealed_map(vault: Vault, values: Mapping[str, str]) -> str:
    return await asyncio.to_thread(vault.seal, json.dumps(dict(values)).encode()) if values else ""


async def opened_map(vault: Vault, sealed: str) -> dict[str, str]:
    values: dict[str, str] = json.loads(await asyncio.to_thread(vault.open, sealed)) if sealed else {}
    return values


def instance_key(set_name: str, account: str, region: str) -> str:
    return f"{set_name}/{account}/{region}"


def put_set(scope: Scope, stack_set: StackSet, expect: int | None = None) -> PutRecord:
    return PutRecord(scope, STACK_SET, stack_set.name, asdict(stack_set), expect)


def put_instance(scope: Scope, set_name: str, instance: Instance, expect: int | None = None) -> PutRecord:
    key = instance_key(set_name, instance.account, instance.region)
    return PutRecord(scope, INSTANCE, key, asdict(instance), expect)


def put_operation(scope: Scope, operation: SetOperation, expect: int | None = None) -> PutRecord:
    return PutRecord(scope, OPERATION, f"{operation.set_name}/{operation.id}", asdict(operation), expect)


def operation_item(scope: Scope, operation: SetOperation, now: int) -> Enqueue:
    """Return the item for the worker. The operations of a set are a group: one runs at a time."""
    data = orjson.dumps([*scope, operation.set_name, operation.id])
    return Enqueue(SYSTEM, QUEUE, data, now, f"{scope.account}/{scope.region}/{operation.set_name}")


def operation_of(item: Item) -> tuple[Scope, str]:
    account, region, name, id = orjson.loads(item.data)
    return Scope(account, region), f"{name}/{id}"


def set_name(name_or_id: str) -> str:
    """Return the name of the set that a name, an id or an ARN means."""
    return name_or_id.rpartition("stackset/")[2].partition(":")[0]


async def find_set(ctx: Context, name_or_id: str) -> tuple[StackSet, Record]:
    """Return the set of the name, the id or the ARN. Raises AwsError StackSetNotFoundException."""
    record = await ctx.store.get(ctx.scope, STACK_SET, set_name(name_or_id))
    stack_set = StackSet(**record.value) if record else None
    if record is None or stack_set is None or not _is_named(stack_set, name_or_id):
        raise AwsError("StackSetNotFoundException", f"StackSet {name_or_id} not found", 404)
    return stack_set, record


def _is_named(stack_set: StackSet, name_or_id: str) -> bool:
    given = name_or_id.rpartition("stackset/")[2]
    return given in (stack_set.name, stack_set.id)


async def set_instances(platform: Platform, scope: Scope, name: str) -> list[Instance]:
    records = await platform.store.list(scope, INSTANCE, prefix=f"{name}/")
    return [Instance(**record.value) for record in records]


async def instances_with_revisions(ctx: Context, name: str) -> dict[tuple[str, str], tuple[Instance, int]]:
    """Return the set's instances by account and region, each with the revision of its record."""
    found = {}
    for record in await ctx.store.list(ctx.scope, INSTANCE, prefix=f"{name}/"):
        instance = Instance(**record.value)
        found[instance.account, instance.region] = instance, record.revision
    return found


async def set_operations(ctx: Context, name: str) -> list[SetOperation]:
    """Return the set's operations, the newest first."""
    records = await ctx.store.list(ctx.scope, OPERATION, prefix=f"{name}/")
    return sorted(
        (SetOperation(**record.value) for record in records), key=lambda one: (-one.created, one.id)
    )
