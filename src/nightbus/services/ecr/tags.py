"""Tags repositories, by their ARN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.errors import AwsError
from nightbus.services.context import Context
from nightbus.services.ecr.errors import invalid_parameter
from nightbus.services.ecr.records import change_repository, find_repository

Tag = Mapping[str, str]
_MOST = 50


def checked_tags(tags: Sequence[Tag]) -> dict[str, str]:
    """Return the tags as they are stored. Raises AwsError for a key that occurs twice, and for too many."""
    by_key = {tag["Key"]: tag["Value"] for tag in tags}
    if len(by_key) < len(tags):
        raise AwsError("InvalidTagParameterException", "Duplicate tag keys found")
    return _within_quota(by_key)


def _within_quota(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > _MOST:
        raise AwsError("TooManyTagsException", f"A repository can have no more than {_MOST} tags.")
    return tags


async def tag_resource(ctx: Context, *, resource_arn: str, tags: Sequence[Tag]) -> None:
    new = checked_tags(tags)

    def edit(value: dict[str, Any]) -> None:
        value["tags"] = _within_quota({**value["tags"], **new})

    await change_repository(ctx, *_named_by(ctx, resource_arn), "TagResource", edit)


async def untag_resource(ctx: Context, *, resource_arn: str, tag_keys: Sequence[str]) -> None:
    def edit(value: dict[str, Any]) -> None:
        for key in tag_keys:
            value["tags"].pop(key, None)

    await change_repository(ctx, *_named_by(ctx, resource_arn), "UntagResource", edit)


async def list_tags_for_resource(ctx: Context, *, resource_arn: str) -> dict[str, Any]:
    record = await find_repository(ctx, *_named_by(ctx, resource_arn), "ListTagsForResource")
    return {"tags": [{"Key": key, "Value": value} for key, value in record.value["tags"].items()]}


def _named_by(ctx: Context, resource_arn: str) -> tuple[str, str]:
    """Return the name and the registry of the repository of an ARN. Raises AwsError."""
    try:
        parsed = Arn.parse(resource_arn)
    except ValueError:
        raise invalid_parameter("resourceArn", "Invalid ARN") from None
    kind, _, name = parsed.resource.partition("/")
    if (parsed.service, kind, parsed.region) != ("ecr", "repository", ctx.region) or not parsed.account:
        raise invalid_parameter("resourceArn", "Invalid ARN")
    return name, parsed.account
