"""Creates, describes and deletes instance profiles, which hold a role for an EC2 instance.

There are no instances here: a profile is kept and shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_iam_id
from nightbus.services.context import Context
from nightbus.services.iam.errors import already_exists, delete_conflict, limit_exceeded
from nightbus.services.iam.listing import DEFAULT_PAGE, listing
from nightbus.services.iam.profiles_of_roles import INSTANCE_PROFILE, profiles
from nightbus.services.iam.protected_roles import refuse_protected
from nightbus.services.iam.quotas import check_quota
from nightbus.services.iam.records import ROLES, entities, find_entity, iam_arn, time_of, unchanged_or
from nightbus.services.iam.roles import role_summary
from nightbus.services.iam.tags import Tag, add_tags, checked_iam_tags, remove_tags, tag_key
from nightbus.store.interface import DeleteRecord, PutRecord, Record

_MOST = 1000
_MOST_ROLES = 1


async def create_instance_profile(
    ctx: Context, *, instance_profile_name: str, path: str = "/", tags: Sequence[Tag] = ()
) -> dict[str, Any]:
    value = {
        "Name": instance_profile_name,
        "Id": new_iam_id("AIPA"),
        "Arn": iam_arn(ctx, f"instance-profile{path}{instance_profile_name}"),
        "Path": path,
        "Created": ctx.now_ms(),
        "Roles": [],
        "Tags": checked_iam_tags(tags),
    }
    key = instance_profile_name.lower()
    if await ctx.store.get(ctx.global_scope, INSTANCE_PROFILE, key) is not None:
        raise already_exists(f"Instance Profile {instance_profile_name} already exists.")
    await check_quota(ctx, INSTANCE_PROFILE, "InstanceProfilesPerAccount", _MOST)
    await ctx.store.commit(PutRecord(ctx.global_scope, INSTANCE_PROFILE, key, value, expect=0))
    return {"InstanceProfile": await described(ctx, value)}


async def get_instance_profile(ctx: Context, *, instance_profile_name: str) -> dict[str, Any]:
    return {"InstanceProfile": await described(ctx, (await _find(ctx, instance_profile_name)).value)}


async def list_instance_profiles(
    ctx: Context, *, path_prefix: str = "/", marker: str | None = None, max_items: int = DEFAULT_PAGE
) -> dict[str, Any]:
    found = [one for one in await profiles(ctx) if one["Path"].startswith(path_prefix)]
    return await _page(ctx, found, max_items, marker)


async def list_instance_profiles_for_role(
    ctx: Context, *, role_name: str, marker: str | None = None, max_items: int = DEFAULT_PAGE
) -> dict[str, Any]:
    await find_entity(ctx, ROLES, role_name)
    found = [one for one in await profiles(ctx) if role_name in one["Roles"]]
    return await _page(ctx, found, max_items, marker)


async def _page(
    ctx: Context, found: Sequence[dict[str, Any]], max_items: int, marker: str | None
) -> dict[str, Any]:
    page = listing("InstanceProfiles", found, lambda one: str(one["Name"]).lower(), max_items, marker)
    page["InstanceProfiles"] = [await described(ctx, one, tags=False) for one in page["InstanceProfiles"]]
    return page


async def add_role_to_instance_profile(ctx: Context, *, instance_profile_name: str, role_name: str) -> None:
    profile, role = await _find(ctx, instance_profile_name), await find_entity(ctx, ROLES, role_name)
    refuse_protected(role.value)
    if len(profile.value["Roles"]) >= _MOST_ROLES:
        raise limit_exceeded(f"Cannot exceed quota for InstanceSessionsPerInstanceProfile: {_MOST_ROLES}")
    profile.value["Roles"].append(role_name)
    await ctx.store.commit(_put(ctx, profile), unchanged_or(ctx, ROLES, role))


async def remove_role_from_instance_profile(
    ctx: Context, *, instance_profile_name: str, role_name: str
) -> None:
    profile = await _find(ctx, instance_profile_name)
    if role_name not in profile.value["Roles"]:
        text = f"{instance_profile_name} does not have a role with name {role_name}"
        raise AwsError("NoSuchEntity", text, 404)
    profile.value["Roles"].remove(role_name)
    await ctx.store.commit(_put(ctx, profile))


async def delete_instance_profile(ctx: Context, *, instance_profile_name: str) -> None:
    profile = await _find(ctx, instance_profile_name)
    if profile.value["Roles"]:
        raise delete_conflict("Cannot delete entity, must remove roles from instance profile first.")
    await ctx.store.commit(DeleteRecord(ctx.global_scope, INSTANCE_PROFILE, profile.key, profile.revision))


async def tag_instance_profile(ctx: Context, *, instance_profile_name: str, tags: Sequence[Tag]) -> None:
    new = checked_iam_tags(tags)
    await _change(ctx, instance_profile_name, lambda value: add_tags(value, new))


async def untag_instance_profile(
    ctx: Context, *, instance_profile_name: str, tag_keys: Sequence[str]
) -> None:
    await _change(ctx, instance_profile_name, lambda value: remove_tags(value, tag_keys))


async def list_instance_profile_tags(
    ctx: Context, *, instance_profile_name: str, marker: str | None = None, max_items: int = DEFAULT_PAGE
) -> dict[str, Any]:
    tags = (await _find(ctx, instance_profile_name)).value["Tags"]
    return listing("Tags", tags, tag_key, max_items, marker)


async def _find(ctx: Context, name: str) -> Record:
    record = await ctx.store.get(ctx.global_scope, INSTANCE_PROFILE, name.lower())
    if record is None or record.value["Name"] != name:
        raise AwsError("NoSuchEntity", f"Instance Profile {name} cannot be found.", 404)
    return record


async def _change(ctx: Context, name: str, change: Callable[[dict[str, Any]], None]) -> None:
    record = await _find(ctx, name)
    change(record.value)
    await ctx.store.commit(_put(ctx, record))


def _put(ctx: Context, record: Record) -> PutRecord:
    return PutRecord(ctx.global_scope, INSTANCE_PROFILE, record.key, record.value, record.revision)


async def described(ctx: Context, value: Mapping[str, Any], tags: bool = True) -> dict[str, Any]:
    roles = [role_summary(one) for one in await entities(ctx, ROLES) if one["RoleName"] in value["Roles"]]
    reply = {
        "Path": value["Path"],
        "InstanceProfileName": value["Name"],
        "InstanceProfileId": value["Id"],
        "Arn": value["Arn"],
        "CreateDate": time_of(value["Created"]),
        "Roles": roles,
    }
    return {**reply, "Tags": value["Tags"] or None} if tags else reply
