"""Adds, removes and lists the tags of topics."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.messaging.topic import TOPIC, Topic, topic_address
from nightbus.services.context import Context
from nightbus.services.sns.errors import bad_parameter, not_authorized
from nightbus.services.sns.records import change_topic
from nightbus.store.interface import Record

_MOST_TAGS = 50
_SHARED = "SNS:ListTagsForResource"  # the only one that a policy may allow to other accounts


def merged_tags(tags: list[dict[str, str]], existing: dict[str, str] | None = None) -> dict[str, str]:
    """Return `existing` tags overwritten by `tags`. Raises AwsError for a duplicate key or too many tags."""
    added = {tag["Key"]: tag["Value"] for tag in tags}
    if len(added) < len(tags):
        raise bad_parameter("Duplicated keys are not allowed.")
    merged = {**(existing or {}), **added}
    if len(merged) > _MOST_TAGS:
        raise AwsError("TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded")
    return merged


async def list_tags_for_resource(ctx: Context, *, resource_arn: str) -> dict[str, Any]:
    record = await _record(ctx, resource_arn, _SHARED)
    return {"Tags": [{"Key": key, "Value": value} for key, value in record.value["tags"].items()]}


async def tag_resource(ctx: Context, *, resource_arn: str, tags: list[dict[str, str]]) -> None:
    await _record(ctx, resource_arn, "SNS:TagResource")

    def changed(record: Record) -> dict[str, Any]:
        return {**record.value, "tags": merged_tags(tags, record.value["tags"])}

    await change_topic(ctx, resource_arn, changed)


async def untag_resource(ctx: Context, *, resource_arn: str, tag_keys: list[str]) -> None:
    await _record(ctx, resource_arn, "SNS:UntagResource")

    def changed(record: Record) -> dict[str, Any]:
        remaining = {key: value for key, value in record.value["tags"].items() if key not in tag_keys}
        return {**record.value, "tags": remaining}

    await change_topic(ctx, resource_arn, changed)


async def _record(ctx: Context, arn: str, action: str) -> Record:
    scope_and_name = topic_address(arn)
    record = (
        await ctx.store.get(scope_and_name[0], TOPIC, scope_and_name[1])
        if scope_and_name is not None
        else None
    )
    if scope_and_name is None or record is None:
        raise AwsError("ResourceNotFound", "Resource does not exist", 404)
    access = Topic.of(scope_and_name[0], record, ()).access
    refusal = ctx.refusal_of(access, action, of_owner=action != _SHARED)
    if refusal and ctx.enforces:
        raise not_authorized(refusal)
    return record
