"""Sets the retention of log groups, and deletes the events that have passed it."""

from __future__ import annotations

from typing import Any

from nightbus.aws.calls import Scope
from nightbus.messaging.log_streams import GROUP, STREAM, log_name, stream_key, stream_of
from nightbus.services.context import Context, Platform
from nightbus.services.logs.errors import invalid
from nightbus.services.logs.tags import change_group
from nightbus.store.interface import Record, Store, TrimLog
from nightbus.store.upkeep import one_of_many

DAY_MS = 86_400_000
_ALLOWED = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)
_TRIM_EVERY_SECONDS = 3600.0


async def put_retention_policy(ctx: Context, *, log_group_name: str, retention_in_days: int) -> None:
    if retention_in_days not in _ALLOWED:
        allowed = ", ".join(map(str, _ALLOWED))
        raise invalid(
            f"1 validation error detected: Value '{retention_in_days}' at 'retentionInDays' failed to satisfy"
            f" constraint: Member must satisfy enum value set: [{allowed}]"
        )
    await _set(ctx, log_group_name, retention_in_days)


async def delete_retention_policy(ctx: Context, *, log_group_name: str) -> None:
    await _set(ctx, log_group_name, None)


async def _set(ctx: Context, group: str, days: int | None) -> None:
    def change(value: dict[str, Any]) -> None:
        value["retention"] = days

    await change_group(ctx, group, change)


def expired_before(group: Record, now: int) -> int | None:
    """Return the UTC millisecond before which the group's events have expired; None if they never expire."""
    days = group.value["retention"]
    return None if days is None else now - days * DAY_MS


async def trim_expired_events(platform: Platform) -> None:
    """Delete expired events once an hour, as a duty. Readers skip expired events, so it need not be more often."""
    while True:
        now = platform.clock.now_ms()
        for scope in await platform.store.scopes(GROUP):
            for group in await platform.store.list(scope, GROUP):
                with one_of_many("dropping what expired of log group", group.key):
                    before = expired_before(group, now)
                    if before is not None:
                        await trim_group(platform.store, scope, group.key, before)
        await platform.clock.sleep(_TRIM_EVERY_SECONDS)


async def trim_group(store: Store, scope: Scope, group: str, before: int) -> None:
    streams = await store.list(scope, STREAM, prefix=stream_key(group, ""))
    logs = [log_name(group, stream_of(record.key)) for record in streams]
    await store.commit(*(TrimLog(scope, log, before) for log in logs))
