"""Implements AWS::IAM::UserToGroupAddition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing

_LONGEST_NAME = 128


class IamUserToGroupAddition:
    type_name = "AWS::IAM::UserToGroupAddition"
    properties = frozenset({"GroupName", "Users"})
    required = frozenset({"GroupName", "Users"})
    replace_on: frozenset[str] = frozenset()

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        for user in properties["Users"]:
            await ctx.operation("iam", "AddUserToGroup", GroupName=properties["GroupName"], UserName=user)
        return Resource(str(name), {"Id": str(name)})

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        stay = new["Users"] if old["GroupName"] == new["GroupName"] else ()
        await _remove(old["GroupName"], [user for user in old["Users"] if user not in stay], ctx)
        return await self.create(new, physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        await _remove(properties["GroupName"], properties["Users"], ctx)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        group = properties["GroupName"]
        members = (await ctx.operation("iam", "GetGroup", GroupName=group))["Users"]
        names = {user["UserName"] for user in members}
        users = [user for user in properties["Users"] if user in names]
        return {"Id": physical_id, "GroupName": group, "Users": users} if users else None


async def _remove(group: str, users: Iterable[str], ctx: ResourceContext) -> None:
    for user in users:
        with ignore_missing():
            await ctx.operation("iam", "RemoveUserFromGroup", GroupName=group, UserName=user)
