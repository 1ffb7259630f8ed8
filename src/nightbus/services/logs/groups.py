"""Creates, describes and deletes log groups."""

from __future__ import annotations

from typing import Any

from nightbus.aws.arn import Arn, is_arn
from nightbus.aws.calls import Caller
from nightbus.aws.errors import not_supported
from nightbus.aws.pagination import page
from nightbus.aws.support import LOG_GROUP_CLASS
from nightbus.keys.uses import WRITING, KeyUser, is_usable
from nightbus.messaging.log_streams import GROUP, STREAM, create_group, log_name, stream_key, stream_of
from nightbus.services.context import Context
from nightbus.services.logs.errors import bad_token, exists, invalid, no_group
from nightbus.services.logs.subscriptions.records import without_group
from nightbus.store.interface import Change, Conflict, DeleteRecord, Record, TrimLog

_PAGE = 50


def group_arn(ctx: Context, group: str) -> str:
    return ctx.arn("logs", f"log-group:{group}")


def group_name(name: str | None, identifier: str | None) -> str:
    """Return the group's name. Exactly one of the two must be there; an identifier is a name or an ARN."""
    if name is not None and identifier is not None:
        raise invalid("LogGroup name and LogGroup identifier are mutually exclusive parameters.")
    chosen = name if name is not None else identifier
    if chosen is None:
        raise invalid("At least one of logGroupName or logGroupIdentifier must be specified.")
    return name_in(chosen)


def name_in(identifier: str) -> str:
    """Return the group's name from a name or an ARN, with or without `:*`."""
    if not identifier.startswith("arn:"):
        return identifier
    try:
        resource = Arn.parse(identifier).resource
    except ValueError:
        raise invalid(f"Invalid log group identifier: {identifier}") from None
    kind, _, name = resource.partition(":")
    if kind != "log-group" or not name:
        raise invalid(f"Invalid log group identifier: {identifier}")
    return name.removesuffix(":*")


async def require_group(ctx: Context, group: str) -> Record:
    record = await ctx.store.get(ctx.scope, GROUP, group)
    if record is None:
        raise no_group()
    return record


async def create_log_group(
    ctx: Context,
    *,
    log_group_name: str,
    tags: dict[str, str] | None = None,
    log_group_class: str = LOG_GROUP_CLASS,
    deletion_protection_enabled: bool = False,
    kms_key_id: str | None = None,
) -> None:
    if log_group_class != LOG_GROUP_CLASS:
        raise not_supported("logs", "CreateLogGroup", f"logGroupClass {log_group_class}")
    if deletion_protection_enabled:
        raise not_supported("logs", "CreateLogGroup", "deletionProtectionEnabled")
    group = create_group(ctx.scope, log_group_name, ctx.now_ms(), tags)
    if kms_key_id is not None:
        await check_key(ctx, log_group_name, kms_key_id)
        group.value["key"] = kms_key_id
    try:
        await ctx.store.commit(group)
    except Conflict:
        raise exists("log group") from None


async def check_key(ctx: Context, group: str, key: str) -> None:
    """Raise AwsError unless the key, which an ARN must name, can be used, and its policy lets CloudWatch Logs use it.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    """
    arn = group_arn(ctx, group)
    service = Caller.for_service(ctx.account, f"logs.{ctx.region}.amazonaws.com", f"{arn}:*")
    user = KeyUser(service, "logs", WRITING, {"aws:logs:arn": arn})
    if not is_arn(key) or not await is_usable(ctx.platform.keys, ctx.scope, key, user):
        raise invalid(f"The specified KMS key does not exist or is not allowed to be used with Arn '{arn}'")


async def delete_log_group(ctx: Context, *, log_group_name: str) -> None:
    await require_group(ctx, log_group_name)
    changes: list[Change] = [DeleteRecord(ctx.scope, GROUP, log_group_name)]
    for record in await ctx.store.list(ctx.scope, STREAM, prefix=stream_key(log_group_name, "")):
        changes.append(DeleteRecord(ctx.scope, STREAM, record.key))
        changes.append(TrimLog(ctx.scope, log_name(log_group_name, stream_of(record.key))))
    changes += await without_group(ctx, log_group_name)
    await ctx.store.commit(*changes)


async def describe_log_groups(
    ctx: Context,
    *,
    log_group_name_prefix: str = "",
    log_group_name_pattern: str | None = None,
    log_group_identifiers: list[str] | None = None,
    log_group_class: str | None = None,
    limit: int = _PAGE,
    next_token: str | None = None,
) -> dict[str, Any]:
    if log_group_name_prefix and log_group_name_pattern:
        raise invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
    records = await ctx.store.list(ctx.scope, GROUP, prefix=log_group_name_prefix)
    if log_group_name_pattern:
        records = [record for record in records if log_group_name_pattern in record.key]
    if log_group_identifiers:
        names = {name_in(one) for one in log_group_identifiers}
        records = [record for record in records if record.key in names]
    if log_group_class:
        records = [record for record in records if record.value["class"] == log_group_class]
    page_items, token = page(records, lambda record: record.key, limit, next_token, bad_token())
    return {"logGroups": [_described(ctx, record) for record in page_items], "nextToken": token}


async def list_log_groups(
    ctx: Context,
    *,
    log_group_class: str | None = None,
    limit: int = _PAGE,
    next_token: str | None = None,
) -> dict[str, Any]:
    records = await ctx.store.list(ctx.scope, GROUP)
    if log_group_class:
        records = [record for record in records if record.value["class"] == log_group_class]
    page_items, token = page(records, lambda record: record.key, limit, next_token, bad_token())
    summaries = [
        {
            "logGroupName": record.key,
            "logGroupArn": group_arn(ctx, record.key),
            "logGroupClass": record.value["class"],
        }
        for record in page_items
    ]
    return {"logGroups": summaries, "nextToken": token}


def _described(ctx: Context, record: Record) -> dict[str, Any]:
    arn = group_arn(ctx, record.key)
    described = {
        "logGroupName": record.key,
        "creationTime": record.value["created"],
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "storedBytes": 0,  # AWS updates it late as well; Nightbus does not count it
        "logGroupClass": record.value["class"],
        "logGroupArn": arn,
    }
    if record.value.get("key"):
        described["kmsKeyId"] = record.value["key"]
    if record.value["retention"] is not None:
        described["retentionInDays"] = record.value["retention"]
    return described
