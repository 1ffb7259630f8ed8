"""Reads the archive policies of FIFO topics and the replay policies of their subscriptions. Pure.

https://docs.aws.amazon.com/sns/latest/dg/message-archiving-and-replay-topic-owner.html
https://docs.aws.amazon.com/sns/latest/dg/message-archiving-and-replay-subscriber.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.grammar import whole_number
from nightbus.services.sns.errors import bad_parameter
from nightbus.services.sns.json_values import json_object

_DAY_MS = 24 * 3600 * 1000
_DAYS = range(1, 366)


@dataclass(frozen=True, slots=True)
class ReplayPolicy:
    """What is replayed: what was published from `since` on and before `until`, both UTC ms; None is without an end."""

    since: int
    until: int | None


def archive_ms(policy: str | None) -> int:
    """Return for how many ms a topic keeps its messages by a policy that was checked; 0 for none."""
    days = json.loads(policy).get("MessageRetentionPeriod") if policy else None
    return 0 if days is None else int(days) * _DAY_MS


def check_archive_policy(text: str, fifo: bool) -> None:
    """Raise AwsError unless the policy is valid. `{}` ends the archive."""
    if not fifo:
        raise bad_parameter(
            "ArchivePolicy: Invalid value [ArchivePolicy]. Only FIFO topics can have an archive."
        )
    policy = json_object("ArchivePolicy", text)
    if set(policy) - {"MessageRetentionPeriod"}:
        raise bad_parameter("ArchivePolicy: the only member is MessageRetentionPeriod")
    if policy and whole_number(str(policy["MessageRetentionPeriod"])) not in _DAYS:
        raise bad_parameter("ArchivePolicy: MessageRetentionPeriod must be between 1 and 365 days")


def read_replay_policy(text: str, fifo: bool) -> ReplayPolicy | None:
    """Return what is to be replayed, None for an empty policy, which ends a replay. Raises AwsError."""
    policy = json_object("ReplayPolicy", text)
    if not policy:
        return None
    if not fifo:
        raise bad_parameter("ReplayPolicy: replay is supported for subscriptions of FIFO topics only")
    if set(policy) - {"PointType", "StartingPoint", "EndingPoint"} or policy.get("PointType") != "Timestamp":
        raise bad_parameter("ReplayPolicy: PointType must be Timestamp, with StartingPoint and EndingPoint")
    since = _time("StartingPoint", policy.get("StartingPoint"))
    until = _time("EndingPoint", policy["EndingPoint"]) if "EndingPoint" in policy else None
    if until is not None and until <= since:
        raise bad_parameter("ReplayPolicy: EndingPoint must be after StartingPoint")
    return ReplayPolicy(since, until)


def _time(name: str, value: Any) -> int:
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError:
        raise bad_parameter(f"ReplayPolicy: {name} must be a timestamp") from None
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
