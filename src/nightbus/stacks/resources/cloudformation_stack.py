"""AWS::CloudFormation::Stack: a stack inside a stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.tags import as_list
from nightbus.stacks.resources.values import document

_LONGEST_NAME = 128
_POLL_SECONDS = 0.1
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


class CloudFormationStack:
    type_name = "AWS::CloudFormation::Stack"
    properties = frozenset({"Parameters", "Tags", "TemplateURL"})
    required = frozenset({"TemplateURL"})
    replace_on: frozenset[str] = frozenset()

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        standing = await _find(str(name), ctx)
        if standing is None:
            made = await ctx.operation(
                "cloudformation", "CreateStack", StackName=name, **_request(properties, ctx)
            )
            stack_id = str(made["StackId"])
        else:
            stack_id = str(standing["StackId"])
        return await _settled(stack_id, "CREATE_COMPLETE", ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        try:
            await ctx.operation("cloudformation", "UpdateStack", StackName=physical_id, **_request(new, ctx))
        except AwsError as error:
            if "No updates are to be performed" not in error.message:
                raise
        return await _settled(physical_id, "_COMPLETE", ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        standing = await _find(physical_id, ctx)
        if standing is None or standing["StackStatus"] == "DELETE_COMPLETE":
            return
        await ctx.operation("cloudformation", "DeleteStack", StackName=standing["StackId"])
        await _settled(str(standing["StackId"]), "DELETE_COMPLETE", ctx)


def _request(properties: Mapping[str, Any], ctx: ResourceContext) -> dict[str, Any]:
    own = {tag["Key"]: tag["Value"] for tag in properties.get("Tags") or ()}
    kept = {key: value for key, value in ctx.tags.items() if not key.startswith("aws:")}
    return {
        "TemplateURL": properties["TemplateURL"],
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": _text(value)}
            for key, value in (properties.get("Parameters") or {}).items()
        ],
        "Tags": as_list({**kept, **own}),
        "Capabilities": _CAPABILITIES,
    }


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(_text(one) for one in value)
    return value if isinstance(value, str) else document(value)


async def _find(name: str, ctx: ResourceContext) -> dict[str, Any] | None:
    try:
        found = await ctx.operation("cloudformation", "DescribeStacks", StackName=name)
    except AwsError as error:
        if "does not exist" in error.message:
            return None
        raise
    stack: dict[str, Any] = found["Stacks"][0]
    return stack


async def _settled(stack_id: str, wanted: str, ctx: ResourceContext) -> Resource:
    """Waits for the end of the nested stack's operation. Raises AwsError when it is another one than `wanted`."""
    while True:
        stack = await _find(stack_id, ctx)
        status = "DELETE_COMPLETE" if stack is None else str(stack["StackStatus"])
        if not status.endswith("_IN_PROGRESS"):
            break
        await ctx.clock.sleep(_POLL_SECONDS)
    if not status.endswith(wanted) or "ROLLBACK" in status:
        text = f"Embedded stack {stack_id} was not successfully {_WORDS[wanted]}: {status}"
        raise AwsError("EmbeddedStackFailed", text)
    outputs = (stack or {}).get("Outputs") or []
    attributes = {f"Outputs.{output['OutputKey']}": output["OutputValue"] for output in outputs}
    return Resource(stack_id, attributes)


_WORDS = {"CREATE_COMPLETE": "created", "_COMPLETE": "updated", "DELETE_COMPLETE": "deleted"}
