"""Starts and stops the delivery of a trail's log files, and says how it goes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nightbus.services.cloudtrail.delivering import deliver
from nightbus.services.cloudtrail.digests import begun_anew
from nightbus.services.cloudtrail.log_ends import ends_of
from nightbus.services.cloudtrail.records import change_trail, find_trail
from nightbus.services.context import Context

_TIMES = {
    "delivered": "LatestDeliveryTime",
    "digest_delivered": "LatestDigestDeliveryTime",
    "group_delivered": "LatestCloudWatchLogsDeliveryTime",
    "notified": "LatestNotificationTime",
    "started": "StartLoggingTime",
    "stopped": "StopLoggingTime",
}
_ERRORS = {
    "error": "LatestDeliveryError",
    "digest_error": "LatestDigestDeliveryError",
    "group_error": "LatestCloudWatchLogsDeliveryError",
    "notice_error": "LatestNotificationError",
}
_TEXTS = {
    "started": "TimeLoggingStarted",
    "stopped": "TimeLoggingStopped",
    "delivered": "LatestDeliveryAttemptTime",
    "notified": "LatestNotificationAttemptTime",
}


async def start_logging(ctx: Context, *, name: str) -> None:
    now, ends = ctx.now_ms(), await ends_of(ctx.platform, ctx.account)

    def edit(value: dict[str, Any]) -> None:
        if not value["logging"]:
            value.update(
                logging=True, started=now, positions=ends, group_positions=ends, **begun_anew(value, now)
            )

    await change_trail(ctx, name, edit)


async def stop_logging(ctx: Context, *, name: str) -> None:
    """Deliver what was recorded until now, and nothing after it."""
    now = ctx.now_ms()
    scope, record = await find_trail(ctx, name)
    if record.value["logging"]:
        await deliver(ctx.platform, scope, record, ends=True)
    await change_trail(ctx, name, lambda value: value.update(logging=False, stopped=now))


async def get_trail_status(ctx: Context, *, name: str) -> dict[str, Any]:
    _, record = await find_trail(ctx, name)
    value = record.value
    status: dict[str, Any] = {"IsLogging": value["logging"]}
    for key, member in _TIMES.items():
        if key in value:
            status[member] = datetime.fromtimestamp(value[key] / 1000, UTC)
    for key, member in _TEXTS.items():
        status[member] = f"{status[_TIMES[key]]:%Y-%m-%dT%H:%M:%SZ}" if key in value else ""
    status |= {member: value[key] for key, member in _ERRORS.items() if value.get(key)}
    return status | {
        "LatestDeliveryAttemptSucceeded": _unless(value.get("error"), status["LatestDeliveryAttemptTime"]),
        "LatestNotificationAttemptSucceeded": _unless(
            value.get("notice_error"), status["LatestNotificationAttemptTime"]
        ),
    }


def _unless(error: str | None, time: str) -> str:
    return "" if error else time
