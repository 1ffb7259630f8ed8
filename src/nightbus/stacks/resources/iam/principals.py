"""Sets the policies of a role, a user or a group, for the resource types that have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.stacks.interface import ResourceContext
from nightbus.stacks.resources.live_values import policy_document
from nightbus.stacks.resources.outcomes import ignore_missing
from nightbus.stacks.resources.tags import as_list, tag_map
from nightbus.stacks.resources.values import document_text

PRINCIPALS = {"Roles": "Role", "Users": "User", "Groups": "Group"}  # a property, and what its values name


async def put_inline(noun: str, name: str, policy: str, document: Any, ctx: ResourceContext) -> None:
    """Put an inline policy into a principal. `noun` is Role, User or Group, as in the operations' names.

    CloudFormation takes a number for a name, which IAM does not.
    """
    await ctx.operation(
        "iam", f"Put{noun}Policy", PolicyName=str(policy), PolicyDocument=document_text(document),
        **{f"{noun}Name": str(name)},
    )  # fmt: skip


async def delete_inline(noun: str, name: str, policy: str, ctx: ResourceContext) -> None:
    with ignore_missing():
        await ctx.operation(
            "iam", f"Delete{noun}Policy", PolicyName=str(policy), **{f"{noun}Name": str(name)}
        )


async def attach(noun: str, name: str, policy_arn: str, ctx: ResourceContext) -> None:
    await ctx.operation("iam", f"Attach{noun}Policy", PolicyArn=policy_arn, **{f"{noun}Name": name})


async def detach(noun: str, name: str, policy_arn: str, ctx: ResourceContext) -> None:
    with ignore_missing():
        await ctx.operation("iam", f"Detach{noun}Policy", PolicyArn=policy_arn, **{f"{noun}Name": name})


async def set_policies(
    noun: str, name: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
) -> None:
    """Set the inline and attached policies of the template. Other policies of the principal stay."""
    before = {policy["PolicyName"]: policy["PolicyDocument"] for policy in old.get("Policies") or ()}
    after = {policy["PolicyName"]: policy["PolicyDocument"] for policy in new.get("Policies") or ()}
    for policy in before.keys() - after.keys():
        await delete_inline(noun, name, policy, ctx)
    for policy, document in after.items():
        if before.get(policy) != document:
            await put_inline(noun, name, policy, document, ctx)
    attached, desired = old.get("ManagedPolicyArns") or [], new.get("ManagedPolicyArns") or []
    for arn in sorted(set(attached) - set(desired)):
        await detach(noun, name, arn, ctx)
    for arn in dict.fromkeys(desired):
        if arn not in attached:
            await attach(noun, name, arn, ctx)


async def drop_policies(noun: str, name: str, ctx: ResourceContext) -> None:
    """Detach and delete all policies of a principal. Raises AwsError if the principal does not exist."""
    chosen = {f"{noun}Name": name}
    attached = await ctx.operation("iam", f"ListAttached{noun}Policies", **chosen)
    for policy in attached["AttachedPolicies"]:
        await detach(noun, name, policy["PolicyArn"], ctx)
    inline = await ctx.operation("iam", f"List{noun}Policies", **chosen)
    for policy in inline["PolicyNames"]:
        await delete_inline(noun, name, policy, ctx)


async def policies_now(
    noun: str, name: str, properties: Mapping[str, Any], ctx: ResourceContext
) -> dict[str, Any]:
    """Return the properties ManagedPolicyArns and Policies as they are now.

    Of the inline policies those that the template declares: others are resources of their own, AWS::IAM::Policy.
    """
    chosen = {f"{noun}Name": name}
    attached = await ctx.operation("iam", f"ListAttached{noun}Policies", **chosen)
    names = (await ctx.operation("iam", f"List{noun}Policies", **chosen))["PolicyNames"]
    if properties:
        declared = {policy["PolicyName"] for policy in properties.get("Policies") or ()}
        names = [one for one in names if one in declared]
    return {
        "ManagedPolicyArns": [policy["PolicyArn"] for policy in attached["AttachedPolicies"]],
        "Policies": [
            {"PolicyName": one, "PolicyDocument": await inline_now(noun, name, one, ctx)} for one in names
        ],
    }


async def inline_now(noun: str, name: str, policy: str, ctx: ResourceContext) -> Any:
    """Return an inline policy's document. Raises AwsError NoSuchEntity."""
    reply = await ctx.operation("iam", f"Get{noun}Policy", PolicyName=policy, **{f"{noun}Name": name})
    return policy_document(reply["PolicyDocument"])


async def set_boundary(noun: str, name: str, policy_arn: str | None, ctx: ResourceContext) -> None:
    chosen = {f"{noun}Name": name}
    if policy_arn is None:
        await ctx.operation("iam", f"Delete{noun}PermissionsBoundary", **chosen)
    else:
        await ctx.operation("iam", f"Put{noun}PermissionsBoundary", PermissionsBoundary=policy_arn, **chosen)


async def retag(noun: str, shown: Mapping[str, Any], tags: Mapping[str, str], ctx: ResourceContext) -> None:
    """Set a principal's tags. `shown` is what its Get operation returns."""
    chosen = {f"{noun}Name": shown[f"{noun}Name"]}
    existing = tag_map(shown.get("Tags") or [])
    surplus = sorted(set(existing) - set(tags))
    if surplus:
        await ctx.operation("iam", f"Untag{noun}", TagKeys=surplus, **chosen)
    if existing != dict(tags):
        await ctx.operation("iam", f"Tag{noun}", Tags=as_list(tags), **chosen)
