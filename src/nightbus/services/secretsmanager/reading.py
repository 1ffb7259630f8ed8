"""Answers GetSecretValue."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from nightbus.identity.secrets import CURRENT
from nightbus.services.context import Context
from nightbus.services.secretsmanager.errors import invalid_request, no_value
from nightbus.services.secretsmanager.records import Secret, day_of, find_secret, moment
from nightbus.services.secretsmanager.values import read_value, value_reply
from nightbus.store.interface import Conflict


async def get_secret_value(
    ctx: Context, *, secret_id: str, version_id: str | None = None, version_stage: str | None = None
) -> dict[str, Any]:
    secret = await find_secret(ctx, secret_id, "GetSecretValue")
    return await value_of(ctx, secret, version_id, version_stage)


async def value_of(
    ctx: Context, secret: Secret, version_id: str | None = None, version_stage: str | None = None
) -> dict[str, Any]:
    """Return the reply for a version, by default the one that is AWSCURRENT. Raises AwsError."""
    chosen = _chosen(secret, version_id, version_stage)
    version = secret.versions[chosen]
    reply = {
        **secret.named(),
        "VersionId": chosen,
        **value_reply(await read_value(ctx, secret, chosen)),
        "VersionStages": list(version["stages"]) or None,
        "CreatedDate": moment(version["created"]),
    }
    if not secret.value["owner"]:
        await _note_access(ctx, secret, chosen)
    return reply


def _chosen(secret: Secret, version_id: str | None, stage: str | None) -> str:
    if version_id is None:
        label = stage or CURRENT
        chosen = secret.version_with(label)
        if chosen is None:
            raise no_value(f"staging label: {label}")
        return chosen
    if version_id not in secret.versions:
        raise no_value(f"VersionId: {version_id}")
    if stage is not None and stage not in secret.versions[version_id]["stages"]:
        raise invalid_request("You provided a VersionStage that is not associated to the provided VersionId.")
    return version_id


async def _note_access(ctx: Context, secret: Secret, version_id: str) -> None:
    """Store the day of the access, once a day: dates of access have no time. A concurrent change may prevent it."""
    today = day_of(ctx.now_ms())
    version = secret.versions[version_id]
    if secret.value["accessed"] == today and version["accessed"] == today:
        return
    secret.value["accessed"] = version["accessed"] = today
    with suppress(Conflict):
        await ctx.store.commit(secret.put())
