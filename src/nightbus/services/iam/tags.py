"""Adds, removes and lists the tags of roles, users and policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.services.context import Context
from nightbus.services.iam.errors import invalid_input, limit_exceeded
from nightbus.services.iam.listing import DEFAULT_PAGE, listing
from nightbus.services.iam.records import (
    USERS,
    change_entity,
    change_policy,
    change_role,
    find_entity,
    find_policy,
    find_role,
)

Tag = Mapping[str, str]
_MOST = 50


def checked_iam_tags(tags: Sequence[Tag]) -> list[dict[str, str]]:
    """Return the tags as they are stored. Raises AwsError InvalidInput for a key that occurs twice in any case."""
    if len({tag["Key"].lower() for tag in tags}) != len(tags):
        text = "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        raise invalid_input(text)
    return [{"Key": tag["Key"], "Value": tag["Value"]} for tag in tags]


async def tag_role(ctx: Context, *, role_name: str, tags: Sequence[Tag]) -> None:
    await change_role(ctx, role_name, lambda value: add_tags(value, checked_iam_tags(tags)))


async def untag_role(ctx: Context, *, role_name: str, tag_keys: Sequence[str]) -> None:
    await change_role(ctx, role_name, lambda value: remove_tags(value, tag_keys))


async def list_role_tags(
    ctx: Context, *, role_name: str, marker: str | None = None, max_items: int = DEFAULT_PAGE
) -> dict[str, Any]:
    tags = (await find_role(ctx, role_name)).value["Tags"]
    return listing("Tags", tags, tag_key, max_items, marker)


async def tag_user(ctx: Context, *, user_name: str, tags: Sequence[Tag]) -> None:
    await change_entity(ctx, USERS, user_name, lambda value: add_tags(value, checked_iam_tags(tags)))


async def untag_user(ctx: Context, *, user_name: str, tag_keys: Sequence[str]) -> None:
    await change_entity(ctx, USERS, user_name, lambda value: remove_tags(value, tag_keys))


async def list_user_tags(
    ctx: Context, *, user_name: str, marker: str | None = None, max_items: int = DEFAULT_PAGE
) -> dict[str, Any]:
    tags = (await find_entity(ctx, USERS, user_name)).value["Tags"]
    return listing("Tags", tags, tag_key, max_items, marker)


async def tag_policy(ctx: Context, *, policy_arn: str, tags: Sequence[Tag]) -> None:
    await change_policy(ctx, policy_arn, lambda value: add_tags(value, checked_iam_tags(tags)))


async def untag_policy(ctx: Context, *, policy_arn: str, tag_keys: Sequence[str]) -> None:
    await change_policy(ctx, policy_arn, lambda value: remove_tags(value, tag_keys))


async def list_policy_tags(
    ctx: Context, *, policy_arn: str, marker: str | None = None, max_items: int = DEFAULT_PAGE
) -> dict[str, Any]:
    tags = (await find_policy(ctx, policy_arn)).value["Tags"]
    return listing("Tags", tags, tag_key, max_items, marker)


def add_tags(value: dict[str, Any], tags: Sequence[dict[str, str]]) -> None:
    """Add tags. A tag whose key differs from a new one only in case is replaced, including its key."""
    new = {tag["Key"].lower() for tag in tags}
    value["Tags"] = [tag for tag in value["Tags"] if tag["Key"].lower() not in new] + list(tags)
    if len(value["Tags"]) > _MOST:
        raise limit_exceeded(f"The number of tags has reached the maximum limit: {_MOST}")


def remove_tags(value: dict[str, Any], keys: Sequence[str]) -> None:
    removed = {key.lower() for key in keys}
    value["Tags"] = [tag for tag in value["Tags"] if tag["Key"].lower() not in removed]


def tag_key(tag: Tag) -> str:
    return tag["Key"]
