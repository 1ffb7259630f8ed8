"""Implements AWS::CloudFormation::Stack: a nested stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext, ResourceFailure
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.tags import as_list, own_tags, tag_map
from nightbus.stacks.resources.values import converted, integer_value, selected_properties, text

_LONGEST_NAME = 128
_POLL_SECONDS = 0.1


class CloudFormationStack:
    type_name = "AWS::CloudFormation::Stack"
    properties = frozenset({"NotificationARNs", "Parameters", "Tags", "TemplateURL", "TimeoutInMinutes"})
    required = frozenset({"TemplateURL"})
    replace_on: frozenset[str] = frozenset()

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return ctx.planned_name or generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        existing = await _find(str(name), ctx)
        if existing is None or existing["StackStatus"] == "REVIEW_IN_PROGRESS":
            request = await _request(properties, ctx)
            if "TimeoutInMinutes" in properties:
                minutes = converted("TimeoutInMinutes", properties["TimeoutInMinutes"], integer_value)
                request["TimeoutInMinutes"] = minutes
            existing = await ctx.operation("cloudformation", "CreateStack", StackName=name, **request)
        stack = await _settled(str(existing["StackId"]), ctx)
        if stack["StackStatus"] != "CREATE_COMPLETE":
            raise _failure(stack, "created")
        return _resource(stack)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        stack = await _settled(physical_id, ctx)  # an update started before a crash continues by itself
        if ctx.continues and stack["StackStatus"] == "UPDATE_ROLLBACK_FAILED":
            skipped = {"ResourcesToSkip": list(ctx.skip)} if ctx.skip else {}
            await ctx.operation("cloudformation", "ContinueUpdateRollback", StackName=physical_id, **skipped)
            stack = await _settled(physical_id, ctx)
        if stack["StackStatus"] == "UPDATE_ROLLBACK_FAILED":
            raise _failure(stack, "updated")
        request = await _request(new, ctx)
        try:
            await ctx.operation("cloudformation", "UpdateStack", StackName=physical_id, **request)
        except AwsError as error:
            if "No updates are to be performed" not in error.message:
                raise
            return _resource(await _settled(physical_id, ctx))
        stack = await _settled(physical_id, ctx)
        if stack["StackStatus"] != "UPDATE_COMPLETE":
            raise _failure(stack, "updated")
        return _resource(stack)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        existing = await _find(physical_id, ctx)
        if existing is None or existing["StackStatus"] == "DELETE_COMPLETE":
            return
        await ctx.operation("cloudformation", "DeleteStack", StackName=existing["StackId"])
        stack = await _settled(str(existing["StackId"]), ctx)
        if stack["StackStatus"] != "DELETE_COMPLETE":
            raise _failure(stack, "deleted")

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        stack = await _find(physical_id, ctx)
        if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
            return None
        declared = properties.get("Parameters") or {}
        parameters = {
            one["ParameterKey"]: one["ParameterValue"]
            for one in stack.get("Parameters") or ()
            if not properties or one["ParameterKey"] in declared  # others have their defaults
        }
        tags = own_tags(tag_map(stack.get("Tags") or []))
        shown = {"StackId": stack["StackId"], "Parameters": parameters, "Tags": tags}
        return {**shown, **selected_properties(properties, "TemplateURL")}


async def _request(properties: Mapping[str, Any], ctx: ResourceContext) -> dict[str, Any]:
    parent = await _find(ctx.stack_id, ctx) or {}
    own_tags = {tag["Key"]: text(tag["Value"]) for tag in properties.get("Tags") or ()}
    inherited = {key: value for key, value in ctx.tags.items() if not key.startswith("aws:")}
    return {
        "TemplateURL": properties["TemplateURL"],
        "NotificationARNs": properties.get("NotificationARNs") or parent.get("NotificationARNs") or [],
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": _list_or_text(value)}
            for key, value in (properties.get("Parameters") or {}).items()
        ],
        "Tags": as_list({**inherited, **own_tags}),
        "Capabilities": parent.get("Capabilities") or [],
    }


def _list_or_text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(text(one) for one in value)
    return text(value)


async def _find(name: str, ctx: ResourceContext) -> dict[str, Any] | None:
    try:
        reply = await ctx.operation("cloudformation", "DescribeStacks", StackName=name)
    except AwsError as error:
        if "does not exist" in error.message:
            return None
        raise
    stack: dict[str, Any] = reply["Stacks"][0]
    return stack


async def _settled(stack_id: str, ctx: ResourceContext) -> dict[str, Any]:
    """Return the nested stack once no operation runs on it."""
    while True:
        stack = await _find(stack_id, ctx)
        if stack is None:
            return {"StackId": stack_id, "StackStatus": "DELETE_COMPLETE"}
        if not str(stack["StackStatus"]).endswith("_IN_PROGRESS"):
            return stack
        await ctx.clock.sleep(_POLL_SECONDS)


def _failure(stack: Mapping[str, Any], verb: str) -> ResourceFailure:
    reason = stack.get("StackStatusReason") or stack["StackStatus"]
    message = f"Embedded stack {stack['StackId']} was not successfully {verb}: {reason}"
    return ResourceFailure(message, leftover=str(stack["StackId"]))


def _resource(stack: Mapping[str, Any]) -> Resource:
    outputs = {f"Outputs.{one['OutputKey']}": one["OutputValue"] for one in stack.get("Outputs") or ()}
    return Resource(str(stack["StackId"]), {"StackId": stack["StackId"], **outputs})
