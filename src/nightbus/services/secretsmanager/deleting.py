"""Schedules the deletion of secrets, restores them, and deletes them when their recovery window has passed."""

from __future__ import annotations

from typing import Any

from nightbus.aws.arn import is_arn
from nightbus.aws.errors import AwsError
from nightbus.identity.secrets import SECRET, VERSION, version_key
from nightbus.services.context import Context, Platform
from nightbus.services.secretsmanager.errors import deleted_already, invalid_parameter, invalid_request
from nightbus.services.secretsmanager.records import Secret, find_secret, moment
from nightbus.services.secretsmanager.secret_events import SecretEvents
from nightbus.services.secretsmanager.storing import save
from nightbus.store.interface import Change, DeleteRecord
from nightbus.store.upkeep import one_of_many

_DAY_MS = 24 * 60 * 60 * 1000
_DEFAULT_DAYS = 30
_EVERY_SECONDS = 600.0


async def delete_secret(
    ctx: Context,
    *,
    secret_id: str,
    recovery_window_in_days: int | None = None,
    force_delete_without_recovery: bool = False,
) -> dict[str, Any]:
    days = _DEFAULT_DAYS if recovery_window_in_days is None else recovery_window_in_days
    if force_delete_without_recovery and recovery_window_in_days is not None:
        raise invalid_parameter(
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays."
        )
    if not 7 <= days <= 30:
        raise invalid_parameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
    now = ctx.now_ms()
    try:
        secret = await find_secret(ctx, secret_id, "DeleteSecret", deleted=True, to_change=True)
    except AwsError as error:
        if not force_delete_without_recovery or error.code != "ResourceNotFoundException":
            raise
        arn = secret_id if is_arn(secret_id) else ctx.arn("secretsmanager", f"secret:{secret_id}")
        return {"ARN": arn, "Name": arn.split(":", 6)[-1], "DeletionDate": moment(now)}
    _check_without_replicas(secret)
    events = SecretEvents(ctx.platform, secret)
    if force_delete_without_recovery:
        events.happened("EndSecretVersionDelete")
        await events.commit(*deletion(secret))
        return {**secret.named(), "DeletionDate": moment(now)}
    if secret.value["deleted"]:
        raise deleted_already()
    secret.value["deleted"], secret.value["purge"] = now, now + days * _DAY_MS
    events.happened("StartSecretVersionDelete")
    await save(ctx, secret, events=events)
    return {**secret.named(), "DeletionDate": moment(secret.value["purge"])}


def _check_without_replicas(secret: Secret) -> None:
    regions = ", ".join(secret.value["replicas"])
    if regions:
        raise invalid_request(
            f"You can't delete secret {secret.name} that still has replica regions [{regions}]"
        )


def deletion(secret: Secret) -> list[Change]:
    """Return the changes that delete a secret with its versions."""
    return [
        DeleteRecord(secret.scope, SECRET, secret.name, expect=secret.revision),
        *(DeleteRecord(secret.scope, VERSION, version_key(secret.name, one)) for one in secret.versions),
    ]


async def restore_secret(ctx: Context, *, secret_id: str) -> dict[str, Any]:
    secret = await find_secret(ctx, secret_id, "RestoreSecret", deleted=True, to_change=True)
    if secret.value["deleted"]:
        secret.value["deleted"] = secret.value["purge"] = None
        events = SecretEvents(ctx.platform, secret)
        events.happened("CancelSecretVersionDelete")
        await save(ctx, secret, events=events)
    return secret.named()


async def delete_scheduled_secrets(platform: Platform) -> None:
    """Delete the secrets whose recovery window has passed, as a duty."""
    while True:
        now = platform.clock.now_ms()
        for scope in await platform.store.scopes(SECRET):
            for record in await platform.store.list(scope, SECRET):
                with one_of_many("deleting secret", record.key):
                    if record.value["purge"] is not None and record.value["purge"] <= now:
                        secret = Secret(scope, record)
                        events = SecretEvents(platform, secret)
                        events.happened("EndSecretVersionDelete")
                        await events.commit(*deletion(secret))
        await platform.clock.sleep(_EVERY_SECONDS)
