"""Restores resources to the last good deployment after a failed update."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from nightbus.stacks import reasons
from nightbus.stacks.operations.parallel_steps import StepResults, run_steps
from nightbus.stacks.operations.stack_operation import StackOperation
from nightbus.stacks.records import PhysicalResource, StackResource, possible_leftovers
from nightbus.stacks.reference_values import ReferenceValues
from nightbus.stacks.secrecy import with_kept_secret


async def restore_resources(operation: StackOperation, skip: Collection[str] = ()) -> StepResults:
    """Apply the old properties again, in the old order. New resources are left for the cleanup; `skip` names others."""
    touched = {name: resource for name, resource in operation.resources.items() if needs_restoring(resource)}
    needs = {name: frozenset(_base(resource).needs) & set(touched) for name, resource in touched.items()}
    return await run_steps(
        needs, lambda name: _restore_one(operation, touched[name], name in skip), go_on=True
    )


def needs_restoring(resource: StackResource) -> bool:
    return not resource.fresh and (resource.previous is not None or resource.pending is not None)


def _base(resource: StackResource) -> PhysicalResource:
    base = resource.previous or resource.current
    assert base is not None  # a resource of the last good deployment has one
    return base


async def _restore_one(operation: StackOperation, resource: StackResource, skipped: bool) -> bool:
    base = _base(resource)
    pending, current = resource.pending, resource.current
    if not skipped and current is not None and current.physical_id == base.physical_id:
        unfinished_update = pending is not None and not pending.replaces
        now = pending.properties if pending is not None and unfinished_update else current.properties
        if unfinished_update or now != base.properties:
            return await _apply(operation, resource, base, now)
    await operation.save(resource, ("UPDATE_IN_PROGRESS", ""))
    await _settle(operation, resource, base)
    return True


async def _apply(
    operation: StackOperation, resource: StackResource, base: PhysicalResource, now: Mapping[str, Any]
) -> bool:
    kind, ctx = operation.types[resource.type], operation.context(resource.logical_id)
    await operation.save(resource, ("UPDATE_IN_PROGRESS", ""), properties=base.properties)
    references = ReferenceValues()
    try:
        resolved = await references.resolved(base.properties, ctx)
        updated = await kind.update(base.physical_id, now, resolved, ctx)
    except Exception as error:
        reason = references.mask(reasons.failure(error, resource.type, ctx.call.request_id))
        await operation.save(resource, ("UPDATE_FAILED", reason), properties=base.properties)
        return False
    attributes = with_kept_secret(resource.type, base.attributes, updated.attributes)
    restored = replace(base, physical_id=updated.physical_id, attributes=attributes, no_echo=updated.no_echo)
    await _settle(operation, resource, restored)
    return True


async def _settle(operation: StackOperation, resource: StackResource, base: PhysicalResource) -> None:
    """Make the old physical resource current again. Its replacement is garbage."""
    if resource.pending is not None:
        resource.garbage += possible_leftovers(resource.pending)
    if resource.current is not None and resource.current.physical_id != base.physical_id:
        resource.garbage.append(resource.current)
    resource.current, resource.previous, resource.pending = base, None, None
    resource.deployment = operation.stack.deployment
    await operation.save(resource, ("UPDATE_COMPLETE", ""), properties=base.properties)
