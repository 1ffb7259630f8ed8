"""Creates, lists, switches and deletes the access keys of users, and of the account's root.

A request that names no user is about the caller: an IAM user, or the root, whose keys have no user's name.
https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html

The secret is sealed by the node's vault, and returned once, as on AWS. A call with the key is the user's call
(`nightbus.identity.access_keys`).
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Sequence
from typing import Any

from nightbus.aws.calls import Caller
from nightbus.aws.errors import AwsError
from nightbus.identity.access_keys import ACCESS_KEY, ACTIVE, LONG_TERM
from nightbus.identity.credentials import new_access_key
from nightbus.services.context import Context
from nightbus.services.iam.errors import invalid_input, limit_exceeded
from nightbus.services.iam.keys_of_users import keys_of
from nightbus.services.iam.last_used import forgotten, key_last_used
from nightbus.services.iam.listing import DEFAULT_PAGE, listing
from nightbus.services.iam.records import USERS, find_entity, time_of, unchanged_or
from nightbus.services.iam.users import named_or_calling
from nightbus.store.interface import Change, DeleteRecord, PutRecord, Record

_MOST = 2
_SECRET_BYTES = 30  # 40 characters
_STATUSES = (ACTIVE, "Inactive")


async def create_access_key(ctx: Context, *, user_name: str | None = None) -> dict[str, Any]:
    name, owner, unchanged = await _owner(ctx, user_name)
    if len(await keys_of(ctx, name)) >= _MOST:
        raise limit_exceeded(f"Cannot exceed quota for AccessKeysPerUser: {_MOST}")
    key_id = new_access_key(LONG_TERM, ctx.account)
    secret = base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    value = {
        "UserName": name,
        "UserId": owner.user_id,
        "UserArn": owner.arn,
        "Status": ACTIVE,
        "Created": ctx.now_ms(),
        "Secret": await asyncio.to_thread(ctx.platform.vault.seal, secret.encode()),
    }
    await ctx.store.commit(PutRecord(ctx.global_scope, ACCESS_KEY, key_id, value, expect=0), *unchanged)
    return {"AccessKey": {**_described(key_id, value), "SecretAccessKey": secret}}


async def list_access_keys(
    ctx: Context,
    *,
    user_name: str | None = None,
    marker: str | None = None,
    max_items: int = DEFAULT_PAGE,
) -> dict[str, Any]:
    name, _, _ = await _owner(ctx, user_name)
    keys = [_described(record.key, record.value) for record in await keys_of(ctx, name)]
    return listing("AccessKeyMetadata", keys, lambda key: str(key["AccessKeyId"]), max_items, marker)


async def update_access_key(
    ctx: Context, *, access_key_id: str, status: str, user_name: str | None = None
) -> None:
    if status not in _STATUSES:
        raise invalid_input(f"Status {status} cannot be set.")
    record = await _key_of(ctx, access_key_id, user_name)
    value = {**record.value, "Status": status}
    await ctx.store.commit(PutRecord(ctx.global_scope, ACCESS_KEY, record.key, value, record.revision))


async def delete_access_key(ctx: Context, *, access_key_id: str, user_name: str | None = None) -> None:
    record = await _key_of(ctx, access_key_id, user_name)
    deleted = DeleteRecord(ctx.global_scope, ACCESS_KEY, record.key, record.revision)
    await ctx.store.commit(deleted, await forgotten(ctx, record.key))


async def get_access_key_last_used(ctx: Context, *, access_key_id: str) -> dict[str, Any]:
    """Return whose key it is, and when, for which service and in which Region it was used last."""
    record = await ctx.store.get(ctx.global_scope, ACCESS_KEY, access_key_id)
    if record is None:
        raise _no_such_key(access_key_id)
    used = await key_last_used(ctx, access_key_id)
    return {"UserName": record.value["UserName"], "AccessKeyLastUsed": used}


async def _owner(ctx: Context, user_name: str | None) -> tuple[str, Caller, Sequence[Change]]:
    """Return the name of the keys' owner, "" for the root, the owner as a caller, and what says in a commit that the
    owner is as it was read. Raises AwsError for an unknown user, and for a session of a role that names none."""
    if user_name is None and ctx.caller.arn.endswith(":root"):
        return "", ctx.caller, ()
    name = named_or_calling(ctx, user_name)
    user = await find_entity(ctx, USERS, name)
    owner = Caller(ctx.account, user.value["Arn"], user.value["UserId"])
    return name, owner, (unchanged_or(ctx, USERS, user),)


async def _key_of(ctx: Context, key_id: str, user_name: str | None) -> Record:
    name, _, _ = await _owner(ctx, user_name)
    record = await ctx.store.get(ctx.global_scope, ACCESS_KEY, key_id)
    if record is None or record.value["UserName"] != name:
        raise _no_such_key(key_id)
    return record


def _described(key_id: str, value: dict[str, Any]) -> dict[str, Any]:
    return {
        **({"UserName": value["UserName"]} if value["UserName"] else {}),
        "AccessKeyId": key_id,
        "Status": value["Status"],
        "CreateDate": time_of(value["Created"]),
    }


def _no_such_key(key_id: str) -> AwsError:
    return AwsError("NoSuchEntity", f"The Access Key with id {key_id} cannot be found.", 404)
