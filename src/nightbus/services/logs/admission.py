"""Decides which events of a PutLogEvents request are accepted, by AWS's limits on batches and ages. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nightbus.services.logs.errors import invalid

_EVENT_OVERHEAD = 26
_BATCH_BYTES = 1_048_576
_DAY_MS = 86_400_000
_OLDEST_MS = 14 * _DAY_MS
_NEWEST_MS = 2 * 3_600_000


@dataclass(frozen=True, slots=True)
class BatchAdmission:
    """The accepted events, and the reply's rejectedLogEventsInfo (None if none is rejected)."""

    events: Sequence[tuple[int, str]]
    rejected: dict[str, int] | None


def admit_batch(events: Sequence[Mapping[str, Any]], now: int, expired_before: int | None) -> BatchAdmission:
    """Split a batch into accepted and rejected events. Raises AwsError if the batch as a whole is refused.

    `now` and `expired_before` are UTC ms; events before `expired_before` have passed the group's retention.
    """
    times = [int(event["timestamp"]) for event in events]
    if any(later < earlier for earlier, later in itertools.pairwise(times)):
        raise invalid("Log events in a single PutLogEvents request must be in chronological order.")
    size = sum(len(event["message"].encode("utf-8", "replace")) + _EVENT_OVERHEAD for event in events)
    if size > _BATCH_BYTES:
        raise invalid(f"Upload too large: {size} bytes exceeds limit of {_BATCH_BYTES}")
    if times[-1] - times[0] > _DAY_MS:
        raise invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )
    return _by_age(events, times, now, expired_before)


def _by_age(
    events: Sequence[Mapping[str, Any]], times: Sequence[int], now: int, expired_before: int | None
) -> BatchAdmission:
    too_old = sum(time < now - _OLDEST_MS for time in times)
    expired = sum(time < expired_before for time in times) if expired_before is not None else 0
    in_time = sum(time <= now + _NEWEST_MS for time in times)
    rejected = {}
    if in_time < len(times):
        rejected["tooNewLogEventStartIndex"] = in_time
    if too_old:
        rejected["tooOldLogEventEndIndex"] = too_old
    if expired:
        rejected["expiredLogEventEndIndex"] = expired
    first = max(too_old, expired)
    accepted = [(times[at], events[at]["message"]) for at in range(first, max(first, in_time))]
    return BatchAdmission(accepted, rejected or None)
