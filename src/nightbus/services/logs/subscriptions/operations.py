"""Puts, describes and deletes subscription filters.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html
"""

from __future__ import annotations

from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError, not_supported
from nightbus.aws.ids import new_hex
from nightbus.aws.pagination import page
from nightbus.messaging.log_streams import GROUP
from nightbus.services.context import Context
from nightbus.services.logs.errors import bad_token, invalid
from nightbus.services.logs.filter_pattern import compile_pattern
from nightbus.services.logs.groups import group_arn, require_group
from nightbus.services.logs.subscriptions.records import FILTER, filter_key, filters_of, without_filter
from nightbus.store.interface import PutRecord, Record, RequireRecord

_MOST = 2  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
_PAGE = 50
_FUNCTION = "function:"


async def put_subscription_filter(
    ctx: Context,
    *,
    log_group_name: str,
    filter_name: str,
    filter_pattern: str,
    destination_arn: str,
    distribution: str = "ByLogStream",
) -> None:
    """Make a filter or change it. Events that were written before are not sent."""
    group = await require_group(ctx, log_group_name)
    compile_pattern(filter_pattern)
    existing = {record.key: record for record in await filters_of(ctx.store, ctx.scope, log_group_name)}
    key = filter_key(log_group_name, filter_name)
    record = existing.get(key)
    if record is None and len(existing) >= _MOST:
        raise AwsError("LimitExceededException", "Resource limit exceeded.")
    principal = await _principal_of(ctx, log_group_name, destination_arn)
    now = ctx.now_ms()
    value = {
        "id": new_hex(),
        "pattern": filter_pattern,
        "destination": destination_arn,
        "distribution": distribution,
        "created": record.value["created"] if record else now,
        "since": record.value["since"] if record else now,
        "principal": principal,
    }
    await ctx.store.commit(
        RequireRecord(ctx.scope, GROUP, group.key, group.revision),
        PutRecord(ctx.scope, FILTER, key, value, expect=record.revision if record else 0),
    )


async def _principal_of(ctx: Context, group: str, destination: str) -> str:
    """Return the service principal that the function's policy admits for the group. Raises AwsError."""
    try:
        arn = Arn.parse(destination)
    except ValueError:
        raise invalid("Invalid destination ARN.") from None
    if arn.service != "lambda" or not arn.resource.startswith(_FUNCTION):
        raise not_supported("logs", "PutSubscriptionFilter", f"the destination {destination}")
    function = arn.resource.removeprefix(_FUNCTION).partition(":")[0]
    if group == f"/aws/lambda/{function}":
        raise invalid("The log group provided is reserved for the function logs of the destination function.")
    scope = Scope(arn.account, arn.region)
    for principal in ("logs.amazonaws.com", f"logs.{ctx.region}.amazonaws.com"):
        caller = Caller.for_service(ctx.account, principal, f"{group_arn(ctx, group)}:*")
        try:
            await ctx.platform.operations.call(
                "lambda",
                "Invoke",
                {"FunctionName": destination, "InvocationType": "DryRun"},
                Call(scope, caller, ctx.call.endpoint),
            )
        except AwsError:
            continue
        return principal
    raise invalid(
        "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute "
        "your function."
    )


async def describe_subscription_filters(
    ctx: Context,
    *,
    log_group_name: str,
    filter_name_prefix: str = "",
    limit: int = _PAGE,
    next_token: str | None = None,
) -> dict[str, Any]:
    await require_group(ctx, log_group_name)
    prefix = filter_key(log_group_name, filter_name_prefix)
    records = await ctx.store.list(ctx.scope, FILTER, prefix=prefix)
    chosen, token = page(records, lambda record: record.key, limit, next_token, bad_token())
    return {"subscriptionFilters": [_described(one) for one in chosen], "nextToken": token}


async def delete_subscription_filter(ctx: Context, *, log_group_name: str, filter_name: str) -> None:
    await require_group(ctx, log_group_name)
    record = await ctx.store.get(ctx.scope, FILTER, filter_key(log_group_name, filter_name))
    if record is None:
        raise AwsError("ResourceNotFoundException", "The specified subscription filter does not exist.")
    await ctx.store.commit(*await without_filter(ctx, record))


def _described(record: Record) -> dict[str, Any]:
    group, _, name = record.key.partition(":")
    return {
        "filterName": name,
        "logGroupName": group,
        "filterPattern": record.value["pattern"],
        "destinationArn": record.value["destination"],
        "distribution": record.value["distribution"],
        "creationTime": record.value["created"],
    }
