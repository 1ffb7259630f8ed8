"""Answers UpdateSecretVersionStage."""

from __future__ import annotations

from typing import Any

from nightbus.identity.secrets import CURRENT
from nightbus.services.context import Context
from nightbus.services.secretsmanager.errors import invalid_parameter, limit_exceeded, no_value
from nightbus.services.secretsmanager.records import Secret, find_secret
from nightbus.services.secretsmanager.storing import save
from nightbus.services.secretsmanager.versions import MOST_LABELS, move_label


async def update_secret_version_stage(
    ctx: Context,
    *,
    secret_id: str,
    version_stage: str,
    remove_from_version_id: str | None = None,
    move_to_version_id: str | None = None,
) -> dict[str, Any]:
    secret = await find_secret(ctx, secret_id, "UpdateSecretVersionStage", to_change=True)
    _check(secret, version_stage, remove_from_version_id, move_to_version_id)
    move_label(secret.versions, version_stage, move_to_version_id)
    if move_to_version_id and len(secret.versions[move_to_version_id]["stages"]) > MOST_LABELS:
        raise limit_exceeded(f"A secret version can have a maximum of {MOST_LABELS} staging labels.")
    secret.value["changed"] = ctx.now_ms()
    await save(ctx, secret)
    return secret.named()


def _check(secret: Secret, label: str, source: str | None, target: str | None) -> None:
    for version_id in (source, target):
        if version_id is not None and version_id not in secret.versions:
            raise no_value(f"VersionId: {version_id}")
    former = secret.version_with(label)
    if source is None and target is None:
        raise invalid_parameter("You must specify RemoveFromVersionId, MoveToVersionId, or both.")
    if former is not None and source is None and target != former:
        raise invalid_parameter(
            f"The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently attached to version"
            f" {former}, so you must explicitly reference that version in RemoveFromVersionId."
        )
    if source is not None and source != former:
        raise invalid_parameter(
            f"The parameter RemoveFromVersionId {source} is not valid: staging label {label} is not attached to it."
        )
    if label == CURRENT and target is None:
        raise invalid_parameter(
            f"You can only move staging label {CURRENT} to a different secret version. It can't be completely removed."
        )
