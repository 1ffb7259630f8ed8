"""Adds, removes and lists the tags of rules and buses by their ARNs."""

from __future__ import annotations

from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.errors import AwsError, validation_error
from nightbus.delivery.rules import BUS, DEFAULT_BUS, RULE
from nightbus.services.context import Context
from nightbus.services.events.managed_rules import check_not_managed
from nightbus.services.events.names import find_bus, rule_record
from nightbus.services.events.quotas import check_tags
from nightbus.store.interface import PutRecord, Record


async def list_tags_for_resource(ctx: Context, *, resource_arn: str) -> dict[str, Any]:
    _, record = await _find(ctx, resource_arn)
    return {"Tags": [{"Key": key, "Value": value} for key, value in record.value.get("Tags", {}).items()]}


async def tag_resource(ctx: Context, *, resource_arn: str, tags: list[dict[str, str]]) -> None:
    kind, record = await _find(ctx, resource_arn)
    added = {tag["Key"]: tag["Value"] for tag in tags}
    resulting = record.value.get("Tags", {}) | added
    check_tags(ctx, added, resulting)
    await _save(ctx, kind, record, resulting)


async def untag_resource(ctx: Context, *, resource_arn: str, tag_keys: list[str]) -> None:
    kind, record = await _find(ctx, resource_arn)
    remaining = {key: value for key, value in record.value.get("Tags", {}).items() if key not in tag_keys}
    check_tags(ctx, tag_keys, remaining)
    await _save(ctx, kind, record, remaining)


async def _find(ctx: Context, resource_arn: str) -> tuple[str, Record]:
    try:
        parsed = Arn.parse(resource_arn)
    except ValueError as wrong:
        raise validation_error(f"Parameter {resource_arn} is not valid. Reason: not an ARN.") from wrong
    kind, _, path = parsed.resource.partition("/")
    if (parsed.account, parsed.region) != ctx.scope:
        raise AwsError(
            "ResourceNotFoundException", f"{resource_arn} does not exist in this account and region."
        )
    if kind == "event-bus":
        return BUS, await find_bus(ctx, path)
    if kind == "rule":
        bus, slash, name = path.rpartition("/")
        return RULE, await rule_record(ctx, name, bus if slash else DEFAULT_BUS)
    raise validation_error(
        f"Parameter {resource_arn} is not valid. Reason: it names no rule and no event bus."
    )


async def _save(ctx: Context, kind: str, record: Record, tags: dict[str, str]) -> None:
    check_not_managed(record.value)
    value = {**record.value, "Tags": tags}
    await ctx.store.commit(PutRecord(ctx.scope, kind, record.key, value, expect=record.revision))
