"""Deletes physical resources: on deletion, on rollback, and in the cleanup after an update."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from nightbus.aws.errors import AwsError
from nightbus.stacks import reasons
from nightbus.stacks.operations.parallel_steps import StepResults, run_steps
from nightbus.stacks.operations.stack_operation import StackOperation
from nightbus.stacks.records import PhysicalResource, StackResource, possible_leftovers
from nightbus.stacks.resources.outcomes import is_impossible
from nightbus.stacks.templates.graph import reached, reverse

_GONE = frozenset({"DELETE_COMPLETE", "DELETE_SKIPPED"})


class Removal:
    """Deletes resources, dependents before what they depend on. `undo`: their creation is rolled back."""

    def __init__(
        self, operation: StackOperation, retain: Collection[str] = (), *, undo: bool = False
    ) -> None:
        self._operation = operation
        self._retain = retain
        self._undo = undo

    async def run(self, names: Collection[str]) -> StepResults:
        return await run_steps(reverse(_needs(self._operation, names)), self._step, go_on=True)

    async def _step(self, name: str) -> bool:
        resource = self._operation.resources[name]
        if resource.status in _GONE:
            return True
        if name in self._retain or self._keeps(resource):
            await self._operation.save(resource, ("DELETE_SKIPPED", ""))
            return True
        return await self._delete(resource)

    def _keeps(self, resource: StackResource) -> bool:
        policy = resource.current.deletion_policy if resource.current else "Delete"
        new = self._undo and resource.fresh
        if new and resource.imported:
            return True
        if policy == "Retain":
            return not (new and self._operation.stack.retain_except_on_create)
        return policy == "RetainExceptOnCreate" and not new

    async def _delete(self, resource: StackResource) -> bool:
        left = everything_of(resource)
        await self._operation.save(resource, ("DELETE_IN_PROGRESS", ""))
        ctx = self._operation.context(resource.logical_id)
        try:
            for one in left:
                with _ignore_impossible(resource, one):
                    await self._operation.types[resource.type].delete(one.physical_id, one.properties, ctx)
        except Exception as error:
            reason = reasons.failure(error, resource.type, ctx.call.request_id)
            await self._operation.save(resource, ("DELETE_FAILED", reason))
            if self._operation.stack.force and not self._undo:
                await self._operation.save(resource, ("DELETE_SKIPPED", ""))
                return True
            return False
        resource.garbage, resource.previous, resource.pending = [], None, None
        await self._operation.save(resource, ("DELETE_COMPLETE", ""))
        return True


@contextmanager
def _ignore_impossible(resource: StackResource, one: PhysicalResource) -> Iterator[None]:
    """Ignore that a service refuses the names of what a failed creation may have left: with them nothing was made.

    Otherwise the stack could not be deleted, since each deletion fails as the creation did.
    """
    made = [*resource.garbage, resource.previous, resource.current]
    known = {known.physical_id for known in made if known is not None}
    try:
        yield
    except AwsError as refused:
        if one.physical_id in known or not is_impossible(refused):
            raise


def everything_of(resource: StackResource) -> list[PhysicalResource]:
    """Return each physical resource of the record once, the current one last."""
    incarnations = [*resource.garbage]
    incarnations += possible_leftovers(resource.pending) if resource.pending else []
    incarnations += [one for one in (resource.previous, resource.current) if one is not None]
    return list({one.physical_id: one for one in incarnations}.values())


async def sweep(operation: StackOperation, names: Collection[str]) -> None:
    """Delete the garbage that an update or its rollback left of resources that stay.

    A failure is reported in an event and has no other effect: CloudFormation leaves such a resource behind as well.
    """
    await run_steps(reverse(_needs(operation, names)), lambda name: _sweep_one(operation, name), go_on=True)


async def _sweep_one(operation: StackOperation, name: str) -> bool:
    resource = operation.resources[name]
    assert resource.current is not None
    existing = resource.current.physical_id
    left = [one for one in resource.garbage if one.physical_id != existing]
    old = resource.previous
    if old is not None and old.physical_id != existing and old.replace_policy != "Retain":
        left.append(old)
    for one in left:
        ctx = operation.context(name)
        await operation.save(resource, ("DELETE_IN_PROGRESS", ""), physical_id=one.physical_id)
        try:
            await operation.types[resource.type].delete(one.physical_id, one.properties, ctx)
        except Exception as error:
            reason = reasons.failure(error, resource.type, ctx.call.request_id)
            await operation.save(resource, ("DELETE_FAILED", reason), physical_id=one.physical_id)
        else:
            await operation.save(resource, ("DELETE_COMPLETE", ""), physical_id=one.physical_id)
    if left or resource.previous is not None or resource.garbage:
        resource.garbage, resource.previous = [], None
        await operation.save(resource)
    return True


def _needs(operation: StackOperation, names: Collection[str]) -> dict[str, frozenset[str]]:
    """Return what each resource needs until it is deleted, and with it what is left of it from before.

    A custom resource whose creation failed needs its function for the request to delete it. Where what is left of two
    resources would need the other way round, the current ones decide.
    """
    chosen = set(names)
    needs: dict[str, frozenset[str]] = {}
    for name in names:
        current = operation.resources[name].current
        needs[name] = frozenset(current.needs if current else ()) & chosen - {name}
    for name in names:
        for need in _needs_of_all(operation.resources[name]) & chosen - {name}:
            if name not in reached(needs, need):
                needs[name] |= {need}
    return needs


def _needs_of_all(resource: StackResource) -> frozenset[str]:
    return frozenset(need for one in everything_of(resource) for need in one.needs)
