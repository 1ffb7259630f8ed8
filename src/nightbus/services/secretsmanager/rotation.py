"""Turns the rotation of secrets on and off: RotateSecret and CancelRotateSecret.

The rotation in a secret's record has the function, the rules, `enabled`, `id` (of this setting; its item in the queue
of rotation_engine.py has the same), `last` and `next` (UTC ms), and `running`, the version that is being made, or "".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_hex, new_uuid
from nightbus.bus.schedule import InvalidSchedule, Rate, Schedule, next_due, parse_schedule
from nightbus.identity.secrets import CURRENT, PENDING
from nightbus.policies.request import Need
from nightbus.services.context import Context
from nightbus.services.secretsmanager.errors import access_denied, invalid_parameter, invalid_request
from nightbus.services.secretsmanager.records import Secret, find_secret
from nightbus.services.secretsmanager.rotation_items import RotationItem
from nightbus.services.secretsmanager.storing import save
from nightbus.services.secretsmanager.versions import move_label
from nightbus.store.interface import Change

PRINCIPAL = "secretsmanager.amazonaws.com"
_DAY_MS = 24 * 60 * 60 * 1000
_SHORTEST_MS = 4 * 60 * 60 * 1000
_LONGEST_HOURS = 24


async def rotate_secret(
    ctx: Context,
    *,
    secret_id: str,
    client_request_token: str | None = None,
    rotation_lambda_arn: str | None = None,
    rotation_rules: dict[str, Any] | None = None,
    rotate_immediately: bool = True,
) -> dict[str, Any]:
    secret = await find_secret(ctx, secret_id, "RotateSecret", to_change=True)
    old: Mapping[str, Any] = secret.value["rotation"] or {}
    function = rotation_lambda_arn or old.get("function")
    if not function:
        raise invalid_request("No Lambda rotation function ARN is associated with this secret.")
    rules = rotation_rules or old.get("rules") or {}
    schedule_of(rules)
    await _check_function(ctx, secret, function)
    now, token = ctx.now_ms(), client_request_token or new_uuid()
    unfinished = pending_version(secret)
    rotation = secret.value["rotation"] = {
        "function": function,
        "rules": rules,
        "enabled": True,
        "id": new_hex(),
        "last": old.get("last"),
        "running": (unfinished or token) if rotate_immediately or unfinished else "",
    }
    rotation["next"] = following_due(rules, rotation["last"] or now, now)
    if rotation["running"]:
        begin_version(secret, rotation["running"], now)
    await save(ctx, secret, *_queued(secret, now))
    if unfinished and unfinished != token:
        raise invalid_request("A previous rotation isn't complete. That rotation will be reattempted.")
    return {**secret.named(), "VersionId": token if rotation["running"] else None}


def _queued(secret: Secret, now: int) -> list[Change]:
    rotation = secret.value["rotation"]
    due = now if rotation["running"] else rotation["next"]
    if due is None:
        return []
    item = RotationItem(secret.scope, secret.name, secret.value["id"], rotation["id"], rotation["running"])
    return [item.enqueued(due)]


async def cancel_rotate_secret(ctx: Context, *, secret_id: str) -> dict[str, Any]:
    """Turn rotation off. A version that a rotation under way has made stays AWSPENDING."""
    secret = await find_secret(ctx, secret_id, "CancelRotateSecret", to_change=True)
    rotation = secret.value["rotation"]
    if rotation is None:
        raise invalid_request("You tried to cancel the rotation of a secret that has no rotation.")
    rotation |= {"enabled": False, "id": "", "next": None, "running": ""}
    await save(ctx, secret)
    return {**secret.named(), "VersionId": pending_version(secret)}


def pending_version(secret: Secret) -> str | None:
    """Return the version of a rotation that has not been finished."""
    pending = secret.version_with(PENDING)
    return None if pending is None or CURRENT in secret.versions[pending]["stages"] else pending


def begin_version(secret: Secret, token: str, now: int) -> None:
    """Add the version that a rotation makes: AWSPENDING, and without a value until the function puts one."""
    version = {"created": now, "stages": [], "key": secret.value["key"], "accessed": None}
    secret.versions.setdefault(token, version)
    move_label(secret.versions, PENDING, token)


def following_due(rules: Mapping[str, Any], start: int, now: int) -> int | None:
    """Return when the next rotation is due (UTC ms), None without a schedule. `start` is the last rotation."""
    schedule = schedule_of(rules)
    return None if schedule is None else next_due(schedule, now, start)


def schedule_of(rules: Mapping[str, Any]) -> Schedule | None:
    """Return the schedule of rotation rules. Raises AwsError for rules that are wrong."""
    days, expression = rules.get("AutomaticallyAfterDays"), rules.get("ScheduleExpression")
    if days is not None and expression is not None:
        raise invalid_parameter("You can't specify both AutomaticallyAfterDays and ScheduleExpression.")
    duration = rules.get("Duration")
    if duration is not None and not 1 <= int(duration.removesuffix("h")) <= _LONGEST_HOURS:
        raise invalid_parameter(f"The Duration must be between 1h and {_LONGEST_HOURS}h.")
    if days is not None:
        return Rate(days * _DAY_MS)
    if expression is None:
        return None
    try:
        schedule = parse_schedule(expression)
    except InvalidSchedule as wrong:
        raise invalid_parameter(f"Invalid ScheduleExpression: {expression}") from wrong
    if isinstance(schedule, Rate) and schedule.period_ms < _SHORTEST_MS:
        raise invalid_parameter("A secret can't be rotated more often than every four hours.")
    return schedule


async def _check_function(ctx: Context, secret: Secret, function: str) -> None:
    """Raise AwsError unless the caller and Secrets Manager may invoke the function.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
    """
    await ctx.authorize(Need("lambda:InvokeFunction", function))
    request = {"FunctionName": function, "InvocationType": "DryRun"}
    try:
        call = ctx.call.acting_as(PRINCIPAL, secret.arn)
        await ctx.platform.operations.call("lambda", "Invoke", request, call)
    except AwsError as refused:
        raise access_denied(
            "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access"
            f" to the principal {PRINCIPAL}."
        ) from refused
