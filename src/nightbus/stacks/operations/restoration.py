"""Restores a resource to what it was in the last good deployment, after an update failed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from nightbus.stacks import reasons
from nightbus.stacks.operations.graph_walk import Walked, walk
from nightbus.stacks.operations.stack_operation import StackOperation
from nightbus.stacks.records import Incarnation, StackResource, leftover


async def restore(operation: StackOperation, skip: Collection[str] = ()) -> Walked:
    """Re-apply the old properties, in the old order. Resources that are new are left for the cleanup."""
    touched = {name: resource for name, resource in operation.resources.items() if needs_restoring(resource)}
    needs = {name: frozenset(_base(resource).needs) & set(touched) for name, resource in touched.items()}
    return await walk(needs, lambda name: _restore_one(operation, touched[name], name in skip), go_on=True)


def needs_restoring(resource: StackResource) -> bool:
    return not resource.fresh and (resource.previous is not None or resource.pending is not None)


def _base(resource: StackResource) -> Incarnation:
    base = resource.previous or resource.current
    assert base is not None  # a resource of the last good deployment stands
    return base


async def _restore_one(operation: StackOperation, resource: StackResource, skipped: bool) -> bool:
    base = _base(resource)
    pending, current = resource.pending, resource.current
    if not skipped and current is not None and current.physical_id == base.physical_id:
        in_place = pending is not None and not pending.replaces
        now = pending.properties if pending is not None and in_place else current.properties
        if in_place or now != base.properties:
            return await _apply(operation, resource, base, now)
    await operation.save(resource, ("UPDATE_IN_PROGRESS", ""))
    await _settle(operation, resource, base)
    return True


async def _apply(
    operation: StackOperation, resource: StackResource, base: Incarnation, now: Mapping[str, Any]
) -> bool:
    kind, ctx = operation.types[resource.type], operation.context(resource.logical_id)
    await operation.save(resource, ("UPDATE_IN_PROGRESS", ""), properties=base.properties)
    try:
        made = await kind.update(base.physical_id, now, base.properties, ctx)
    except Exception as error:
        reason = reasons.failure(error, resource.type, ctx.call.request_id)
        await operation.save(resource, ("UPDATE_FAILED", reason), properties=base.properties)
        return False
    restored = replace(base, physical_id=made.physical_id, attributes=dict(made.attributes))
    await _settle(operation, resource, restored)
    return True


async def _settle(operation: StackOperation, resource: StackResource, base: Incarnation) -> None:
    """The old one stands again; what was made in its place is garbage."""
    if resource.pending is not None:
        resource.garbage += leftover(resource.pending)
    if resource.current is not None and resource.current.physical_id != base.physical_id:
        resource.garbage.append(resource.current)
    resource.current, resource.previous, resource.pending = base, None, None
    resource.deployment = operation.stack.deployment
    await operation.save(resource, ("UPDATE_COMPLETE", ""), properties=base.properties)
