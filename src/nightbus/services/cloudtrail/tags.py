"""Tags trails, by their ARN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.cloudtrail.records import change_trail, find_trail
from nightbus.services.context import Context

Tag = Mapping[str, str]
_MOST = 50


def checked_tags(tags: Sequence[Tag]) -> dict[str, str]:
    """Return the tags as they are stored. Raises AwsError for a key that occurs twice, and for too many."""
    by_key = {tag["Key"]: tag.get("Value", "") for tag in tags}
    if len(by_key) < len(tags):
        raise AwsError("InvalidTagParameterException", "A tag key occurs more than once.")
    return _within_quota(by_key)


def _within_quota(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > _MOST:
        raise AwsError("TagsLimitExceededException", f"A trail can have no more than {_MOST} tags.")
    return tags


async def add_tags(ctx: Context, *, resource_id: str, tags_list: Sequence[Tag]) -> None:
    new = checked_tags(tags_list)
    await change_trail(
        ctx, resource_id, lambda value: value.update(tags=_within_quota({**value["tags"], **new}))
    )


async def remove_tags(ctx: Context, *, resource_id: str, tags_list: Sequence[Tag]) -> None:
    keys = {tag["Key"] for tag in tags_list}

    def edit(value: dict[str, Any]) -> None:
        value["tags"] = {key: one for key, one in value["tags"].items() if key not in keys}

    await change_trail(ctx, resource_id, edit)


async def list_tags(ctx: Context, *, resource_id_list: Sequence[str]) -> dict[str, Any]:
    found = []
    for arn in resource_id_list:
        _, record = await find_trail(ctx, arn)
        tags = [{"Key": key, "Value": value} for key, value in record.value["tags"].items()]
        found.append({"ResourceId": arn, "TagsList": tags})
    return {"ResourceTagList": found}
