"""Declares the protocol between resource types and the engine, and that between the engine and the CloudFormation
service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from nightbus.aws.calls import Call, Operations, Scope
from nightbus.aws.errors import AwsError
from nightbus.clock import Clock
from nightbus.stacks.contention import is_busy, pauses


@dataclass(frozen=True, slots=True)
class ResourceContext:
    """The circumstances in which a resource of a stack is created, updated or deleted."""

    call: Call
    operations: Operations
    clock: Clock
    stack_id: str
    stack_name: str
    logical_id: str
    tags: Mapping[str, str] = field(default_factory=dict)  # the stack's own, aws:cloudformation:* included

    async def operation(self, service: str, name: str, **params: Any) -> dict[str, Any]:
        """One call of a service, again while another change of the same thing is in its way."""
        for pause in pauses():
            try:
                return await self.operations.call(service, name, params, self.call)
            except AwsError as error:
                if not is_busy(error):
                    raise
                await self.clock.sleep(pause)
        return await self.operations.call(service, name, params, self.call)


@dataclass(frozen=True, slots=True)
class Resource:
    """What provisioning made: `physical_id` is what Ref gives, `attributes` what Fn::GetAtt gives."""

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


class ResourceType(Protocol):
    """One file in `resources/` holds one class with this shape; the class has no state.

    Each method is idempotent as far as that is possible, since after a crash it runs again. Errors of services
    (AwsError) pass through; the engine turns them into the stack event's reason.
    """

    type_name: str  # "AWS::Lambda::Function"
    properties: frozenset[str]  # top-level properties that have an effect; others fail, named
    required: frozenset[str]
    replace_on: frozenset[str]  # properties whose change needs a new physical resource

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        """The name to be used by `create`, decided and kept before it runs, so that a crash leaves no orphan.

        The engine passes it to `create`. None where the service itself chooses the id.
        """
        ...

    async def create(
        self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext
    ) -> Resource: ...

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        """In place: called only when no property of `replace_on` changed."""
        ...

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        """Succeeds when there is nothing left to delete.

        After a creation that failed, `physical_id` is the name that `physical_name` chose.
        """
        ...


@runtime_checkable
class JudgesValues(Protocol):
    """A resource type some of whose values are AWS's and not Nightbus's, such as the runtime of a function."""

    def unsupported(self, properties: Mapping[str, Any]) -> str | None:
        """The first such value with its property, as "Runtime nodejs22.x", or None.

        Asked when changes are planned, before anything is made: a value that is not known yet is UNKNOWN, and
        judged by its service when it is.
        """
        ...


class StackEngine(Protocol):
    """What carries out the operations that the CloudFormation service puts into `operation_queue`."""

    async def settled(self, scope: Scope, stack_id: str, patience: float | None = None) -> None:
        """Return when nothing is under way for this stack any more, or after `patience` seconds."""
        ...
