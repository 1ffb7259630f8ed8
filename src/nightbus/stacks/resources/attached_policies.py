"""Types that put one policy on several queues or topics, or on one: only the calls differ."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import gone_is_fine
from nightbus.stacks.resources.values import document

SetPolicy = Callable[[str, str, ResourceContext], Awaitable[None]]  # where, the policy or "" for none

_DOCUMENT = "PolicyDocument"
_LONGEST_NAME = 80


class PolicyOfMany:
    """`where` is the property that lists what gets the policy."""

    def __init__(self, type_name: str, where: str, set_policy: SetPolicy) -> None:
        self.type_name = type_name
        self.properties = frozenset({_DOCUMENT, where})
        self.required = self.properties
        self.replace_on: frozenset[str] = frozenset()
        self._where = where
        self._set = set_policy

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        for one in properties[self._where]:
            await self._set(one, document(properties[_DOCUMENT]), ctx)
        return Resource(str(name), {"Id": str(name)})

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        await self._clear(set(old[self._where]) - set(new[self._where]), ctx)
        return await self.create(new, physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        await self._clear(properties.get(self._where) or (), ctx)

    async def _clear(self, places: Iterable[str], ctx: ResourceContext) -> None:
        for one in sorted(places):
            with gone_is_fine():
                await self._set(one, "", ctx)


class PolicyOfOne:
    """`where` is the property that names what gets the policy, and the physical id."""

    def __init__(self, type_name: str, where: str, set_policy: SetPolicy) -> None:
        self.type_name = type_name
        self.properties = frozenset({_DOCUMENT, where})
        self.required = self.properties
        self.replace_on = frozenset({where})
        self._where = where
        self._set = set_policy

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return None

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        place = str(properties[self._where])
        await self._set(place, document(properties[_DOCUMENT]), ctx)
        return Resource(place)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return await self.create(new, None, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with gone_is_fine():
            await self._set(physical_id, "", ctx)
