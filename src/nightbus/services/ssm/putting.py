"""Answers PutParameter: creates a parameter, or gives an existing one a new version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.errors import AwsError, not_supported, validation_error
from nightbus.aws.ids import new_hex
from nightbus.services.context import Context
from nightbus.services.ssm.change_events import SsmEvents
from nightbus.services.ssm.errors import parameter_exists
from nightbus.services.ssm.names import check_new_name, parameter_arn
from nightbus.services.ssm.policies import PENDING, Policy, parse_policies
from nightbus.services.ssm.policy_engine import policy_items
from nightbus.services.ssm.records import PARAMETER, SECURE, VERSION, Version, version_key
from nightbus.services.ssm.secure_values import DEFAULT_KEY, encrypted
from nightbus.services.ssm.tags import checked_tags
from nightbus.services.ssm.values import ADVANCED, STANDARD, TEXT, check_value, tier_of
from nightbus.store.interface import Change, DeleteRecord, PutRecord, Record

_MOST_VERSIONS = 100
_MOST_PARAMETERS = {STANDARD: 10_000, ADVANCED: 100_000}


async def put_parameter(
    ctx: Context,
    *,
    name: str,
    value: str,
    type: str | None = None,
    description: str | None = None,
    key_id: str | None = None,
    overwrite: bool = False,
    allowed_pattern: str | None = None,
    tags: list[dict[str, str]] | None = None,
    tier: str | None = None,
    policies: str | None = None,
    data_type: str | None = None,
) -> dict[str, Any]:
    check_new_name(ctx.scope, name)
    _check_request(type, key_id, overwrite, tags, data_type)
    record = await ctx.store.get(ctx.scope, PARAMETER, name)
    if record is not None and not overwrite:
        raise parameter_exists()
    old: Mapping[str, Any] = record.value["newest"] if record else {}
    kind = type or old.get("type")
    if kind is None:
        raise validation_error("A parameter type is required when you create a parameter.")
    now = ctx.now_ms()
    new_policies = None if policies is None else parse_policies(policies, now)
    version: Version = {
        "number": old.get("number", 0) + 1,
        "type": kind,
        "modified": now,
        "user": ctx.caller.arn or ctx.caller.source_arn,
        "description": old.get("description") if description is None else description,
        "pattern": old.get("pattern") if allowed_pattern is None else allowed_pattern,
        "tier": tier_of(tier, old.get("tier"), value, bool(new_policies)),
        "data_type": data_type or old.get("data_type") or TEXT,
    }
    check_value(value, version["tier"], version["pattern"])
    version |= _policies(new_policies, old, version["tier"], now)
    if kind == SECURE:
        key = version["key"] = key_id or old.get("key") or DEFAULT_KEY
        version["value"] = await encrypted(ctx, parameter_arn(ctx.scope, name), key, version["tier"], value)
    else:
        version["value"] = value
    await _commit(ctx, name, record, version, tags)
    return {"Version": version["number"], "Tier": version["tier"]}


def _policies(new: list[Policy] | None, old: Mapping[str, Any], tier: str, now: int) -> dict[str, Any]:
    """Return the policies of a new version: those of the request, else those of the version before."""
    if new is None:
        texts = ",".join(policy["text"] for policy in old.get("policies", ()) if policy["status"] == PENDING)
        new = parse_policies(f"[{texts}]", now)
    if new and tier != ADVANCED:
        raise validation_error("Parameter policies are supported for parameters of the advanced tier only.")
    return {"policies": new, "policies_id": new_hex() if new else ""}


def _check_request(
    kind: str | None, key: str | None, overwrite: bool, tags: Sequence[Any] | None, data_type: str | None
) -> None:
    if tags and overwrite:
        raise validation_error(
            "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please"
            " remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or"
            " RemoveTagsFromResource."
        )
    if key is not None and kind not in (None, SECURE):
        raise validation_error(f"KeyId is not allowed for parameters of type {kind}.")
    if data_type in ("aws:ec2:image", "aws:ssm:integration"):
        raise not_supported("ssm", "PutParameter", f"DataType {data_type}")
    if data_type not in (None, "", TEXT):
        raise validation_error(
            f"The following data type is not supported: {data_type} (Data type names are all lowercase.)"
        )


async def _commit(
    ctx: Context, name: str, record: Record | None, version: Version, tags: list[dict[str, str]] | None
) -> None:
    events, due = SsmEvents(ctx.platform, ctx.scope), policy_items(ctx.scope, name, version)
    if record is None:
        value: dict[str, Any] = {
            "id": new_hex(12),
            "labels": {},
            "tags": checked_tags(ctx, {}, tags or []),
            "oldest": 1,
            "newest": version,
        }
        await _check_room(ctx, version["tier"])
        events.changed("Create", name, version)
        await events.commit(PutRecord(ctx.scope, PARAMETER, name, value, expect=0), *due)
        return
    value = {**record.value, "newest": version}
    former = record.value["newest"]
    older = PutRecord(ctx.scope, VERSION, version_key(name, former["number"]), former)
    changes: list[Change] = [older, *due]
    if version["number"] - value["oldest"] >= _MOST_VERSIONS:
        changes.append(_without_oldest(ctx, name, value))
    events.changed("Update", name, version)
    await events.commit(PutRecord(ctx.scope, PARAMETER, name, value, expect=record.revision), *changes)


def _without_oldest(ctx: Context, name: str, value: dict[str, Any]) -> DeleteRecord:
    """Forget the oldest version, in the parameter's `value` too. Raises AwsError if it has a label."""
    oldest = value["oldest"]
    if oldest in value["labels"].values():
        raise AwsError(
            "ParameterMaxVersionLimitExceeded",
            f"You attempted to create a new version of {name} by calling the PutParameter API with the overwrite"
            f" flag. Version {oldest}, the oldest version, can't be overwritten because it has a label associated"
            " with it. Move the label to another version of the parameter, and try again.",
        )
    value["oldest"] = oldest + 1
    return DeleteRecord(ctx.scope, VERSION, version_key(name, oldest))


async def _check_room(ctx: Context, tier: str) -> None:
    """Raise AwsError if the account has as many parameters of the tier in the region as AWS allows."""
    most = _MOST_PARAMETERS[tier]
    if not ctx.platform.quotas:
        return
    # A count reads no values; the tiers are read only where there can be as many of one.
    if await ctx.store.count_records(ctx.scope, PARAMETER) < most:
        return
    records = await ctx.store.list(ctx.scope, PARAMETER)
    if sum(record.value["newest"]["tier"] == tier for record in records) >= most:
        raise AwsError(
            "ParameterLimitExceeded",
            f"The maximum number of {tier.lower()} parameters for this account has been reached ({most}).",
        )
