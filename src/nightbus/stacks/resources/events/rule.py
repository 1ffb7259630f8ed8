"""Implements AWS::Events::Rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.events.rule_targets import api_target
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import exists_elsewhere, ignore_missing, is_gone, undone_on_failure
from nightbus.stacks.resources.tags import all_tags, as_list, belongs_to_resource, own_tags, tag_map
from nightbus.stacks.resources.values import document_text, selected_properties

_LONGEST_NAME = 64
_SETTINGS = ("Description", "EventBusName", "EventPattern", "RoleArn", "ScheduleExpression", "State")


class EventsRule:
    type_name = "AWS::Events::Rule"
    properties = frozenset({*_SETTINGS, "Name", "Tags", "Targets"})
    required: frozenset[str] = frozenset()
    replace_on = frozenset({"Name", "EventBusName"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        template_name = properties.get("Name")
        return (
            str(template_name)
            if template_name
            else generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)
        )

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        await _refuse_foreign_rule(str(name), properties, ctx)
        tags = as_list(all_tags(properties, ctx))
        reply = await ctx.operation("events", "PutRule", Name=name, Tags=tags, **_request(properties))
        async with undone_on_failure(self.delete(str(name), properties, ctx)):
            await _put_targets(str(name), properties, (), ctx)
        return _resource(str(name), properties, reply["RuleArn"])

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        name = physical_id.rsplit("|", 1)[-1]
        reply = await ctx.operation("events", "PutRule", Name=name, **_request(new))
        await _put_targets(name, new, [target["Id"] for target in old.get("Targets") or ()], ctx)
        await _retag(reply["RuleArn"], all_tags(new, ctx), ctx)
        return _resource(name, new, reply["RuleArn"])

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        bus = {"EventBusName": properties.get("EventBusName") or "default"}
        name = physical_id.rsplit("|", 1)[-1]
        with ignore_missing():
            listed = await ctx.operation("events", "ListTargetsByRule", Rule=name, **bus)
            ids = [target["Id"] for target in listed["Targets"]]
            if ids:
                await ctx.operation("events", "RemoveTargets", Rule=name, Ids=ids, **bus)
            await ctx.operation("events", "DeleteRule", Name=name, **bus)

    def physical_id_of(self, identifier: Mapping[str, str]) -> str:
        path = identifier["Arn"].rpartition(":rule/")[2].split("/")
        return "|".join(path)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        bus, _, name = physical_id.rpartition("|")
        where = {"EventBusName": bus or "default"}
        live = dict(await ctx.operation("events", "DescribeRule", Name=name, **where))
        listed = await ctx.operation("events", "ListTargetsByRule", Rule=name, **where)
        tags = await ctx.operation("events", "ListTagsForResource", ResourceARN=live["Arn"])
        declared = {one.get("Id"): one for one in properties.get("Targets") or ()}
        live["Targets"] = [_as_declared(declared.get(one["Id"]), one) for one in listed["Targets"]]
        live["EventBusName"] = properties.get("EventBusName") or live.get("EventBusName")
        return {**live, "Tags": own_tags(tag_map(tags["Tags"]))}


async def _refuse_foreign_rule(name: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
    """Raise AwsError if the rule exists and is not the stack's own, because PutRule would overwrite it."""
    bus = {"EventBusName": properties.get("EventBusName") or "default"}
    try:
        existing = await ctx.operation("events", "DescribeRule", Name=name, **bus)
    except AwsError as error:
        if is_gone(error):
            return
        raise
    tags = await ctx.inspect("events", "ListTagsForResource", ResourceARN=existing["Arn"])
    if not belongs_to_resource(tag_map(tags["Tags"]), ctx):
        raise exists_elsewhere(name)


def _request(properties: Mapping[str, Any]) -> dict[str, Any]:
    return selected_properties(properties, *_SETTINGS, kinds={"EventPattern": document_text})


async def _put_targets(name: str, properties: Mapping[str, Any], before: Any, ctx: ResourceContext) -> None:
    targets = [api_target(target) for target in properties.get("Targets") or ()]
    bus = {"EventBusName": properties.get("EventBusName") or "default"}
    surplus = sorted(set(before) - {target["Id"] for target in targets})
    if surplus:
        await ctx.operation("events", "RemoveTargets", Rule=name, Ids=surplus, **bus)
    if targets:
        reply = await ctx.operation("events", "PutTargets", Rule=name, Targets=targets, **bus)
        for failed in reply["FailedEntries"]:
            raise AwsError(failed["ErrorCode"], failed["ErrorMessage"])


async def _retag(arn: str, tags: Mapping[str, str], ctx: ResourceContext) -> None:
    existing = tag_map((await ctx.inspect("events", "ListTagsForResource", ResourceARN=arn))["Tags"])
    surplus = sorted(set(existing) - set(tags))
    if surplus:
        await ctx.operation("events", "UntagResource", ResourceARN=arn, TagKeys=surplus)
    if existing != dict(tags):
        await ctx.operation("events", "TagResource", ResourceARN=arn, Tags=as_list(tags))


def _resource(name: str, properties: Mapping[str, Any], arn: str) -> Resource:
    """Return the resource. The physical id of a rule on a custom bus is `<bus>|<rule>`, as on AWS."""
    bus = str(properties.get("EventBusName") or "default").rsplit("/", 1)[-1]
    return Resource(name if bus == "default" else f"{bus}|{name}", {"Arn": arn, "RuleName": name})


def _as_declared(declared: Mapping[str, Any] | None, target: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the target in the form of templates, where it is the declared one in the form of the API."""
    return declared if declared is not None and api_target(declared) == target else target
