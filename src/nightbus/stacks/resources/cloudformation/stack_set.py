"""Implements AWS::CloudFormation::StackSet: a stack set with its instances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.outcomes import exists_elsewhere, undone_on_failure
from nightbus.stacks.resources.tags import all_tags, as_list, own_tags, tag_map
from nightbus.stacks.resources.values import boolean, selected_properties, text

_POLL_SECONDS = 0.1
_SETTINGS = ("AdministrationRoleARN", "Capabilities", "Description", "ExecutionRoleName")
_RUNNING = ("QUEUED", "RUNNING", "STOPPING")
_Where = tuple[str, str]


class CloudFormationStackSet:
    type_name = "AWS::CloudFormation::StackSet"
    properties = frozenset(
        {
            *_SETTINGS, "AutoDeployment", "CallAs", "ManagedExecution", "OperationPreferences", "Parameters",
            "PermissionModel", "StackInstancesGroup", "StackSetName", "Tags", "TemplateBody", "TemplateURL",
        }
    )  # fmt: skip
    required = frozenset({"PermissionModel", "StackSetName"})
    replace_on = frozenset({"PermissionModel", "StackSetName"})

    def unsupported(self, properties: Mapping[str, Any]) -> str | None:
        model = properties.get("PermissionModel")
        if model == "SERVICE_MANAGED":
            return "PermissionModel SERVICE_MANAGED"
        return "CallAs DELEGATED_ADMIN" if properties.get("CallAs") == "DELEGATED_ADMIN" else None

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return str(properties["StackSetName"])

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        existing = await _find(str(name), ctx)
        if existing is None:
            request = {
                **_request(properties, ctx),
                "StackSetName": name,
                "PermissionModel": properties["PermissionModel"],
            }
            await ctx.operation("cloudformation", "CreateStackSet", **request)
        elif not _is_ours(existing, properties, ctx):
            raise exists_elsewhere(str(name))
        async with undone_on_failure(self.delete(str(name), properties, ctx)):
            await _set_instances(str(name), properties, ctx)
        return await _resource(str(name), ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        await _rested(physical_id, ctx)
        request = {**_request(new, ctx), **selected_properties(new, "OperationPreferences")}
        await _done("UpdateStackSet", physical_id, ctx, **request)
        await _set_instances(physical_id, new, ctx)
        return await _resource(physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        if await _find(physical_id, ctx) is None:
            return
        await _rested(physical_id, ctx)
        await _delete_instances(physical_id, await _instances(physical_id, ctx), properties, ctx)
        await ctx.operation("cloudformation", "DeleteStackSet", StackSetName=_name(physical_id))

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        live = await _find(physical_id, ctx)
        if live is None:
            return None
        return {**live, "Tags": own_tags(tag_map(live.get("Tags") or []))}


def _name(physical_id: str) -> str:
    """Return the set's name. After a failed creation the physical id is the name already."""
    return physical_id.partition(":")[0]


def _request(properties: Mapping[str, Any], ctx: ResourceContext) -> dict[str, Any]:
    own = {key: value for key, value in all_tags(properties, ctx).items() if not key.startswith("aws:")}
    request = selected_properties(properties, *_SETTINGS, "TemplateURL", "AutoDeployment")
    if properties.get("TemplateBody") is not None:
        request["TemplateBody"] = text(properties["TemplateBody"])
    if properties.get("ManagedExecution") is not None:
        request["ManagedExecution"] = {"Active": boolean(properties["ManagedExecution"].get("Active", False))}
    return {**request, "Parameters": _parameters(properties.get("Parameters")), "Tags": as_list(own)}


def _parameters(declared: Any) -> list[dict[str, str]]:
    return [
        {"ParameterKey": str(one["ParameterKey"]), "ParameterValue": text(one["ParameterValue"])}
        for one in declared or ()
    ]


def _is_ours(existing: Mapping[str, Any], properties: Mapping[str, Any], ctx: ResourceContext) -> bool:
    """Return whether an existing set is as in the template, so that it was made before a crash."""
    request = _request(properties, ctx)
    same = all(existing.get(name) == request.get(name) for name in ("Parameters", "Tags"))
    return same and existing.get("Description") == request.get("Description")


async def _find(name: str, ctx: ResourceContext) -> dict[str, Any] | None:
    try:
        reply = await ctx.operation("cloudformation", "DescribeStackSet", StackSetName=_name(name))
    except AwsError as error:
        if error.code == "StackSetNotFoundException":
            return None
        raise
    found: dict[str, Any] = reply["StackSet"]
    return found


async def _instances(name: str, ctx: ResourceContext) -> set[_Where]:
    found: set[_Where] = set()
    token: str | None = ""
    while token is not None:
        more = {"NextToken": token} if token else {}
        request = {"StackSetName": _name(name), **more}
        page = await ctx.operation("cloudformation", "ListStackInstances", **request)
        found |= {(one["Account"], one["Region"]) for one in page["Summaries"]}
        token = page.get("NextToken")
    return found


def _declared(group: Mapping[str, Any]) -> Iterator[_Where]:
    for account in group["DeploymentTargets"].get("Accounts") or ():
        for region in group["Regions"]:
            yield str(account), str(region)


async def _set_instances(name: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
    """Create and delete instances until they are those of the template, each with its overrides."""
    await _rested(name, ctx)
    existing, wanted = await _instances(name, ctx), set()
    preferences = selected_properties(properties, "OperationPreferences")
    for group in properties.get("StackInstancesGroup") or ():
        if (group.get("DeploymentTargets") or {}).get("OrganizationalUnitIds"):
            raise AwsError("ValidationError", "OrganizationalUnitIds need an organization")
        wanted |= set(_declared(group))
        request = {
            "Accounts": [str(one) for one in group["DeploymentTargets"].get("Accounts") or ()],
            "Regions": list(group["Regions"]),
            "ParameterOverrides": _parameters(group.get("ParameterOverrides")),
        }
        await _done("CreateStackInstances", name, ctx, **request, **preferences)
    await _delete_instances(name, existing - wanted, properties, ctx)


async def _delete_instances(
    name: str, where: set[_Where], properties: Mapping[str, Any], ctx: ResourceContext
) -> None:
    preferences = selected_properties(properties, "OperationPreferences")
    for region in sorted({one[1] for one in where}):
        accounts = sorted(account for account, place in where if place == region)
        request = {"Accounts": accounts, "Regions": [region], "RetainStacks": False}
        await _done("DeleteStackInstances", name, ctx, **request, **preferences)


async def _done(operation: str, name: str, ctx: ResourceContext, **request: Any) -> None:
    """Begin an operation of the set, and return when it has ended. Raises AwsError if it has not succeeded."""
    reply = await ctx.operation("cloudformation", operation, StackSetName=_name(name), **request)
    ended = await _ended(name, str(reply["OperationId"]), ctx)
    if ended["Status"] == "SUCCEEDED":
        return
    where = {"StackSetName": _name(name), "OperationId": reply["OperationId"]}
    results = await ctx.operation("cloudformation", "ListStackSetOperationResults", **where)
    reasons = [one.get("StatusReason") or "" for one in results["Summaries"] if one["Status"] == "FAILED"]
    message = f"Stack set operation [{reply['OperationId']}] was unexpectedly {ended['Status'].lower()}"
    raise AwsError("NotStabilized", ": ".join([message, *reasons[:1]]))


async def _ended(name: str, operation: str, ctx: ResourceContext) -> dict[str, Any]:
    where = {"StackSetName": _name(name), "OperationId": operation}
    while True:
        reply = await ctx.operation("cloudformation", "DescribeStackSetOperation", **where)
        found: dict[str, Any] = reply["StackSetOperation"]
        if found["Status"] not in _RUNNING:
            return found
        await ctx.clock.sleep(_POLL_SECONDS)


async def _rested(name: str, ctx: ResourceContext) -> None:
    """Return when no operation runs on the set: one that was started before a crash goes on by itself."""
    listed = await ctx.operation("cloudformation", "ListStackSetOperations", StackSetName=_name(name))
    for one in listed["Summaries"]:
        if one["Status"] in _RUNNING:
            await _ended(name, str(one["OperationId"]), ctx)


async def _resource(name: str, ctx: ResourceContext) -> Resource:
    found = await _find(name, ctx) or {}
    return Resource(str(found["StackSetId"]), {"StackSetId": found["StackSetId"]})
