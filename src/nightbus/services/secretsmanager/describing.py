"""Answers DescribeSecret and ListSecrets."""

from __future__ import annotations

from typing import Any

from nightbus.aws.pagination import page
from nightbus.identity.secrets import SECRET
from nightbus.services.context import Context
from nightbus.services.secretsmanager.errors import invalid_token
from nightbus.services.secretsmanager.records import Secret, description_reply, find_secret, stages_reply

_PAGE = 100


async def describe_secret(ctx: Context, *, secret_id: str) -> dict[str, Any]:
    secret = await find_secret(ctx, secret_id, "DescribeSecret", deleted=True)
    return {**description_reply(secret), "VersionIdsToStages": stages_reply(secret) or None}


async def list_secrets(
    ctx: Context,
    *,
    include_planned_deletion: bool = False,
    max_results: int = _PAGE,
    next_token: str | None = None,
) -> dict[str, Any]:
    secrets = [Secret(ctx.scope, record) for record in await ctx.store.list(ctx.scope, SECRET)]
    secrets = [one for one in secrets if include_planned_deletion or not one.value["deleted"]]
    shown, token = page(secrets, lambda one: one.name, max_results, next_token, invalid_token())
    listed = [{**description_reply(one), "SecretVersionsToStages": stages_reply(one)} for one in shown]
    return {"SecretList": listed, "NextToken": token}
