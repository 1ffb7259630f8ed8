"""Stores a changed secret with the values of its new versions, and brings its replicas up to it, in one commit.

A replica has its primary's id, labels, values (encrypted with a key of its region), tags and policy.
"""

from __future__ import annotations

from typing import Any

from nightbus.aws.calls import Scope
from nightbus.identity.secrets import SECRET, VERSION, version_key
from nightbus.services.context import Context
from nightbus.services.secretsmanager.records import Secret
from nightbus.services.secretsmanager.values import put_value
from nightbus.services.service_events import ServiceEvents
from nightbus.store.interface import Change, DeleteRecord, PutRecord

IN_SYNC, FAILED = "InSync", "Failed"


async def save(ctx: Context, secret: Secret, *further: Change, events: ServiceEvents | None = None) -> None:
    """Commit the secret, its new values, its replicas and `further` changes, with `events`. Raises Conflict."""
    changes: list[Change] = [secret.put(), *further]
    changes += await _value_changes(ctx, secret, secret.scope, secret.value["key"])
    for region, replica in secret.value["replicas"].items():
        if replica["status"] == IN_SYNC:
            scope = Scope(secret.scope.account, region)
            changes.append(await _replica(ctx, secret, scope, replica))
            changes += await _value_changes(ctx, secret, scope, replica["key"])
    await (events.commit(*changes) if events is not None else ctx.store.commit(*changes))


async def _value_changes(ctx: Context, secret: Secret, scope: Scope, key: str) -> list[Change]:
    puts = [
        await put_value(ctx, secret, version_id, value, scope=scope, key=key)
        for version_id, value in secret.new_values.items()
    ]
    return [
        *puts,
        *(DeleteRecord(scope, VERSION, version_key(secret.name, one)) for one in secret.gone),
    ]


async def _replica(ctx: Context, secret: Secret, scope: Scope, replica: dict[str, Any]) -> PutRecord:
    existing = await ctx.store.get(scope, SECRET, secret.name)
    value = {
        **secret.value,
        "primary": secret.scope.region,
        "replicas": {},
        "key": replica["key"],
        "accessed": existing.value["accessed"] if existing else None,
    }
    return PutRecord(scope, SECRET, secret.name, value, expect=existing.revision if existing else 0)
