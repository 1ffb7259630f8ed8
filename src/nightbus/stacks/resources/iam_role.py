"""Implements AWS::IAM::Role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.live_values import policy_document
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing, is_there_already, undone_on_failure
from nightbus.stacks.resources.tags import all_tags, as_list, belongs_to_resource, own_tags, tag_map
from nightbus.stacks.resources.values import changed, document_text, integer_value, selected_properties

_LONGEST_NAME = 64
_DEFAULT_SESSION = 3600


class IamRole:
    type_name = "AWS::IAM::Role"
    properties = frozenset(
        {
            "AssumeRolePolicyDocument", "Description", "ManagedPolicyArns", "MaxSessionDuration", "Path",
            "PermissionsBoundary", "Policies", "RoleName", "Tags",
        }
    )  # fmt: skip
    required = frozenset({"AssumeRolePolicyDocument"})
    replace_on = frozenset({"Path", "RoleName"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        template_name = properties.get("RoleName")
        return (
            str(template_name)
            if template_name
            else generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)
        )

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = selected_properties(
            properties, "Description", "MaxSessionDuration", "Path", "PermissionsBoundary",
            kinds={"MaxSessionDuration": integer_value},
        )  # fmt: skip
        request["AssumeRolePolicyDocument"] = document_text(properties["AssumeRolePolicyDocument"])
        try:
            reply = await ctx.operation(
                "iam", "CreateRole", RoleName=name, Tags=as_list(all_tags(properties, ctx)), **request
            )
        except AwsError as error:
            if not is_there_already(error):
                raise
            reply = await ctx.operation("iam", "GetRole", RoleName=name)
            if not belongs_to_resource(tag_map(reply["Role"].get("Tags") or []), ctx):
                raise
        async with undone_on_failure(self.delete(str(name), properties, ctx)):
            await _set_policies(str(name), {}, properties, ctx)
        return _resource(reply["Role"])

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        if changed(old, new, "AssumeRolePolicyDocument"):
            await ctx.operation(
                "iam", "UpdateAssumeRolePolicy", RoleName=physical_id,
                PolicyDocument=document_text(new["AssumeRolePolicyDocument"]),
            )  # fmt: skip
        if changed(old, new, "Description", "MaxSessionDuration"):
            duration = integer_value(new.get("MaxSessionDuration") or _DEFAULT_SESSION)
            await ctx.operation(
                "iam", "UpdateRole", RoleName=physical_id, Description=new.get("Description") or "",
                MaxSessionDuration=duration,
            )  # fmt: skip
        if changed(old, new, "PermissionsBoundary"):
            await _set_boundary(physical_id, new.get("PermissionsBoundary"), ctx)
        await _set_policies(physical_id, old, new, ctx)
        role = (await ctx.operation("iam", "GetRole", RoleName=physical_id))["Role"]
        await _retag(role, all_tags(new, ctx), ctx)
        return _resource(role)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            attached = await ctx.operation("iam", "ListAttachedRolePolicies", RoleName=physical_id)
            for policy in attached["AttachedPolicies"]:
                await ctx.operation(
                    "iam", "DetachRolePolicy", RoleName=physical_id, PolicyArn=policy["PolicyArn"]
                )
            inline = await ctx.operation("iam", "ListRolePolicies", RoleName=physical_id)
            for name in inline["PolicyNames"]:
                await ctx.operation("iam", "DeleteRolePolicy", RoleName=physical_id, PolicyName=name)
            await ctx.operation("iam", "DeleteRole", RoleName=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        role = dict((await ctx.operation("iam", "GetRole", RoleName=physical_id))["Role"])
        attached = await ctx.operation("iam", "ListAttachedRolePolicies", RoleName=physical_id)
        names = (await ctx.operation("iam", "ListRolePolicies", RoleName=physical_id))["PolicyNames"]
        if properties:  # others are resources of their own, AWS::IAM::Policy
            declared = {policy["PolicyName"] for policy in properties.get("Policies") or ()}
            names = [name for name in names if name in declared]
        inline = [
            await ctx.operation("iam", "GetRolePolicy", RoleName=physical_id, PolicyName=name)
            for name in names
        ]
        boundary = role.get("PermissionsBoundary") or {}
        role |= {
            "AssumeRolePolicyDocument": policy_document(role["AssumeRolePolicyDocument"]),
            "ManagedPolicyArns": [policy["PolicyArn"] for policy in attached["AttachedPolicies"]],
            "PermissionsBoundary": boundary.get("PermissionsBoundaryArn"),
            "Policies": [
                {"PolicyName": one["PolicyName"], "PolicyDocument": policy_document(one["PolicyDocument"])}
                for one in inline
            ],
            "Tags": own_tags(tag_map(role.get("Tags") or [])),
        }
        return role


async def _set_policies(
    role: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
) -> None:
    """Set the inline and attached policies of the template. Other policies of the role stay."""
    before = {policy["PolicyName"]: policy["PolicyDocument"] for policy in old.get("Policies") or ()}
    after = {policy["PolicyName"]: policy["PolicyDocument"] for policy in new.get("Policies") or ()}
    for name in before.keys() - after.keys():
        with ignore_missing():
            await ctx.operation("iam", "DeleteRolePolicy", RoleName=role, PolicyName=name)
    for name, policy in after.items():
        if before.get(name) != policy:
            await ctx.operation(
                "iam", "PutRolePolicy", RoleName=role, PolicyName=name, PolicyDocument=document_text(policy)
            )
    attached, desired = old.get("ManagedPolicyArns") or [], new.get("ManagedPolicyArns") or []
    for arn in set(attached) - set(desired):
        with ignore_missing():
            await ctx.operation("iam", "DetachRolePolicy", RoleName=role, PolicyArn=arn)
    for arn in dict.fromkeys(desired):
        if arn not in attached:
            await ctx.operation("iam", "AttachRolePolicy", RoleName=role, PolicyArn=arn)


async def _set_boundary(role: str, arn: str | None, ctx: ResourceContext) -> None:
    if arn is None:
        await ctx.operation("iam", "DeleteRolePermissionsBoundary", RoleName=role)
    else:
        await ctx.operation("iam", "PutRolePermissionsBoundary", RoleName=role, PermissionsBoundary=arn)


async def _retag(role: Mapping[str, Any], tags: Mapping[str, str], ctx: ResourceContext) -> None:
    existing = tag_map(role.get("Tags") or [])
    surplus = sorted(set(existing) - set(tags))
    if surplus:
        await ctx.operation("iam", "UntagRole", RoleName=role["RoleName"], TagKeys=surplus)
    if existing != dict(tags):
        await ctx.operation("iam", "TagRole", RoleName=role["RoleName"], Tags=as_list(tags))


def _resource(role: Mapping[str, Any]) -> Resource:
    return Resource(role["RoleName"], {"Arn": role["Arn"], "RoleId": role["RoleId"]})
