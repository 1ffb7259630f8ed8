"""Issues temporary credentials: a role's for a caller that its trust policy admits, and the caller's own."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.identity.credentials import SessionCredentials
from nightbus.services.context import Context
from nightbus.services.iam.records import ROLE
from nightbus.services.sts.trust import trusts

_HOUR = 3600
_HALF_DAY = 43_200


async def assume_role(
    ctx: Context,
    *,
    role_arn: str,
    role_session_name: str,
    duration_seconds: int = _HOUR,
    external_id: str | None = None,
) -> dict[str, Any]:
    role = await _role(ctx, role_arn)
    if role is None or not trusts(json.loads(role["Trust"]), ctx.caller, external_id):
        text = f"User: {ctx.caller.arn or ctx.caller.service} is not authorized to perform: sts:AssumeRole"
        raise AwsError("AccessDenied", f"{text} on resource: {role_arn}", 403)
    if duration_seconds > role["MaxSessionDuration"]:
        text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        raise AwsError("ValidationError", text)
    if duration_seconds > _HOUR and ":assumed-role/" in ctx.caller.arn:
        text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        raise AwsError("ValidationError", text)
    expiration = ctx.now_ms() + duration_seconds * 1000
    issued = ctx.platform.credentials.issue(role["Arn"], role["RoleId"], role_session_name, expiration)
    return {
        "Credentials": _credentials_reply(issued),
        "AssumedRoleUser": {"AssumedRoleId": issued.user_id, "Arn": issued.arn},
    }


async def get_session_token(ctx: Context, *, duration_seconds: int | None = None) -> dict[str, Any]:
    if ":assumed-role/" in ctx.caller.arn:
        raise AwsError("AccessDenied", "Cannot call GetSessionToken with session credentials", 403)
    is_root = ctx.caller.arn.endswith(":root")
    seconds = duration_seconds or (_HOUR if is_root else _HALF_DAY)
    if is_root:  # AWS documents that longer ones are cut to an hour
        seconds = min(seconds, _HOUR)
    issued = ctx.platform.credentials.issue_for(ctx.caller, ctx.now_ms() + seconds * 1000)
    return {"Credentials": _credentials_reply(issued)}


async def _role(ctx: Context, role_arn: str) -> dict[str, Any] | None:
    """Return the role's record in the account that its ARN names, None if there is no such role."""
    try:
        arn = Arn.parse(role_arn)
    except ValueError as broken:
        raise AwsError("ValidationError", f"{role_arn} is invalid") from broken
    if arn.service != "iam" or not arn.resource.startswith("role/"):
        raise AwsError("ValidationError", f"{role_arn} is invalid")
    name = arn.resource.rsplit("/", 1)[-1]
    record = await ctx.store.get(Scope(arn.account, ""), ROLE, name.lower())
    return record.value if record is not None and record.value["Arn"] == role_arn else None


def _credentials_reply(issued: SessionCredentials) -> dict[str, Any]:
    return {
        "AccessKeyId": issued.access_key,
        "SecretAccessKey": issued.secret_key,
        "SessionToken": issued.session_token,
        "Expiration": datetime.fromtimestamp(issued.expiration // 1000, UTC),
    }
