"""AWS::Events::Rule"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.events_rule_targets import api_target
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import exists_elsewhere, gone_is_fine, is_gone, undone_on_failure
from nightbus.stacks.resources.tags import all_tags, as_list, as_map, is_ours
from nightbus.stacks.resources.values import chosen, document

_LONGEST_NAME = 64
_SETTINGS = ("Description", "EventBusName", "EventPattern", "RoleArn", "ScheduleExpression", "State")


class EventsRule:
    type_name = "AWS::Events::Rule"
    properties = frozenset({*_SETTINGS, "Name", "Tags", "Targets"})
    required: frozenset[str] = frozenset()
    replace_on = frozenset({"Name", "EventBusName"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        given = properties.get("Name")
        return str(given) if given else generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        await _refuse_taken(str(name), properties, ctx)
        tags = as_list(all_tags(properties, ctx))
        made = await ctx.operation("events", "PutRule", Name=name, Tags=tags, **_request(properties))
        async with undone_on_failure(self.delete(str(name), properties, ctx)):
            await _put_targets(str(name), properties, (), ctx)
        return _resource(str(name), properties, made["RuleArn"])

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        name = physical_id.rsplit("|", 1)[-1]
        made = await ctx.operation("events", "PutRule", Name=name, **_request(new))
        await _put_targets(name, new, [target["Id"] for target in old.get("Targets") or ()], ctx)
        await _retag(made["RuleArn"], all_tags(new, ctx), ctx)
        return _resource(name, new, made["RuleArn"])

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        where = {"EventBusName": properties.get("EventBusName") or "default"}
        name = physical_id.rsplit("|", 1)[-1]
        with gone_is_fine():
            listed = await ctx.operation("events", "ListTargetsByRule", Rule=name, **where)
            ids = [target["Id"] for target in listed["Targets"]]
            if ids:
                await ctx.operation("events", "RemoveTargets", Rule=name, Ids=ids, **where)
            await ctx.operation("events", "DeleteRule", Name=name, **where)


async def _refuse_taken(name: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
    """PutRule writes over any rule; a stack must not take somebody else's."""
    where = {"EventBusName": properties.get("EventBusName") or "default"}
    try:
        found = await ctx.operation("events", "DescribeRule", Name=name, **where)
    except AwsError as error:
        if is_gone(error):
            return
        raise
    tags = await ctx.operation("events", "ListTagsForResource", ResourceARN=found["Arn"])
    if not is_ours(as_map(tags["Tags"]), ctx):
        raise exists_elsewhere(name)


def _request(properties: Mapping[str, Any]) -> dict[str, Any]:
    return chosen(properties, *_SETTINGS, kinds={"EventPattern": document})


async def _put_targets(name: str, properties: Mapping[str, Any], before: Any, ctx: ResourceContext) -> None:
    targets = [api_target(target) for target in properties.get("Targets") or ()]
    where = {"EventBusName": properties.get("EventBusName") or "default"}
    surplus = sorted(set(before) - {target["Id"] for target in targets})
    if surplus:
        await ctx.operation("events", "RemoveTargets", Rule=name, Ids=surplus, **where)
    if targets:
        reply = await ctx.operation("events", "PutTargets", Rule=name, Targets=targets, **where)
        for failed in reply["FailedEntries"]:
            raise AwsError(failed["ErrorCode"], failed["ErrorMessage"])


async def _retag(arn: str, wanted: Mapping[str, str], ctx: ResourceContext) -> None:
    standing = as_map((await ctx.operation("events", "ListTagsForResource", ResourceARN=arn))["Tags"])
    surplus = sorted(set(standing) - set(wanted))
    if surplus:
        await ctx.operation("events", "UntagResource", ResourceARN=arn, TagKeys=surplus)
    if standing != dict(wanted):
        await ctx.operation("events", "TagResource", ResourceARN=arn, Tags=as_list(wanted))


def _resource(name: str, properties: Mapping[str, Any], arn: str) -> Resource:
    """Ref of a rule on another bus names both, as AWS has it."""
    bus = str(properties.get("EventBusName") or "default").rsplit("/", 1)[-1]
    return Resource(name if bus == "default" else f"{bus}|{name}", {"Arn": arn, "RuleName": name})
