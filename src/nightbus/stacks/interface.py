"""Declares the protocols between the engine, the resource types and the CloudFormation service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

from nightbus.aws.calls import Call, Operations, Scope
from nightbus.aws.errors import AwsError
from nightbus.clock import Clock
from nightbus.stacks.callbacks.stack_callbacks import StackCallbacks
from nightbus.stacks.contention import is_contended, pauses

_READINGS = ("BatchGet", "Describe", "Get", "Head", "List")


async def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class ResourceContext:
    """What a resource type gets when it creates, updates or deletes a resource of a stack."""

    call: Call
    operations: Operations
    clock: Clock
    stack_id: str
    stack_name: str
    logical_id: str
    tags: Mapping[str, str] = field(default_factory=dict)  # the stack's own, aws:cloudformation:* included
    callbacks: StackCallbacks | None = None
    planned_name: str = ""  # that a change set has given to a nested stack
    continues: bool = (
        False  # a failed rollback goes on; `skip` are the resources of a nested stack that it leaves out
    )
    skip: tuple[str, ...] = ()
    is_cancelled: Callable[[], Awaitable[bool]] = field(default=_never)  # whether the stack's operation is
    changes: list[str] = field(default_factory=list)  # the operations that have changed something

    async def operation(self, service: str, name: str, /, **params: Any) -> dict[str, Any]:
        """Call an operation of a service, and repeat the call while a concurrent change makes it fail."""
        reply = await self._repeated(service, name, params)
        if not name.startswith(_READINGS):
            self.changes.append(name)
        return reply

    async def inspect(self, service: str, name: str, /, **params: Any) -> dict[str, Any]:
        """Read, in the node's own name, whether a resource is there already and which tags it has.

        AWS's CloudFormation knows that by itself, so the permissions of its handlers do not name it.
        """
        if not name.startswith(_READINGS):
            raise ValueError(f"{name} is not a reading operation")
        return await self.operations.call(service, name, params, replace(self.call, trusted=True))

    async def _repeated(self, service: str, name: str, params: Mapping[str, Any]) -> dict[str, Any]:
        call = self.call.through("cloudformation")
        for pause in pauses():
            try:
                return await self.operations.call(service, name, params, call)
            except AwsError as error:
                if not is_contended(error):
                    raise
                await self.clock.sleep(pause)
        return await self.operations.call(service, name, params, call)


@dataclass(frozen=True, slots=True)
class Resource:
    """A provisioned resource. Ref evaluates to `physical_id`, Fn::GetAtt to one of `attributes`, which are secret with
    `no_echo`."""

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    no_echo: bool = False


class ResourceFailure(AwsError):
    """A resource failed, and the message is the whole reason of its event.

    `leftover` is the physical id of what a failed creation may have left behind, and the stack must delete; empty for
    nothing.
    """

    def __init__(self, message: str, *, leftover: str = "") -> None:
        super().__init__("ResourceFailure", message)
        self.leftover = leftover


class ResourceType(Protocol):
    """A resource type: a class without state, in a file of its own in `resources/`.

    Each method is idempotent as far as possible, because it runs again after a crash. Errors of services (AwsError) are
    not caught; the engine makes the stack event's reason from them.
    """

    type_name: str  # "AWS::Lambda::Function"
    properties: frozenset[str]  # top-level properties that have an effect; others are refused by name
    required: frozenset[str]
    replace_on: frozenset[str]  # properties whose change needs a new physical resource

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        """Return the name for `create`, or None if the service chooses the id.

        The engine stores the name before it calls `create` with it, so that a crash leaves no orphan.
        """
        ...

    async def create(
        self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext
    ) -> Resource: ...

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        """Update the resource in place. The engine calls it only if no property of `replace_on` has changed."""
        ...

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        """Delete the resource. Succeeds if there is nothing to delete.

        After a failed creation `physical_id` is the name that `physical_name` chose.
        """
        ...


@runtime_checkable
class JudgesValues(Protocol):
    """A resource type that AWS supports with more values than Nightbus, such as the runtimes of a function."""

    def unsupported(self, properties: Mapping[str, Any]) -> str | None:
        """Return the first unsupported value with its property, such as "Runtime ruby3.3", or None.

        The planner calls it before anything is made. A value that is not known yet is UNKNOWN; its service checks it
        once it is known.
        """
        ...


def has_further_properties(kind: ResourceType) -> bool:
    """Return whether a template may give resources of the type any property besides those of `properties`."""
    return getattr(kind, "has_further_properties", False)


@runtime_checkable
class RefusesUpdates(Protocol):
    """A resource type with changes that it refuses before anything is done."""

    def refused_update(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
        """Return the reason why the resource cannot be updated from the `old` properties to the `new` ones, or None."""
        ...


@runtime_checkable
class ReadsState(Protocol):
    """A resource type whose resources can be read: for drift, the Cloud Control API and imports."""

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        """Return the resource as it is now, under the names of its schema's properties, read-only ones included.

        None, or an AwsError of `is_gone`, says that there is no such resource. `properties` are those it was made with;
        they are empty where only the id is known. A value may be text where the schema has a number, a boolean or an
        object, and members that the schema does not have may be there: `live_properties` mends both, so call that.
        """
        ...


@runtime_checkable
class HasIdentifier(Protocol):
    """A resource type whose physical id is not the primary identifier of its schema, joined by `|`."""

    def physical_id_of(self, identifier: Mapping[str, str]) -> str:
        """Return the physical id for the values of the primary identifier, which are by property."""
        ...


class StackEngine(Protocol):
    """The engine as the CloudFormation service sees it. It carries out the operations in `operation_queue`."""

    async def settled(self, scope: Scope, stack_id: str, patience: float | None = None) -> None:
        """Return when no operation runs on the stack, or after `patience` seconds; None waits without a limit."""
        ...
