"""Holds what the steps of a running operation share: the stack, its resources, and the commits that store them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from nightbus.aws.calls import Operations, Scope
from nightbus.clock import Clock
from nightbus.stacks.callbacks.responses import RESPONSE, read_requests
from nightbus.stacks.callbacks.signals import ended_waits
from nightbus.stacks.callbacks.stack_callbacks import StackCallbacks
from nightbus.stacks.events import resource_event, stack_event
from nightbus.stacks.interface import ResourceContext, ResourceType
from nightbus.stacks.notifications import notify
from nightbus.stacks.reasons import EXPRESS_COMPLETED
from nightbus.stacks.records import (
    CHANGE_SET,
    EXPRESS,
    Deployment,
    Stack,
    StackRecords,
    StackResource,
    put_resource,
    put_stack,
)
from nightbus.stacks.secrecy import masked, parameter_secrets, secret_texts, without_texts
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import Append, Change, DeleteRecord, PutRecord, Store
from nightbus.store.vault import Vault

_SHORTEST_IN_SENTENCES = 4
_FAILURES = ("ROLLBACK", "FAILED")


class StackGone(LookupError):
    """The stack's record no longer exists."""


class StackOperation:
    """One stack while an operation runs on it.

    `interrupted`: a step has failed, and running steps count as cancelled.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        operations: Operations,
        vault: Vault,
        types: Mapping[str, ResourceType],
        scope: Scope,
        callbacks: StackCallbacks | None = None,
    ) -> None:
        self.store = store
        self.clock = clock
        self.operations = operations
        self.vault = vault
        self.types = types
        self.scope = scope
        self.callbacks = callbacks
        self.records = StackRecords(store, scope, vault)
        self.resources: dict[str, StackResource] = {}
        self.tags: dict[str, str] = {}
        self.interrupted = False
        self.timed_out = False
        self._secrets: dict[tuple[str, str], list[str]] = {}  # by target and last good deployment
        self._event_time = 0  # UTC ms, of the last event
        self.stack: Stack

    async def open(self, stack_id: str) -> None:
        stored = await self.records.stack(stack_id)
        if stored is None:
            raise StackGone(f"there is no stack {stack_id}")
        self.stack = stored.value
        self.resources = await self.records.resources(self.stack)

    async def target(self) -> Deployment:
        """Return the deployment under way, or the last good one."""
        deployment = await self.records.deployment(self.stack, self.stack.described_deployment)
        self.tags = deployment.tags
        return deployment

    def context(self, logical_id: str) -> ResourceContext:
        tags = {
            **self.tags,
            "aws:cloudformation:stack-name": self.stack.name,
            "aws:cloudformation:stack-id": self.stack.id,
            "aws:cloudformation:logical-id": logical_id,
        }
        return ResourceContext(
            self.stack.call(self.scope),
            self.operations,
            self.clock,
            self.stack.id,
            self.stack.name,
            logical_id,
            tags,
            self.callbacks,
            self.stack.planned_names.get(logical_id, ""),
            self.stack.continues and self.stack.status.startswith("UPDATE_ROLLBACK"),
            tuple(
                name.removeprefix(f"{logical_id}.")
                for name in self.stack.skip
                if name.startswith(f"{logical_id}.")
            ),
            self.is_cancelled,
        )

    async def save(
        self,
        resource: StackResource,
        *transitions: tuple[str, str],
        physical_id: str | None = None,
        properties: dict[str, Any] | None = None,
    ) -> None:
        """Store the resource with its events, each a status and a reason. The last one is the resource's state.

        With `physical_id` the events are about another physical resource than the current one, whose state stays.
        """
        now = self.clock.now_ms()
        secrets = await self.secrets()
        if self.stack.mode == EXPRESS:
            transitions = tuple((status, reason or _express_reason(status)) for status, reason in transitions)
        if transitions and physical_id is None:
            resource.status, reason = transitions[-1]
            resource.reason, resource.time = without_texts(reason, _long(secrets)), now
        shown, long = without_texts(masked(resource.type, properties), secrets), _long(secrets)
        events = [
            resource_event(
                self.scope, self.stack, resource, self._next_event_time(now), status,
                without_texts(reason, long), physical_id=physical_id, properties=shown,
            )
            for status, reason in transitions
        ]  # fmt: skip
        await self.store.commit(await self.put_of(resource), *events)
        self.resources[resource.logical_id] = resource
        await notify(self.operations, self.scope, self.stack, events)

    def _next_event_time(self, now: int) -> int:
        """No two events of an operation have the same time: the CDK sorts by it, and reversed those that have."""
        self._event_time = max(now, self._event_time + 1)
        return self._event_time

    async def put_of(self, resource: StackResource) -> PutRecord:
        return await put_resource(
            self.vault, self.scope, self.stack, resource, await self._parameter_secrets()
        )

    async def secrets(self) -> list[str]:
        """Return the texts to mask: values of parameters with NoEcho, and attributes of resources that answered so."""
        hidden = (
            one.current.attributes for one in self.resources.values() if one.current and one.current.no_echo
        )
        texts = {*secret_texts(hidden), *await self._parameter_secrets()}
        return sorted(texts, key=len, reverse=True)

    async def _parameter_secrets(self) -> list[str]:
        key = (self.stack.target, self.stack.deployment)
        if key not in self._secrets:
            found: list[str] = []
            for id in filter(None, key):
                with suppress(LookupError):
                    deployment = await self.records.deployment(self.stack, id)
                    found += parameter_secrets(deployment.processed, deployment.values)
            self._secrets[key] = sorted(set(found), key=len, reverse=True)
        return self._secrets[key]

    async def change_state(self, status: str, reason: str = "", *also: Change, **fields: Any) -> None:
        """Set the stack's next state, with its event and everything that changes with it, in one commit.

        `also` has further changes, `fields` further members of the stack to set. Nothing changes if a request has set
        another state meanwhile; then the phase of that state is next.
        """
        reason = without_texts(reason, _long(await self.secrets()))
        event = await self._change_state(status, reason, *also, **fields)
        if event is not None:
            await notify(self.operations, self.scope, self.stack, [event])

    @retries_on_conflict
    async def _change_state(self, status: str, reason: str, *also: Change, **fields: Any) -> Append | None:
        """Return the event, None if nothing has changed."""
        stored = await self.records.stack(self.stack.id)
        if stored is None:
            raise StackGone(f"the stack {self.stack.id} is gone")
        if stored.value.status != self.stack.status:  # its deletion was requested meanwhile
            self.stack = stored.value
            return None
        stack, now = stored.value, self.clock.now_ms()
        stack.status, stack.status_reason = status, reason
        if stack.status == "DELETE_COMPLETE":
            stack.deleted = now
        for name, value in fields.items():
            setattr(stack, name, value)
        changes = [put_stack(self.scope, stack, stored.revision), *also, *await self._executed(stack)]
        changes += await self._answered(stack)
        event = stack_event(self.scope, stack, self._next_event_time(now), status, reason)
        await self.store.commit(*changes, event)
        self.stack = stack
        return event

    @retries_on_conflict
    async def cancel(self) -> None:
        """Cancel what goes forward, as a request does it."""
        stored = await self.records.stack(self.stack.id)
        if stored is not None and stored.value.status == self.stack.status:
            stored.value.cancelled = True
            await self.store.commit(put_stack(self.scope, stored.value, stored.revision))

    async def is_cancelled(self) -> bool:
        """Return whether the stack's update was cancelled, or its deletion requested while it is created."""
        stored = await self.records.stack(self.stack.id)
        if stored is None:
            return False
        goes_forward = self.stack.status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")
        cancelled = stored.value.cancelled and goes_forward
        return cancelled or stored.value.status != self.stack.status

    async def _answered(self, stack: Stack) -> list[Change]:
        """Return the deletions of requests to custom resources and of waits, once the stack is in a state of rest."""
        if stack.status.endswith("IN_PROGRESS"):
            return []
        names = [(RESPONSE, key) for key in await read_requests(self.store, self.scope, stack.key)]
        names += await ended_waits(self.store, self.scope, stack.key)
        return [DeleteRecord(self.scope, kind, key) for kind, key in names]

    async def _executed(self, stack: Stack) -> list[Change]:
        """Return the change of the executed change set's status, once the stack is in a state of rest.

        Nested stacks that are in review for it, and that the operation has not come to, are deleted.
        """
        if stack.status.endswith("IN_PROGRESS") or not stack.change_set:
            return []
        stored = await self.records.change_set(stack.change_set)
        if stored is None or stored.value.execution_status != "EXECUTE_IN_PROGRESS":
            return []
        failed = any(word in stack.status for word in _FAILURES)
        stored.value.execution_status = "EXECUTE_FAILED" if failed else "EXECUTE_COMPLETE"
        below = await self.records.in_review_below(stored.value)
        return [
            PutRecord(self.scope, CHANGE_SET, stored.value.key, asdict(stored.value)),
            *(DeleteRecord(self.scope, kind, key) for kind, key in below),
        ]


def _express_reason(status: str) -> str:
    """Return CloudFormation's reason, in express mode, for a resource whose configuration is applied."""
    return EXPRESS_COMPLETED if status.endswith("_COMPLETE") else ""


def _long(secrets: Sequence[str]) -> list[str]:
    """Return the secrets to mask in sentences: in these, a short one would mask parts of other words."""
    return [one for one in secrets if len(one) >= _SHORTEST_IN_SENTENCES]
