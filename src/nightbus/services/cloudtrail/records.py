"""Finds and changes the records of trails, which are kept in the Region in which they were created."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from nightbus.aws.arn import Arn, arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.services.context import Context
from nightbus.store.changing import change
from nightbus.store.interface import Record, Store

TRAIL_RECORD = "cloudtrail/trail"
PRINCIPAL = "cloudtrail.amazonaws.com"
_NAME = re.compile(r"(?!.*[._-]{2})(?!\d{1,3}(\.\d{1,3}){3}$)[A-Za-z0-9][A-Za-z0-9._-]{1,126}[A-Za-z0-9]")


def check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        text = "Trail name must have 3 to 128 letters, numbers, periods, underscores and dashes, begin and end with a"
        raise AwsError("InvalidTrailNameException", f"{text} letter or number: {name}")


def trail_arn(scope: Scope, name: str) -> str:
    return arn("cloudtrail", scope.region, scope.account, f"trail/{name}")


def folder_of(scope: Scope, value: Mapping[str, Any]) -> str:
    """Return the folder of a trail's log files in its bucket."""
    prefix = f"{value['prefix']}/" if value["prefix"] else ""
    return f"{prefix}AWSLogs/{scope.account}/CloudTrail"


async def regions_of(store: Store, scope: Scope, value: Mapping[str, Any], log: str) -> list[str]:
    """Return the Regions whose records the trail delivers, as far as they have any in `log`."""
    if not value["multi"]:
        return [scope.region]
    scopes = [one for one in await store.log_scopes() if one.account == scope.account]
    return [one.region for one in scopes if log in await store.logs(one, log)]


async def find_trail(ctx: Context, name: str) -> tuple[Scope, Record]:
    """Return the trail of a name in the call's Region, or of an ARN in any, with its scope. Raises AwsError."""
    scope = ctx.scope
    if name.startswith("arn:"):
        try:
            parsed = Arn.parse(name)
        except ValueError:
            raise _bad_arn(name) from None
        kind, _, trail = parsed.resource.partition("/")
        if parsed.service != "cloudtrail" or kind != "trail":
            raise _bad_arn(name)
        scope, name = Scope(parsed.account, parsed.region), trail
    else:
        check_name(name)
    record = await ctx.store.get(scope, TRAIL_RECORD, name) if scope.account == ctx.account else None
    if record is None:
        text = f"Unknown trail: {trail_arn(scope, name)} for the user: {ctx.account}"
        raise AwsError("TrailNotFoundException", text)
    return scope, record


async def change_trail(ctx: Context, name: str, edit: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Change a trail where it was created; in another Region that is refused, as on AWS. Return its value."""
    scope, _ = await find_trail(ctx, name)
    if scope.region != ctx.region:
        text = f"The trail can be changed only in its home Region, {scope.region}."
        raise AwsError("InvalidHomeRegionException", text)

    async def find() -> Record:
        return (await find_trail(ctx, name))[1]

    def edited(value: dict[str, Any]) -> dict[str, Any]:
        edit(value)
        return value

    return await change(ctx.store, scope, TRAIL_RECORD, find, edited)


def _bad_arn(text: str) -> AwsError:
    return AwsError("CloudTrailARNInvalidException", f"The specified ARN is not that of a trail: {text}")
