"""Creates, describes, renames and deletes groups, and adds users to them.

A user's record has the ids of the user's groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.ids import new_iam_id
from nightbus.identity.principals import GROUP
from nightbus.services.context import Context
from nightbus.services.iam.errors import already_exists, delete_conflict, limit_exceeded
from nightbus.services.iam.listing import DEFAULT_PAGE, listing
from nightbus.services.iam.quotas import check_quota
from nightbus.services.iam.records import (
    GROUPS,
    USERS,
    entities,
    find_entity,
    iam_arn,
    time_of,
    unchanged_or,
)
from nightbus.services.iam.users import summary as user_summary
from nightbus.store.interface import DeleteRecord, PutRecord

_MOST_GROUPS = 300
_MOST_OF_A_USER = 10


async def create_group(ctx: Context, *, group_name: str, path: str = "/") -> dict[str, Any]:
    value = {
        "GroupName": group_name,
        "GroupId": new_iam_id("AGPA"),
        "Arn": iam_arn(ctx, f"group{path}{group_name}"),
        "Path": path,
        "Created": ctx.now_ms(),
        "Inline": {},
        "Attached": [],
    }
    await _refuse_taken(ctx, group_name)
    await check_quota(ctx, GROUP, "GroupsPerAccount", _MOST_GROUPS)
    await ctx.store.commit(PutRecord(ctx.global_scope, GROUP, group_name.lower(), value, expect=0))
    return {"Group": _described(value)}


async def _refuse_taken(ctx: Context, name: str) -> None:
    if await ctx.store.get(ctx.global_scope, GROUP, name.lower()) is not None:
        raise already_exists(f"Group with name {name} already exists.")


async def get_group(
    ctx: Context, *, group_name: str, marker: str | None = None, max_items: int = DEFAULT_PAGE
) -> dict[str, Any]:
    group = (await find_entity(ctx, GROUPS, group_name)).value
    users = [user_summary(user) for user in await _members(ctx, group["GroupId"])]
    page = listing("Users", users, lambda user: str(user["UserName"]).lower(), max_items, marker)
    return {"Group": _described(group), **page}


async def _members(ctx: Context, group_id: str) -> list[dict[str, Any]]:
    return [user for user in await entities(ctx, USERS) if group_id in user["Groups"]]


async def list_groups(
    ctx: Context, *, path_prefix: str = "/", marker: str | None = None, max_items: int = DEFAULT_PAGE
) -> dict[str, Any]:
    groups = [
        _described(group) for group in await entities(ctx, GROUPS) if group["Path"].startswith(path_prefix)
    ]
    return listing("Groups", groups, _name, max_items, marker)


async def list_groups_for_user(
    ctx: Context, *, user_name: str, marker: str | None = None, max_items: int = DEFAULT_PAGE
) -> dict[str, Any]:
    ids = (await find_entity(ctx, USERS, user_name)).value["Groups"]
    groups = [_described(group) for group in await entities(ctx, GROUPS) if group["GroupId"] in ids]
    return listing("Groups", groups, _name, max_items, marker)


async def update_group(
    ctx: Context, *, group_name: str, new_path: str | None = None, new_group_name: str | None = None
) -> None:
    record = await find_entity(ctx, GROUPS, group_name)
    path, name = new_path or record.value["Path"], new_group_name or group_name
    value = {
        **record.value,
        "Path": path,
        "GroupName": name,
        "Arn": iam_arn(ctx, f"group{path}{name}"),
    }
    if name.lower() == record.key:
        await ctx.store.commit(PutRecord(ctx.global_scope, GROUP, record.key, value, record.revision))
        return
    await _refuse_taken(ctx, name)
    await ctx.store.commit(
        DeleteRecord(ctx.global_scope, GROUP, record.key, record.revision),
        PutRecord(ctx.global_scope, GROUP, name.lower(), value, expect=0),
    )


async def delete_group(ctx: Context, *, group_name: str) -> None:
    record = await find_entity(ctx, GROUPS, group_name)
    if await _members(ctx, record.value["GroupId"]):
        raise delete_conflict("Cannot delete entity, must remove users from group first.")
    if record.value["Attached"]:
        raise delete_conflict("Cannot delete entity, must detach all policies first.")
    if record.value["Inline"]:
        raise delete_conflict("Cannot delete entity, must delete policies first.")
    await ctx.store.commit(DeleteRecord(ctx.global_scope, GROUP, record.key, record.revision))


async def add_user_to_group(ctx: Context, *, group_name: str, user_name: str) -> None:
    group = await find_entity(ctx, GROUPS, group_name)
    user = await find_entity(ctx, USERS, user_name)
    groups: list[str] = user.value["Groups"]
    if group.value["GroupId"] in groups:
        return
    if len(groups) >= _MOST_OF_A_USER:
        raise limit_exceeded(f"Cannot exceed quota for GroupsPerUser: {_MOST_OF_A_USER}")
    groups.append(group.value["GroupId"])
    await ctx.store.commit(unchanged_or(ctx, USERS, user), unchanged_or(ctx, GROUPS, group))


async def remove_user_from_group(ctx: Context, *, group_name: str, user_name: str) -> None:
    group = await find_entity(ctx, GROUPS, group_name)
    user = await find_entity(ctx, USERS, user_name)
    if group.value["GroupId"] in user.value["Groups"]:
        user.value["Groups"].remove(group.value["GroupId"])
        await ctx.store.commit(unchanged_or(ctx, USERS, user))


def _name(group: Mapping[str, Any]) -> str:
    return str(group["GroupName"]).lower()


def _described(value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Path": value["Path"],
        "GroupName": value["GroupName"],
        "GroupId": value["GroupId"],
        "Arn": value["Arn"],
        "CreateDate": time_of(value["Created"]),
    }
