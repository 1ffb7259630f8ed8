"""Implements the resource types that put a policy on queues or topics. The types differ only in their calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.live_values import json_value
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing
from nightbus.stacks.resources.values import document_text

SetPolicy = Callable[[str, str, ResourceContext], Awaitable[None]]  # queue or topic, policy or "" for none
GetPolicy = Callable[[str, ResourceContext], Awaitable[str]]  # queue or topic; "" for none

_DOCUMENT = "PolicyDocument"
_LONGEST_NAME = 80


class PolicyOfMany:
    """A policy on several queues or topics, which the property `target_property` lists."""

    def __init__(
        self, type_name: str, target_property: str, set_policy: SetPolicy, get_policy: GetPolicy
    ) -> None:
        self.type_name = type_name
        self.properties = frozenset({_DOCUMENT, target_property})
        self.required = self.properties
        self.replace_on: frozenset[str] = frozenset()
        self._target_property = target_property
        self._set = set_policy
        self._get = get_policy

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        for one in properties[self._target_property]:
            await self._set(one, document_text(properties[_DOCUMENT]), ctx)
        return Resource(str(name), {"Id": str(name)})

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        await self._clear(set(old[self._target_property]) - set(new[self._target_property]), ctx)
        return await self.create(new, physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        await self._clear(properties.get(self._target_property) or (), ctx)

    async def _clear(self, targets: Iterable[str], ctx: ResourceContext) -> None:
        for one in sorted(targets):
            with ignore_missing():
                await self._set(one, "", ctx)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        """Of several policies the one that differs from the declared one is shown, since the type has only one."""
        policies: dict[str, str] = {}
        for one in properties[self._target_property]:
            with ignore_missing():
                policies[one] = await self._get(one, ctx)
        present = {one: policy for one, policy in policies.items() if policy}
        if not present:
            return None
        declared = json_value(properties.get(_DOCUMENT))
        different = [policy for policy in present.values() if json_value(policy) != declared]
        shown = (different or list(present.values()))[0]
        return {_DOCUMENT: shown, self._target_property: list(present), "Id": physical_id}


class PolicyOfOne:
    """A policy on one queue or topic, which the property `target_property` names. Its value is the physical id."""

    def __init__(
        self, type_name: str, target_property: str, set_policy: SetPolicy, get_policy: GetPolicy
    ) -> None:
        self.type_name = type_name
        self.properties = frozenset({_DOCUMENT, target_property})
        self.required = self.properties
        self.replace_on = frozenset({target_property})
        self._target_property = target_property
        self._set = set_policy
        self._get = get_policy

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return None

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        target = str(properties[self._target_property])
        await self._set(target, document_text(properties[_DOCUMENT]), ctx)
        return Resource(target)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return await self.create(new, None, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await self._set(physical_id, "", ctx)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        policy = await self._get(physical_id, ctx)
        return {_DOCUMENT: policy, self._target_property: physical_id} if policy else None
