"""Writes what a trail records to its log group of CloudWatch Logs, in the role that the trail has for it.

The stream is `ACCOUNT_CloudTrail_REGION`, an event of it is one record. The log group has positions of its own: what it
does not take is tried again, and holds back no log file.
Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-required-policy-for-cloudwatch-logs.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.services.cloudtrail.records import PRINCIPAL, trail_arn
from nightbus.services.cloudtrail.selectors import is_wanted
from nightbus.services.cloudtrail.unread_records import unread_records
from nightbus.services.context import Context, Platform
from nightbus.store.interface import Entry

log = logging.getLogger("nightbus.cloudtrail")
_MOST_BYTES = 1_000_000  # of a batch; PutLogEvents takes 1,048,576, with 26 for each event
_EXTRA_BYTES = 26
_GROUP = "log-group:"
_SESSION = "CloudTrail"


async def deliver_events(
    platform: Platform, scope: Scope, value: Mapping[str, Any], regions: Sequence[str]
) -> dict[str, Any]:
    """Write what was recorded since the last time; return what changes in the trail's value."""
    if not value.get("group"):
        return {}
    before = value.get("group_positions", {})
    positions = dict(before)
    changes: dict[str, Any] = {}
    for region in regions:
        async for entries in unread_records(platform, scope.account, region, positions, _since(value)):
            wanted = await asyncio.to_thread(_wanted, entries, value)
            try:
                for batch in _batches(wanted):
                    await _write(platform, scope, value, batch)
                    changes |= {"group_error": "", "group_delivered": platform.clock.now_ms()}
            except AwsError as error:
                changes["group_error"] = error.message
                log.warning("log group of trail %s takes no events: %s", value["name"], error)
                break
            positions[region] = entries[-1].offset
    return changes | ({"group_positions": positions} if positions != before else {})


async def check_group(ctx: Context, scope: Scope, value: Mapping[str, Any]) -> None:
    """Raise AwsError unless the trail's role may write to its log group. As on AWS, the stream is made."""
    group, role = value.get("group", ""), value.get("role", "")
    if not group and not role:
        return
    if not role:
        text = "You must specify a role ARN as well as a log group."
        raise AwsError("InvalidCloudWatchLogsRoleArnException", text)
    if not group:
        text = "You must specify a log group as well as a role ARN."
        raise AwsError("InvalidCloudWatchLogsLogGroupArnException", text)
    try:
        parsed = Arn.parse(group)
    except ValueError:
        parsed = None
    if (
        parsed is None
        or parsed.service != "logs"
        or not parsed.resource.startswith(_GROUP)
        or not group.endswith(":*")
    ):
        text = "Check the log group ARN: CloudTrail can't validate it."
        raise AwsError("InvalidCloudWatchLogsLogGroupArnException", text)
    await _check_role(ctx, scope, value)
    try:
        await _make_stream(ctx.platform, scope, value)
    except AwsError as error:
        text = "Access denied. Check the permissions for your role."
        if error.code == "ResourceNotFoundException":
            text = "CloudTrail cannot validate the specified log group ARN."
        raise AwsError("InvalidCloudWatchLogsLogGroupArnException", text) from error


async def _check_role(ctx: Context, scope: Scope, value: Mapping[str, Any]) -> None:
    authorizer = ctx.platform.authorizer
    service = Caller.for_service(scope.account, PRINCIPAL, trail_arn(scope, value["name"]))
    by_service = replace(ctx.call, caller=service)
    try:
        if authorizer is None or await authorizer.is_assumable(value["role"], by_service, ctx.handles):
            return
    except ValueError:
        text = "CloudTrail cannot validate the role ARN."
        raise AwsError("InvalidCloudWatchLogsRoleArnException", text) from None
    text = "Access denied. Check the trust relationships for your role."
    raise AwsError("InvalidCloudWatchLogsRoleArnException", text)


def _wanted(entries: Sequence[Entry], value: Mapping[str, Any]) -> list[Entry]:
    return [entry for entry in entries if is_wanted(orjson.loads(entry.data), value)]


def _since(value: Mapping[str, Any]) -> int:
    """Return the time from which on the group gets events, UTC ms: a group that comes later gets nothing older."""
    return max(int(value["started"]), int(value.get("group_since", 0)))


def _batches(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    size = 0
    for entry in sorted(entries, key=lambda one: one.time):
        size += len(entry.data) + _EXTRA_BYTES
        if batch and size > _MOST_BYTES:
            yield batch
            batch, size = [], len(entry.data) + _EXTRA_BYTES
        batch.append(entry)
    if batch:
        yield batch


async def _write(platform: Platform, scope: Scope, value: Mapping[str, Any], batch: Sequence[Entry]) -> None:
    name, stream, call = _place(platform, scope, value)
    request = {
        "logGroupName": name,
        "logStreamName": stream,
        "logEvents": [{"timestamp": entry.time, "message": entry.data.decode()} for entry in batch],
    }
    try:
        await platform.operations.call("logs", "PutLogEvents", request, call)
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise
        await _make_stream(platform, scope, value)
        await platform.operations.call("logs", "PutLogEvents", request, call)


async def _make_stream(platform: Platform, scope: Scope, value: Mapping[str, Any]) -> None:
    name, stream, call = _place(platform, scope, value)
    request = {"logGroupName": name, "logStreamName": stream}
    try:
        await platform.operations.call("logs", "CreateLogStream", request, call)
    except AwsError as error:
        if error.code != "ResourceAlreadyExistsException":
            raise


def _place(platform: Platform, scope: Scope, value: Mapping[str, Any]) -> tuple[str, str, Call]:
    """Return the log group's name, the stream's, and the call with which they are written."""
    group = Arn.parse(value["group"])
    caller = Caller.in_role(value["role"], _SESSION, PRINCIPAL, trail_arn(scope, value["name"]))
    name = group.resource.removeprefix(_GROUP).removesuffix(":*")
    call = Call(Scope(group.account, group.region), caller, platform.endpoint)
    return name, f"{scope.account}_CloudTrail_{scope.region}", call
