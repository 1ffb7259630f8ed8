"""Creates, describes and lists keys."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from nightbus.aws.errors import not_supported
from nightbus.aws.ids import new_hex, new_uuid
from nightbus.aws.pagination import page
from nightbus.keys.asymmetric import Generated, generate
from nightbus.keys.directory import new_key_records, new_key_value
from nightbus.keys.records import (
    AWS_KMS,
    CUSTOMER,
    DISABLED,
    ENABLED,
    EXTERNAL,
    KEY,
    PENDING_IMPORT,
    SYMMETRIC,
    default_policy,
    key_arn,
)
from nightbus.keys.specs import ENCRYPT, SPECS
from nightbus.services.context import Context
from nightbus.services.kms.errors import bad_marker, invalid, limit_exceeded
from nightbus.services.kms.finding import key_record, refuse_pending_deletion, refuse_states
from nightbus.services.kms.key_tags import tags_of
from nightbus.services.kms.metadata import metadata
from nightbus.services.kms.policies import check_principals
from nightbus.services.kms.policy_documents import check_policy
from nightbus.store.interface import PutRecord, Record

_MOST_KEYS = 100_000  # https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html
_PAGE = 100


async def create_key(
    ctx: Context,
    *,
    policy: str | None = None,
    description: str = "",
    key_usage: str | None = None,
    key_spec: str | None = None,
    customer_master_key_spec: str | None = None,
    origin: str = AWS_KMS,
    bypass_policy_lockout_safety_check: bool = False,
    tags: list[dict[str, str]] | None = None,
    multi_region: bool = False,
) -> dict[str, Any]:
    spec = _spec(key_spec, customer_master_key_spec)
    usage = _usage(spec, key_usage)
    if origin not in (AWS_KMS, EXTERNAL):
        raise not_supported("kms", "CreateKey", f"Origin {origin}")
    key_id = f"mrk-{new_hex()}" if multi_region else new_uuid()
    text = policy or json.dumps(default_policy(ctx.account, ctx.region), indent=2)
    check_policy(
        text, ctx.caller, key_arn(ctx.scope, key_id), ctx.account, bypass_policy_lockout_safety_check
    )
    principals = await check_principals(ctx, ctx.account, text)
    value = new_key_value(
        manager=CUSTOMER,
        description=description,
        policy=text,
        created=ctx.now_ms(),
        spec=spec,
        usage=usage,
        origin=origin,
    )
    value["Tags"] = tags_of(tags)
    if multi_region:
        value["MultiRegion"] = {"Primary": ctx.region, "Replicas": []}
    if ctx.platform.quotas and await ctx.store.count_records(ctx.scope, KEY) >= _MOST_KEYS:
        raise limit_exceeded(f"The account has {_MOST_KEYS} KMS keys in this Region already.")
    if origin == EXTERNAL:
        value["State"] = PENDING_IMPORT
        await ctx.store.commit(PutRecord(ctx.scope, KEY, key_id, value, expect=0), *principals)
    else:
        generated = await generated_key("CreateKey", spec)
        if generated.public is not None:
            value["PublicKey"] = base64.b64encode(generated.public).decode()
        version = await ctx.platform.keys.new_material(generated.secret)
        value["Material"] = version["Id"]
        await ctx.store.commit(*new_key_records(ctx.scope, key_id, value, version), *principals)
    return {"KeyMetadata": metadata(ctx.scope, Record(key_id, value, 1), value["State"])}


def _spec(key_spec: str | None, former: str | None) -> str:
    if key_spec and former and key_spec != former:
        raise invalid(
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is "
            "deprecated."
        )
    spec = key_spec or former or SYMMETRIC
    if spec not in SPECS:
        raise not_supported("kms", "CreateKey", f"KeySpec {spec}")
    return spec


def _usage(spec: str, usage: str | None) -> str:
    if usage is None and spec != SYMMETRIC:
        raise invalid("You must specify a KeyUsage value for an asymmetric KMS key.")
    chosen = usage or ENCRYPT
    if chosen not in SPECS[spec].algorithms:
        raise invalid(f"KeyUsage {chosen} is not compatible with KeySpec {spec}")
    return chosen


async def generated_key(operation: str, spec: str) -> Generated:
    """Make a key in a thread. Raises AwsError for a spec that the installed `cryptography` does not know."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return await asyncio.to_thread(generate, spec)
    except (ImportError, AttributeError, UnsupportedAlgorithm):
        raise not_supported("kms", operation, f"KeySpec {spec}") from None


async def describe_key(ctx: Context, *, key_id: str, grant_tokens: list[str] | None = None) -> dict[str, Any]:
    found = await key_record(ctx, key_id, "DescribeKey", aliases=True, changes=False)
    return {"KeyMetadata": metadata(found.scope, found.record, found.state)}


async def list_keys(ctx: Context, *, limit: int = _PAGE, marker: str | None = None) -> dict[str, Any]:
    records, following = page(
        await ctx.store.list(ctx.scope, KEY), lambda record: record.key, limit, marker, bad_marker()
    )
    keys = [{"KeyId": record.key, "KeyArn": key_arn(ctx.scope, record.key)} for record in records]
    return {"Keys": keys, "NextMarker": following, "Truncated": following is not None}


async def update_key_description(ctx: Context, *, key_id: str, description: str) -> None:
    found = await key_record(ctx, key_id, "UpdateKeyDescription")
    refuse_pending_deletion(found)
    await ctx.store.commit(found.put(Description=description))


async def enable_key(ctx: Context, *, key_id: str) -> None:
    await _switch(ctx, key_id, "EnableKey", ENABLED)


async def disable_key(ctx: Context, *, key_id: str) -> None:
    await _switch(ctx, key_id, "DisableKey", DISABLED)


async def _switch(ctx: Context, key_id: str, operation: str, state: str) -> None:
    found = await key_record(ctx, key_id, operation)
    refuse_pending_deletion(found)
    refuse_states(found, PENDING_IMPORT)
    if found.state != state:
        await ctx.store.commit(found.put(State=state))
