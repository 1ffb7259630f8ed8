"""Adds and removes the tags of secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightbus.services.context import Context
from nightbus.services.secretsmanager.errors import invalid_parameter, limit_exceeded
from nightbus.services.secretsmanager.records import find_secret
from nightbus.services.secretsmanager.storing import save

_MOST = 50
_RESERVED = "aws:"
_TAGGER = "cloudformation.amazonaws.com"


def checked_tags(ctx: Context, old: Mapping[str, str], tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the old tags with further ones. Raises AwsError for a reserved key, and if there are too many."""
    added = {tag.get("Key", ""): tag.get("Value", "") for tag in tags}
    if ctx.caller.service != _TAGGER and any(key.startswith(_RESERVED) for key in added):
        raise invalid_parameter("Tag keys can't begin with aws:, which is reserved for AWS.")
    resulting = {**old, **added}
    if ctx.platform.quotas and sum(not key.startswith(_RESERVED) for key in resulting) > _MOST:
        raise limit_exceeded(f"A secret can have a maximum of {_MOST} tags.")
    return resulting


async def tag_resource(ctx: Context, *, secret_id: str, tags: list[dict[str, str]]) -> None:
    secret = await find_secret(ctx, secret_id, "TagResource", to_change=True)
    secret.value["tags"] = checked_tags(ctx, secret.value["tags"], tags)
    await save(ctx, secret)


async def untag_resource(ctx: Context, *, secret_id: str, tag_keys: list[str]) -> None:
    secret = await find_secret(ctx, secret_id, "UntagResource", to_change=True)
    secret.value["tags"] = {key: value for key, value in secret.value["tags"].items() if key not in tag_keys}
    await save(ctx, secret)
