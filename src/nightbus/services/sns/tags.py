"""A topic's tags."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.messaging.topic import TOPIC, Topic, topic_place
from nightbus.services.context import Context
from nightbus.services.sns.errors import invalid, not_authorized
from nightbus.services.sns.records import change_topic
from nightbus.store.interface import Record

_MOST_TAGS = 50
_SHARED = "SNS:ListTagsForResource"  # the one that a policy can allow to others


def as_map(tags: list[dict[str, str]], standing: dict[str, str] | None = None) -> dict[str, str]:
    """With those that stand already. Raises AwsError."""
    given = {tag["Key"]: tag["Value"] for tag in tags}
    if len(given) < len(tags):
        raise invalid("Duplicated keys are not allowed.")
    merged = {**(standing or {}), **given}
    if len(merged) > _MOST_TAGS:
        raise AwsError("TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded")
    return merged


async def list_tags_for_resource(ctx: Context, *, resource_arn: str) -> dict[str, Any]:
    record = await _record(ctx, resource_arn, _SHARED)
    return {"Tags": [{"Key": key, "Value": value} for key, value in record.value["tags"].items()]}


async def tag_resource(ctx: Context, *, resource_arn: str, tags: list[dict[str, str]]) -> None:
    await _record(ctx, resource_arn, "SNS:TagResource")

    def changed(record: Record) -> dict[str, Any]:
        return {**record.value, "tags": as_map(tags, record.value["tags"])}

    await change_topic(ctx, resource_arn, changed)


async def untag_resource(ctx: Context, *, resource_arn: str, tag_keys: list[str]) -> None:
    await _record(ctx, resource_arn, "SNS:UntagResource")

    def changed(record: Record) -> dict[str, Any]:
        kept = {key: value for key, value in record.value["tags"].items() if key not in tag_keys}
        return {**record.value, "tags": kept}

    await change_topic(ctx, resource_arn, changed)


async def _record(ctx: Context, arn: str, action: str) -> Record:
    place = topic_place(arn)
    record = await ctx.store.get(place[0], TOPIC, place[1]) if place is not None else None
    if place is None or record is None:
        raise AwsError("ResourceNotFound", "Resource does not exist", 404)
    access = Topic.of(place[0], record, ()).access
    judged = access.refusal if action == _SHARED else access.refusal_but_to_owner
    why = judged(ctx.caller, action)
    if why:
        raise not_authorized(why)
    return record
