"""Implements AWS::IAM::User."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.iam.principals import (
    drop_policies,
    policies_now,
    retag,
    set_boundary,
    set_policies,
)
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing, is_there_already, undone_on_failure
from nightbus.stacks.resources.tags import all_tags, as_list, belongs_to_resource, own_tags, tag_map
from nightbus.stacks.resources.values import boolean, changed, selected_properties

_LONGEST_NAME = 64


class IamUser:
    type_name = "AWS::IAM::User"
    properties = frozenset(
        {
            "Groups",
            "LoginProfile",
            "ManagedPolicyArns",
            "Path",
            "PermissionsBoundary",
            "Policies",
            "Tags",
            "UserName",
        }
    )
    required: frozenset[str] = frozenset()
    replace_on = frozenset({"UserName"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        template_name = properties.get("UserName")
        return str(template_name or generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME))

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = selected_properties(properties, "Path", "PermissionsBoundary")
        try:
            await ctx.operation(
                "iam", "CreateUser", UserName=name, Tags=as_list(all_tags(properties, ctx)), **request
            )
        except AwsError as error:
            if not is_there_already(error):
                raise
            user = (await ctx.operation("iam", "GetUser", UserName=name))["User"]
            if not belongs_to_resource(tag_map(user.get("Tags") or []), ctx):
                raise
        async with undone_on_failure(self.delete(str(name), properties, ctx)):
            await set_policies("User", str(name), {}, properties, ctx)
            await _join(str(name), properties.get("Groups") or (), ctx)
            if properties.get("LoginProfile"):
                await _set_login(str(name), properties["LoginProfile"], ctx)
        return _resource((await ctx.operation("iam", "GetUser", UserName=name))["User"])

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        if changed(old, new, "Path"):
            await ctx.operation("iam", "UpdateUser", UserName=physical_id, NewPath=new.get("Path") or "/")
        if changed(old, new, "PermissionsBoundary"):
            await set_boundary("User", physical_id, new.get("PermissionsBoundary"), ctx)
        await set_policies("User", physical_id, old, new, ctx)
        before, after = old.get("Groups") or [], new.get("Groups") or []
        await _leave(physical_id, [group for group in before if group not in after], ctx)
        await _join(physical_id, [group for group in after if group not in before], ctx)
        if changed(old, new, "LoginProfile"):
            await _set_login(physical_id, new.get("LoginProfile"), ctx)
        user = (await ctx.inspect("iam", "GetUser", UserName=physical_id))["User"]
        await retag("User", user, all_tags(new, ctx), ctx)
        return _resource(user)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        """Delete the user with all policies and memberships, but not with access keys of somebody else."""
        with ignore_missing():
            groups = await ctx.operation("iam", "ListGroupsForUser", UserName=physical_id)
            await _leave(physical_id, [group["GroupName"] for group in groups["Groups"]], ctx)
            await drop_policies("User", physical_id, ctx)
            if properties.get("LoginProfile"):
                await _set_login(physical_id, None, ctx)
            await ctx.operation("iam", "DeleteUser", UserName=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        user = dict((await ctx.operation("iam", "GetUser", UserName=physical_id))["User"])
        groups = await ctx.operation("iam", "ListGroupsForUser", UserName=physical_id)
        names = [group["GroupName"] for group in groups["Groups"]]
        if properties:  # others are AWS::IAM::UserToGroupAddition's
            names = [name for name in names if name in (properties.get("Groups") or ())]
        boundary = user.get("PermissionsBoundary") or {}
        return {
            **user,
            **await policies_now("User", physical_id, properties, ctx),
            "Groups": names,
            **await _login_now(physical_id, properties, ctx),
            "PermissionsBoundary": boundary.get("PermissionsBoundaryArn"),
            "Tags": own_tags(tag_map(user.get("Tags") or [])),
        }


async def _join(user: str, groups: Iterable[str], ctx: ResourceContext) -> None:
    for group in groups:
        await ctx.operation("iam", "AddUserToGroup", UserName=user, GroupName=group)


async def _leave(user: str, groups: Iterable[str], ctx: ResourceContext) -> None:
    for group in groups:
        with ignore_missing():
            await ctx.operation("iam", "RemoveUserFromGroup", UserName=user, GroupName=group)


async def _set_login(user: str, profile: Mapping[str, Any] | None, ctx: ResourceContext) -> None:
    """Give the user this login profile, or take away the one that it has."""
    if profile is None:
        with ignore_missing():
            await ctx.operation("iam", "DeleteLoginProfile", UserName=user)
        return
    request = selected_properties(
        profile, "Password", "PasswordResetRequired", kinds={"PasswordResetRequired": boolean}
    )
    request = {"PasswordResetRequired": False, **request}
    try:
        await ctx.operation("iam", "CreateLoginProfile", UserName=user, **request)
    except AwsError as error:
        if not is_there_already(error):
            raise
        await ctx.operation("iam", "UpdateLoginProfile", UserName=user, **request)


async def _login_now(
    user: str, properties: Mapping[str, Any], ctx: ResourceContext
) -> dict[str, dict[str, Any] | None]:
    """Return the profile that the user has, with the password that the stack has set: none shows its password."""
    declared = properties.get("LoginProfile")
    if not isinstance(declared, Mapping):
        return {}
    try:
        shown = (await ctx.operation("iam", "GetLoginProfile", UserName=user))["LoginProfile"]
    except AwsError as error:
        if error.code != "NoSuchEntity":
            raise
        return {"LoginProfile": None}
    reset = {name: shown[name] for name in ("PasswordResetRequired",) if name in declared}
    return {"LoginProfile": {**declared, **reset}}


def _resource(user: Mapping[str, Any]) -> Resource:
    return Resource(user["UserName"], {"Arn": user["Arn"]})
