"""Defines the records of drift: what the last detection found of each resource and of the stack.

A result holds for one physical resource in one state: after an update the resource is NOT_CHECKED again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.stacks.records import DRIFT, Stack, StackResource
from nightbus.store.interface import PutRecord, Store

IN_SYNC, MODIFIED, DELETED = "IN_SYNC", "MODIFIED", "DELETED"
NOT_CHECKED, UNKNOWN, DRIFTED = "NOT_CHECKED", "UNKNOWN", "DRIFTED"


@dataclass
class ResourceDrift:
    """What a detection found. Secrets are masked in everything. `changed` is the time of the resource's state."""

    logical_id: str
    physical_id: str
    type: str
    status: str
    time: int  # UTC ms
    changed: int
    expected: str = ""
    actual: str = ""
    differences: list[dict[str, str]] = field(default_factory=list)
    reason: str = ""

    def holds_for(self, resource: StackResource) -> bool:
        return self.physical_id == resource.physical_id and self.changed == resource.time


def put_drift(scope: Scope, stack: Stack, drift: ResourceDrift) -> PutRecord:
    return PutRecord(scope, DRIFT, f"{stack.key}/{drift.logical_id}", asdict(drift))


async def resource_drifts(store: Store, scope: Scope, stack: Stack) -> dict[str, ResourceDrift]:
    """Return the results of the stack's resources by logical id, also those that no longer hold."""
    records = await store.list(scope, DRIFT, prefix=f"{stack.key}/")
    return {record.value["logical_id"]: ResourceDrift(**record.value) for record in records}


def stack_drift(stack: Stack) -> tuple[str, int]:
    """Return the stack's drift status and the time of the detection, UTC ms, or NOT_CHECKED and 0."""
    found: dict[str, Any] = stack.drift
    if not found or found["deployment"] != stack.deployment:
        return NOT_CHECKED, 0
    return str(found["status"]), int(found["time"])
