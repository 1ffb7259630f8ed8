"""Creates, describes, renames and deletes users, and sets their permissions boundaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_iam_id
from nightbus.identity.access_keys import ACCESS_KEY
from nightbus.identity.principals import USER
from nightbus.services.context import Context
from nightbus.services.iam.errors import already_exists, delete_conflict
from nightbus.services.iam.keys_of_users import keys_of
from nightbus.services.iam.last_used import forgotten
from nightbus.services.iam.listing import DEFAULT_PAGE, listing
from nightbus.services.iam.policies import require_policy
from nightbus.services.iam.quotas import check_quota
from nightbus.services.iam.records import USERS, entities, find_entity, iam_arn, time_of, unchanged_or
from nightbus.services.iam.stored_principals import mark_deletion, renamed_principal
from nightbus.services.iam.tags import Tag, checked_iam_tags
from nightbus.store.interface import Change, DeleteRecord, PutRecord

_MOST_USERS = 5000


async def create_user(
    ctx: Context,
    *,
    user_name: str,
    path: str = "/",
    permissions_boundary: str | None = None,
    tags: Sequence[Tag] = (),
) -> dict[str, Any]:
    value = {
        "UserName": user_name,
        "UserId": new_iam_id("AIDA"),
        "Arn": iam_arn(ctx, f"user{path}{user_name}"),
        "Path": path,
        "Created": ctx.now_ms(),
        "PermissionsBoundary": permissions_boundary,
        "Tags": checked_iam_tags(tags),
        "Inline": {},
        "Attached": [],
        "Groups": [],  # the ids of groups
    }
    requirement = await require_policy(ctx, permissions_boundary) if permissions_boundary is not None else ()
    await _refuse_taken(ctx, user_name)
    await check_quota(ctx, USER, "UsersPerAccount", _MOST_USERS)
    await ctx.store.commit(
        PutRecord(ctx.global_scope, USER, user_name.lower(), value, expect=0), *requirement
    )
    return {"User": described(value)}


async def _refuse_taken(ctx: Context, name: str) -> None:
    if await ctx.store.get(ctx.global_scope, USER, name.lower()) is not None:
        raise already_exists(f"User with name {name} already exists.")


async def get_user(ctx: Context, *, user_name: str | None = None) -> dict[str, Any]:
    """Return the user, by default the calling one. The root user has no name and is as old as its key."""
    if user_name is None and ctx.caller.arn.endswith(":root"):
        ages = [key.value["Created"] for key in await keys_of(ctx, "")]
        created = time_of(min(ages, default=ctx.now_ms()))
        return {"User": {"UserId": ctx.caller.user_id, "Arn": ctx.caller.arn, "CreateDate": created}}
    name = named_or_calling(ctx, user_name)
    return {"User": described((await find_entity(ctx, USERS, name)).value)}


def named_or_calling(ctx: Context, user_name: str | None) -> str:
    """Return the name, or the calling user's. Raises AwsError for a caller who is not a user."""
    if user_name is not None:
        return user_name
    if ":user/" not in ctx.caller.arn:
        raise AwsError("ValidationError", "Must specify userName when calling with non-User credentials")
    return ctx.caller.arn.rsplit("/", 1)[-1]


async def list_users(
    ctx: Context, *, path_prefix: str = "/", marker: str | None = None, max_items: int = DEFAULT_PAGE
) -> dict[str, Any]:
    users = [summary(user) for user in await entities(ctx, USERS) if user["Path"].startswith(path_prefix)]
    return listing("Users", users, lambda user: str(user["UserName"]).lower(), max_items, marker)


async def update_user(
    ctx: Context, *, user_name: str, new_path: str | None = None, new_user_name: str | None = None
) -> None:
    """Rename a user or move them to another path. Their access keys stay theirs."""
    record = await find_entity(ctx, USERS, user_name)
    path, name = new_path or record.value["Path"], new_user_name or user_name
    arn = iam_arn(ctx, f"user{path}{name}")
    value = {**record.value, "Path": path, "UserName": name, "Arn": arn}
    changes: list[Change] = []
    if name.lower() != record.key:
        await _refuse_taken(ctx, name)
        changes = [
            DeleteRecord(ctx.global_scope, USER, record.key, record.revision),
            PutRecord(ctx.global_scope, USER, name.lower(), value, expect=0),
        ]
    else:
        changes = [PutRecord(ctx.global_scope, USER, record.key, value, record.revision)]
    for key in await keys_of(ctx, user_name):
        moved = {**key.value, "UserName": name, "UserArn": arn}
        changes.append(PutRecord(ctx.global_scope, ACCESS_KEY, key.key, moved, key.revision))
    if arn != record.value["Arn"]:
        changes += await renamed_principal(ctx, record.value["Arn"], arn)
    await ctx.store.commit(*changes)


async def delete_user(ctx: Context, *, user_name: str) -> None:
    record = await find_entity(ctx, USERS, user_name)
    value = record.value
    if await keys_of(ctx, user_name):
        raise delete_conflict("Cannot delete entity, must delete access keys first.")
    if value.get("LoginProfile"):
        raise delete_conflict("Cannot delete entity, must delete login profile first.")
    if value["Groups"]:
        raise delete_conflict("Cannot delete entity, must remove users from group first.")
    if value["Attached"]:
        raise delete_conflict("Cannot delete entity, must detach all policies first.")
    if value["Inline"]:
        raise delete_conflict("Cannot delete entity, must delete policies first.")
    marked = await mark_deletion(ctx, USER, record)
    deleted = DeleteRecord(ctx.global_scope, USER, record.key, marked.revision)
    replaced = await renamed_principal(ctx, value["Arn"], value["UserId"])
    await ctx.store.commit(deleted, await forgotten(ctx, value["UserId"]), *replaced)


async def put_user_permissions_boundary(ctx: Context, *, user_name: str, permissions_boundary: str) -> None:
    record = await find_entity(ctx, USERS, user_name)
    requirement = await require_policy(ctx, permissions_boundary)
    record.value["PermissionsBoundary"] = permissions_boundary
    await ctx.store.commit(unchanged_or(ctx, USERS, record), *requirement)


async def delete_user_permissions_boundary(ctx: Context, *, user_name: str) -> None:
    record = await find_entity(ctx, USERS, user_name)
    record.value["PermissionsBoundary"] = None
    await ctx.store.commit(unchanged_or(ctx, USERS, record))


def summary(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a user that lists have."""
    return {
        "Path": value["Path"],
        "UserName": value["UserName"],
        "UserId": value["UserId"],
        "Arn": value["Arn"],
        "CreateDate": time_of(value["Created"]),
    }


def described(value: Mapping[str, Any]) -> dict[str, Any]:
    boundary = value["PermissionsBoundary"]
    shown = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary} if boundary else None
    return summary(value) | {"PermissionsBoundary": shown, "Tags": value["Tags"] or None}
