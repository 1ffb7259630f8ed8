"""Brings one resource to the new template: creates it, updates it in place, replaces it, or leaves it.

`parallel_steps` decides the order of resources, `restoration` rolls a resource back, and `removal` deletes what is
left over.

A resource's record
-------------------
current   the physical resource in use
previous  the physical resource of the last good deployment, if it differs from `current`
pending   what a step is about to make: its properties, its name, and whether it is a new physical resource
garbage   physical resources that the cleanup will delete
fresh     the last good deployment has no such resource

Each step commits its intention, calls the service, and commits the result:
    save pending, *_IN_PROGRESS  ->  create or update  ->  save current, pending None, *_COMPLETE

What `step` does by the record that it finds, in the first run as after a crash:
record                                              step
no `current`, or it was deleted                     create, with the name in `pending` if there is one
`current` is of this deployment, no `pending`       nothing: done before
a property of `replace_on` differs                  create another one, with the name in `pending` if a crash left it
another property differs, or the stack's tags       update in place
`pending` of an update                              update in place again, from the properties of `current`
none of these                                       record the policies and dependencies, which may differ

Invariants
----------
1. No orphan: a physical resource whose name Nightbus chose is in `current`, `previous`, `pending` or `garbage` from
   before its creation until after its deletion. That holds because `_decide` commits the name before `create` runs, and
   because a name that is given up moves to `garbage` (`possible_leftovers`). It cannot hold for ids that the service
   chooses: a crash between `create` and the next commit leaves such a resource behind. Nor does it hold if the creation
   failed and the next template gives the logical id another type: `_fresh` drops the name.
2. Only resources that certainly belong to the stack are deleted. After a failed creation a name from the template may
   belong to another owner, so `possible_leftovers` leaves it alone.
3. `previous` is set at most once between two good deployments (`_take`), by the first change, and stays until the
   cleanup. So a rollback always restores `previous`, or `current` if there is none.
4. A physical resource that is replaced within one update, and is not `previous`, is garbage at once (`_take`).
5. A step that has begun is not cancelled by another step's failure. It runs to its end, its result is recorded, and it
   counts as failed (`_run_to_end`, `interrupted`), so that the rollback includes it. A node that stops does cancel it:
   then the record has `pending`, and the step runs again.

They rest on the contract of `ResourceType`: `create`, `update` and `delete` may run again after they have succeeded.
What would break them: a call of the service before the commit; a physical name that is not taken from `pending`;
a second assignment to `previous`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks import reasons
from nightbus.stacks.callbacks.signals import resource_signals
from nightbus.stacks.interface import (
    RefusesUpdates,
    Resource,
    ResourceContext,
    ResourceFailure,
    has_further_properties,
)
from nightbus.stacks.live_state import identified_properties, physical_id_of
from nightbus.stacks.operations.stack_operation import StackOperation
from nightbus.stacks.planning.stack_policy import DELETE, MODIFY, REPLACE, denial
from nightbus.stacks.records import Pending, PhysicalResource, StackResource, possible_leftovers
from nightbus.stacks.reference_values import ReferenceValues
from nightbus.stacks.schemas import named_properties
from nightbus.stacks.secrecy import with_kept_secret
from nightbus.stacks.templates.creation_policy import resource_signals_of
from nightbus.stacks.templates.dynamic_references import hidden
from nightbus.stacks.templates.intrinsics import Evaluator
from nightbus.stacks.templates.schema_validation import check_properties


class Provisioning:
    """Brings resources to one deployment. `failed` has the names of failed resources by "create" or "update"."""

    def __init__(
        self,
        operation: StackOperation,
        deployment: str,
        resources: Mapping[str, Mapping[str, Any]],
        needs: Mapping[str, frozenset[str]],
        evaluator: Evaluator,
        tags_changed: bool,
    ) -> None:
        self._operation = operation
        self._deployment = deployment
        self._resources = resources
        self._needs = needs
        self._evaluator = evaluator
        self._tags_changed = tags_changed
        self.failed: dict[str, list[str]] = {"create": [], "update": [], "import": []}

    async def step(self, name: str) -> bool:
        recorded = self._operation.resources.get(name)
        existing = (
            recorded is not None and recorded.current is not None and not recorded.status.startswith("DELETE")
        )
        if recorded and existing and recorded.deployment == self._deployment and recorded.pending is None:
            return True
        declared = self._resources[name]
        resource = recorded if recorded and existing else self._fresh(name, str(declared["Type"]), recorded)
        try:
            properties = self._properties(name, declared)
        except AwsError as wrong:
            return await self._fail(resource, "update" if existing else "create", wrong.message)
        if not existing and name in self._operation.stack.to_import:
            return await self._import(resource, properties, self._operation.stack.to_import[name])
        if not existing:
            return await self._make(resource, properties, replaces=False)
        return await self._bring(resource, properties, declared)

    async def refuse_removals(self, names: Iterable[str]) -> bool:
        """Fail the named resources that the stack's policy does not let go. Returns whether there are any."""
        for name in list(names):
            resource = self._operation.resources[name]
            denied = self._denial(DELETE, resource) if resource.current is not None else None
            if denied is not None:
                await self._fail(resource, "update", denied)
        return bool(self.failed["update"])

    def _denial(self, action: str, resource: StackResource) -> str | None:
        stack = self._operation.stack
        policy = stack.policy_during_update or stack.policy
        return denial(policy, action, resource.logical_id, resource.type)

    def _fresh(self, name: str, kind: str, recorded: StackResource | None) -> StackResource:
        """Return the record for a creation. It has the name that was decided before a crash, so that no second
        resource is made."""
        pending = recorded.pending if recorded and recorded.type == kind else None
        garbage = recorded.garbage if recorded else []
        now = self._operation.clock.now_ms()
        return StackResource(name, kind, "CREATE_IN_PROGRESS", now, pending=pending, garbage=garbage)

    def _properties(self, name: str, declared: Mapping[str, Any]) -> dict[str, Any]:
        kind = self._operation.types[str(declared["Type"])]
        value = self._evaluator.evaluate(declared.get("Properties") or {})
        properties: dict[str, Any] = value if isinstance(value, dict) else {}
        is_open = has_further_properties(kind)
        check_properties(name, kind.type_name, kind.properties, hidden(properties), is_open=is_open)
        return properties

    def _physical_resource(
        self, name: str, resource: Resource, properties: dict[str, Any]
    ) -> PhysicalResource:
        declared = self._resources[name]
        return PhysicalResource(
            resource.physical_id,
            properties,
            dict(resource.attributes),
            sorted(self._needs[name]),
            str(declared.get("DeletionPolicy", "Delete")),
            str(declared.get("UpdateReplacePolicy", "Delete")),
            resource.no_echo,
        )

    async def _make(self, resource: StackResource, properties: dict[str, Any], *, replaces: bool) -> bool:
        """Create the resource, for the first time or as a replacement. Returns whether it succeeded."""
        verb, began = ("UPDATE", reasons.REPLACING) if replaces else ("CREATE", "")
        kind, ctx = self._operation.types[resource.type], self._operation.context(resource.logical_id)
        references, is_first = ReferenceValues(), resource.pending is None
        try:
            resolved = await self._resolved(resource, properties, references, ctx)
            await self._decide(resource, properties, kind.physical_name(resolved, ctx), verb, began)
            name = resource.pending.name if resource.pending else None
            created = await kind.create(resolved, name, ctx)
            await self._await_signals(resource.logical_id, created.physical_id, ctx)
        except Exception as error:
            if isinstance(error, ResourceFailure) and resource.pending is not None:
                resource.pending.name, resource.pending.judged = error.leftover or None, True
            elif is_first and resource.pending is not None and reasons.is_refusal(error) and not ctx.changes:
                resource.pending.name, resource.pending.judged = None, True
            reason = references.mask(reasons.failure(error, resource.type, ctx.call.request_id))
            return await self._fail(resource, verb.lower(), reason)
        self._take(resource, self._physical_resource(resource.logical_id, created, properties))
        return await self._run_to_end(resource, verb, (f"{verb}_IN_PROGRESS", reasons.INITIATED))

    async def _import(
        self, resource: StackResource, properties: dict[str, Any], identifier: Mapping[str, str]
    ) -> bool:
        """Take an existing resource into the stack, without a change of it."""
        kind, ctx = self._operation.types[resource.type], self._operation.context(resource.logical_id)
        resource.imported, physical_id = True, physical_id_of(kind, identifier)
        await self._operation.save(
            resource, ("IMPORT_IN_PROGRESS", reasons.IMPORTING), physical_id=physical_id
        )
        try:
            live = await identified_properties(kind, identifier, ctx)
            if live is None:
                raise ResourceFailure(reasons.nothing_to_import(resource.type, physical_id))
        except Exception as error:
            self._operation.interrupted = True
            reason = reasons.failure(error, resource.type, ctx.call.request_id)
            await self._operation.save(resource, ("IMPORT_FAILED", reason))
            self.failed["import"].append(resource.logical_id)
            return False
        shown = named_properties(resource.type, "readOnlyProperties")
        attributes = {name: live[name] for name in shown if name in live}
        new = Resource(physical_id, attributes)
        self._take(resource, self._physical_resource(resource.logical_id, new, properties))
        await self._operation.save(resource, ("IMPORT_COMPLETE", reasons.IMPORTED), properties=properties)
        return True

    async def _resolved(
        self,
        resource: StackResource,
        properties: dict[str, Any],
        references: ReferenceValues,
        ctx: ResourceContext,
    ) -> dict[str, Any]:
        """Return the properties with the values of dynamic references, which the record does not have."""
        resolved = await references.resolved(properties, ctx)
        if resolved is not properties:
            kind = self._operation.types[resource.type]
            is_open = has_further_properties(kind)
            check_properties(resource.logical_id, kind.type_name, kind.properties, resolved, is_open=is_open)
        return resolved

    async def _await_signals(self, name: str, physical_id: str, ctx: ResourceContext) -> None:
        """Wait for the signals of the resource's CreationPolicy. Raises ResourceFailure without enough of them."""
        policy = self._resources[name].get("CreationPolicy")
        if policy is None or ctx.callbacks is None:
            return
        wanted = resource_signals_of(name, self._evaluator.evaluate(policy))
        signalled = resource_signals(ctx.stack_id, name)
        waiting = (name, physical_id.rsplit("/", 1)[-1])
        received = await ctx.callbacks.signals.wait(
            signalled, waiting, wanted.count, wanted.seconds, ctx.is_cancelled
        )
        if received.cancelled:
            raise ResourceFailure(reasons.CREATION_CANCELLED)
        if not received.complete:
            raise ResourceFailure(
                reasons.missing_signals(wanted.count, len(received.signals), len(received.failed))
            )

    async def _decide(
        self, resource: StackResource, properties: dict[str, Any], name: str | None, verb: str, reason: str
    ) -> None:
        """Store the name of the new resource, unless the record has one that was decided before a crash."""
        again = resource.pending if resource.pending and resource.pending.replaces else None
        if again is not None and resource.status.endswith("IN_PROGRESS"):
            again.properties, again.needs = properties, sorted(self._needs[resource.logical_id])
            await self._operation.save(resource)
            return
        if resource.pending is not None:
            resource.garbage += possible_leftovers(resource.pending)
        resource.pending = Pending(properties, name, needs=sorted(self._needs[resource.logical_id]))
        await self._operation.save(resource, (f"{verb}_IN_PROGRESS", reason), properties=properties)

    def _take(self, resource: StackResource, new: PhysicalResource) -> None:
        """Make `new` the current physical resource, and keep that of the last good deployment as `previous`."""
        old = resource.current
        if old is not None and resource.previous is not None and old.physical_id != new.physical_id:
            if old.physical_id != resource.previous.physical_id:
                resource.garbage.append(old)
        elif old is not None and resource.previous is None and not resource.fresh:
            resource.previous = old
        elif old is not None and resource.fresh and old.physical_id != new.physical_id:
            resource.garbage.append(old)
        resource.current = new
        resource.pending = None
        resource.deployment = self._deployment

    async def _run_to_end(self, resource: StackResource, verb: str, *transitions: tuple[str, str]) -> bool:
        properties = resource.current.properties if resource.current else {}
        if self._operation.interrupted:
            cancelled = reasons.CREATION_CANCELLED if verb == "CREATE" else reasons.UPDATE_CANCELLED
            await self._operation.save(resource, (f"{verb}_FAILED", cancelled), properties=properties)
            self.failed[verb.lower()].append(resource.logical_id)
            return False
        await self._operation.save(resource, *transitions, (f"{verb}_COMPLETE", ""), properties=properties)
        return True

    async def _bring(
        self, resource: StackResource, properties: dict[str, Any], declared: Mapping[str, Any]
    ) -> bool:
        """Bring an existing resource to the new properties: leave it, update it in place, or replace it."""
        assert resource.current is not None  # `step` has checked
        kind, old = self._operation.types[resource.type], resource.current
        changed = {
            key for key in {*old.properties, *properties} if old.properties.get(key) != properties.get(key)
        }
        refusal = (
            kind.refused_update(old.properties, properties) if isinstance(kind, RefusesUpdates) else None
        )
        if refusal is not None:
            return await self._fail(resource, "update", refusal)
        retag = self._tags_changed and "Tags" in kind.properties
        if changed or retag:
            denied = self._denial(REPLACE if changed & kind.replace_on else MODIFY, resource)
            if denied is not None:
                return await self._fail(resource, "update", denied)
        unfinished_update = resource.pending is not None and not resource.pending.replaces
        if changed & kind.replace_on:
            return await self._make(resource, properties, replaces=True)
        if changed or retag or unfinished_update:
            return await self._update(resource, properties)
        return await self._unchanged(resource, old, declared)

    async def _unchanged(
        self, resource: StackResource, old: PhysicalResource, declared: Mapping[str, Any]
    ) -> bool:
        """Record the policies and dependencies, which may differ although the properties do not."""
        unchanged = Resource(old.physical_id, old.attributes, old.no_echo)
        new = self._physical_resource(resource.logical_id, unchanged, old.properties)
        if resource.pending is not None:  # a replacement that failed, in an update that was not rolled back
            resource.garbage += possible_leftovers(resource.pending)
        if new != old or resource.pending is not None:
            self._take(resource, new)
            await self._operation.save(resource)
        return True

    async def _update(self, resource: StackResource, properties: dict[str, Any]) -> bool:
        assert resource.current is not None  # `step` has checked
        old = resource.current
        kind, ctx = self._operation.types[resource.type], self._operation.context(resource.logical_id)
        if resource.pending is not None and resource.pending.replaces:
            resource.garbage += possible_leftovers(resource.pending)
        resource.pending = Pending(properties, replaces=False)
        await self._operation.save(resource, ("UPDATE_IN_PROGRESS", ""), properties=properties)
        references = ReferenceValues()
        try:
            resolved = await self._resolved(resource, properties, references, ctx)
            updated = await kind.update(old.physical_id, old.properties, resolved, ctx)
        except Exception as error:
            reason = references.mask(reasons.failure(error, resource.type, ctx.call.request_id))
            return await self._fail(resource, "update", reason)
        attributes = with_kept_secret(resource.type, old.attributes, updated.attributes)
        updated = replace(updated, attributes=attributes)
        self._take(resource, self._physical_resource(resource.logical_id, updated, properties))
        return await self._run_to_end(resource, "UPDATE")

    async def _fail(self, resource: StackResource, verb: str, reason: str) -> bool:
        properties = resource.pending.properties if resource.pending else None
        self._operation.interrupted = True
        await self._operation.save(resource, (f"{verb.upper()}_FAILED", reason), properties=properties)
        self.failed[verb].append(resource.logical_id)
        return False
