"""Implements AWS::IAM::InstanceProfile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing, is_there_already, undone_on_failure
from nightbus.stacks.resources.tags import as_list, belongs_to_resource, mark, tag_map
from nightbus.stacks.resources.values import selected_properties

_LONGEST_NAME = 128


class IamInstanceProfile:
    type_name = "AWS::IAM::InstanceProfile"
    properties = frozenset({"InstanceProfileName", "Path", "Roles"})
    required = frozenset({"Roles"})
    replace_on = frozenset({"InstanceProfileName", "Path"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        template_name = properties.get("InstanceProfileName")
        return str(template_name or generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME))

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = selected_properties(properties, "Path")
        try:
            await ctx.operation(
                "iam",
                "CreateInstanceProfile",
                InstanceProfileName=name,
                Tags=as_list(mark(ctx)),
                **request,
            )
        except AwsError as error:
            if not is_there_already(error):
                raise
            profile = await _shown(str(name), ctx)
            if not belongs_to_resource(tag_map(profile.get("Tags") or []), ctx):
                raise
        async with undone_on_failure(self.delete(str(name), properties, ctx)):
            await _set_roles(str(name), properties["Roles"], ctx)
        return Resource(str(name), {"Arn": (await _shown(str(name), ctx))["Arn"]})

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        await _set_roles(physical_id, new["Roles"], ctx)
        return Resource(physical_id, {"Arn": (await _shown(physical_id, ctx))["Arn"]})

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await _set_roles(physical_id, (), ctx)
            await ctx.operation("iam", "DeleteInstanceProfile", InstanceProfileName=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        profile = await _shown(physical_id, ctx)
        return {**profile, "Roles": [role["RoleName"] for role in profile["Roles"]]}


async def _shown(name: str, ctx: ResourceContext) -> Mapping[str, Any]:
    reply = await ctx.operation("iam", "GetInstanceProfile", InstanceProfileName=name)
    shown: Mapping[str, Any] = reply["InstanceProfile"]
    return shown


async def _set_roles(name: str, roles: Iterable[str], ctx: ResourceContext) -> None:
    existing = [role["RoleName"] for role in (await _shown(name, ctx))["Roles"]]
    desired = list(dict.fromkeys(roles))
    for role in existing:
        if role not in desired:
            await ctx.operation(
                "iam", "RemoveRoleFromInstanceProfile", InstanceProfileName=name, RoleName=role
            )
    for role in desired:
        if role not in existing:
            await ctx.operation("iam", "AddRoleToInstanceProfile", InstanceProfileName=name, RoleName=role)
