"""Implements AWS::IAM::ManagedPolicy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import arn, is_arn
from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.iam.principals import PRINCIPALS, attach, detach
from nightbus.stacks.resources.live_values import policy_document
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing, is_there_already, undone_on_failure
from nightbus.stacks.resources.tags import as_list, belongs_to_resource, mark, tag_map
from nightbus.stacks.resources.values import changed, document_text, selected_properties, text, written_time

_LONGEST_NAME = 128
_MOST_VERSIONS = 5


class IamManagedPolicy:
    type_name = "AWS::IAM::ManagedPolicy"
    properties = frozenset(
        {"Description", "Groups", "ManagedPolicyName", "Path", "PolicyDocument", "Roles", "Users"}
    )
    required = frozenset({"PolicyDocument"})
    replace_on = frozenset({"Description", "ManagedPolicyName", "Path"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        template_name = properties.get("ManagedPolicyName")
        return (
            str(template_name)
            if template_name
            else generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)
        )

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        policy_arn = _arn(str(name), properties, ctx)
        try:
            await ctx.operation(
                "iam", "CreatePolicy", PolicyName=name, PolicyDocument=document_text(properties["PolicyDocument"]),
                Tags=as_list(mark(ctx)), **selected_properties(properties, "Description", "Path"),
            )  # fmt: skip
        except AwsError as error:
            if not is_there_already(error):
                raise
            existing = await ctx.inspect("iam", "GetPolicy", PolicyArn=policy_arn)
            if not belongs_to_resource(tag_map(existing["Policy"].get("Tags") or []), ctx):
                raise
        async with undone_on_failure(self.delete(policy_arn, properties, ctx)):
            await _set_principals(policy_arn, {}, properties, ctx)
            return await _resource(policy_arn, ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        if changed(old, new, "PolicyDocument"):
            await _drop_oldest_version(physical_id, ctx)
            await ctx.operation(
                "iam", "CreatePolicyVersion", PolicyArn=physical_id, SetAsDefault=True,
                PolicyDocument=document_text(new["PolicyDocument"]),
            )  # fmt: skip
        await _set_principals(physical_id, old, new, ctx)
        return await _resource(physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        policy_arn = physical_id if is_arn(physical_id) else _arn(physical_id, properties, ctx)
        with ignore_missing():
            holders = await ctx.operation("iam", "ListEntitiesForPolicy", PolicyArn=policy_arn)
            for noun in PRINCIPALS.values():
                for holder in holders[f"Policy{noun}s"]:
                    await detach(noun, holder[f"{noun}Name"], policy_arn, ctx)
            for version in await _spare_versions(policy_arn, ctx):
                await ctx.operation("iam", "DeletePolicyVersion", PolicyArn=policy_arn, VersionId=version)
            await ctx.operation("iam", "DeletePolicy", PolicyArn=policy_arn)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        policy = dict((await ctx.operation("iam", "GetPolicy", PolicyArn=physical_id))["Policy"])
        version = {"PolicyArn": physical_id, "VersionId": policy["DefaultVersionId"]}
        reply = await ctx.operation("iam", "GetPolicyVersion", **version)
        holders = await ctx.operation("iam", "ListEntitiesForPolicy", PolicyArn=physical_id)
        shown: dict[str, Any] = {"ManagedPolicyName": policy["PolicyName"], "PolicyArn": physical_id}
        for member, noun in PRINCIPALS.items():
            names = [holder[f"{noun}Name"] for holder in holders[f"Policy{member}"]]
            declared = properties.get(member) or ()  # a role may name the policy by itself
            shown[member] = [name for name in names if not properties or name in declared]
        document = policy_document(reply["PolicyVersion"]["Document"])
        return {**policy, **shown, "PolicyDocument": document}


async def _set_principals(
    policy_arn: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
) -> None:
    for member, noun in PRINCIPALS.items():
        before, after = old.get(member) or [], new.get(member) or []
        for name in before:
            if name not in after:
                await detach(noun, name, policy_arn, ctx)
        for name in after:
            if name not in before:
                await attach(noun, name, policy_arn, ctx)


def _arn(name: str, properties: Mapping[str, Any], ctx: ResourceContext) -> str:
    """Return the policy's ARN from its name, which is all that is known after an interrupted creation."""
    path = properties.get("Path") or "/"
    return arn("iam", "", ctx.call.scope.account, f"policy{path}{name}")


async def _spare_versions(policy_arn: str, ctx: ResourceContext) -> list[str]:
    """Return the ids of the versions that are not the default, the oldest first."""
    listed = await ctx.operation("iam", "ListPolicyVersions", PolicyArn=policy_arn)
    spare = [version["VersionId"] for version in listed["Versions"] if not version["IsDefaultVersion"]]
    return sorted(spare, key=lambda version: int(version[1:]))


async def _drop_oldest_version(policy_arn: str, ctx: ResourceContext) -> None:
    spare = await _spare_versions(policy_arn, ctx)
    if len(spare) >= _MOST_VERSIONS - 1:
        await ctx.operation("iam", "DeletePolicyVersion", PolicyArn=policy_arn, VersionId=spare[0])


async def _resource(policy_arn: str, ctx: ResourceContext) -> Resource:
    policy = (await ctx.inspect("iam", "GetPolicy", PolicyArn=policy_arn))["Policy"]
    names = (
        "AttachmentCount",
        "DefaultVersionId",
        "IsAttachable",
        "PermissionsBoundaryUsageCount",
        "PolicyId",
    )
    attributes = {name: text(policy[name]) for name in names}
    times = {name: written_time(policy[name]) for name in ("CreateDate", "UpdateDate")}
    return Resource(policy_arn, {"PolicyArn": policy_arn, **attributes, **times})
