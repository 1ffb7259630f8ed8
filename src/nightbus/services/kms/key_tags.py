"""Tags keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nightbus.aws.pagination import page
from nightbus.services.context import Context
from nightbus.services.kms.errors import bad_marker, limit_exceeded, tag_error
from nightbus.services.kms.finding import key_record, refuse_pending_deletion

_MOST = 50
_PAGE = 50


def tags_of(listed: Sequence[dict[str, str]] | None) -> dict[str, str]:
    """Return the tags of a request by their keys. Raises AwsError."""
    tags = {one["TagKey"]: one["TagValue"] for one in listed or ()}
    if len(tags) < len(listed or ()):
        raise tag_error("Duplicate tag keys")
    if len(tags) > _MOST:
        raise tag_error("Too many tags")
    return tags


async def tag_resource(ctx: Context, *, key_id: str, tags: list[dict[str, str]]) -> None:
    found = await key_record(ctx, key_id, "TagResource")
    refuse_pending_deletion(found)
    together = {**found.value["Tags"], **tags_of(tags)}
    if len(together) > _MOST:
        raise limit_exceeded("Too many tags")
    await ctx.store.commit(found.put(Tags=together))


async def untag_resource(ctx: Context, *, key_id: str, tag_keys: list[str]) -> None:
    found = await key_record(ctx, key_id, "UntagResource")
    refuse_pending_deletion(found)
    rest = {name: text for name, text in found.value["Tags"].items() if name not in tag_keys}
    await ctx.store.commit(found.put(Tags=rest))


async def list_resource_tags(
    ctx: Context, *, key_id: str, limit: int = _PAGE, marker: str | None = None
) -> dict[str, Any]:
    found = await key_record(ctx, key_id, "ListResourceTags", changes=False)
    names, following = page(sorted(found.value["Tags"]), str, limit, marker, bad_marker())
    tags = [{"TagKey": name, "TagValue": found.value["Tags"][name]} for name in names]
    return {"Tags": tags, "NextMarker": following, "Truncated": following is not None}
