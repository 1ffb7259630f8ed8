"""Decides what Object Lock forbids. Pure functions over values.

A version's lock is a map: `Mode` and `Until` (UTC ms) of a retention period, and `Hold` for a legal hold.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.s3.errors import invalid_argument, invalid_request
from nightbus.services.s3.records import ObjectVersion
from nightbus.store.interface import Record

GOVERNANCE, COMPLIANCE = "GOVERNANCE", "COMPLIANCE"
DAY_MS = 86_400_000
_YEAR_DAYS = 365


def is_locked(version: ObjectVersion, now: int, *, bypass: bool = False) -> bool:
    """Return whether the version may not be deleted at `now` (UTC ms). `bypass` lifts a period of GOVERNANCE."""
    lock = version.lock
    if lock.get("Hold"):
        return True
    return is_retained(lock, now) and not (bypass and lock["Mode"] == GOVERNANCE)


def is_retained(lock: Mapping[str, Any], now: int) -> bool:
    return int(lock.get("Until", 0)) > now


def check_deletion(version: ObjectVersion | None, now: int, *, bypass: bool) -> None:
    """Raise AwsError AccessDenied for a version that is locked."""
    if version is not None and is_locked(version, now, bypass=bypass):
        raise protected()


def check_new_retention(lock: Mapping[str, Any], mode: str, until: int, now: int, *, bypass: bool) -> None:
    """Raise AwsError for a period, "" and 0 for none, that shortens or weakens one that lasts."""
    if not is_retained(lock, now):
        return
    strict = lock["Mode"] == COMPLIANCE
    weaker = until < lock["Until"] or (strict and mode != COMPLIANCE)
    if weaker and (strict or not bypass):
        raise protected()


def lock_of_write(
    bucket: Record, mode: str | None, until: datetime | None, hold: str | None, now: int
) -> dict[str, Any]:
    """Return the lock of a new version: what the request names, else the bucket's default. Raises AwsError."""
    configuration = bucket.value.get("ObjectLock")
    if configuration is None:
        if mode is not None or until is not None or hold is not None:
            raise missing_configuration()
        return {}
    lock: dict[str, Any] = {"Hold": True} if hold == "ON" else {}
    if (mode is None) != (until is None):
        text = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied"
        raise invalid_argument(text, "x-amz-object-lock-mode", mode)
    if mode is not None and until is not None:
        return {**lock, "Mode": mode, "Until": future_ms(until, now)}
    default = (configuration.get("Rule") or {}).get("DefaultRetention")
    if default:
        days = default.get("Days") or default["Years"] * _YEAR_DAYS
        lock |= {"Mode": default["Mode"], "Until": now + days * DAY_MS}
    return lock


def future_ms(moment: datetime, now: int) -> int:
    """Return the time in UTC ms. Raises AwsError for one that is over."""
    until = int(moment.timestamp() * 1000)
    if until <= now:
        text = "The retain until date must be in the future!"
        raise invalid_argument(text, "x-amz-object-lock-retain-until-date", moment.isoformat())
    return until


def lock_members(version: ObjectVersion) -> dict[str, Any]:
    """Return the members of replies that describe the version's lock."""
    lock = version.lock
    if not lock:
        return {}
    members: dict[str, Any] = {}
    if "Mode" in lock:
        members |= {"ObjectLockMode": lock["Mode"], "ObjectLockRetainUntilDate": moment_of(lock["Until"])}
    if "Hold" in lock:
        members["ObjectLockLegalHoldStatus"] = "ON" if lock["Hold"] else "OFF"
    return members


def moment_of(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC)


def protected() -> AwsError:
    return AwsError("AccessDenied", "Access Denied because object protected by object lock.", 403)


def missing_configuration() -> AwsError:
    return invalid_request("Bucket is missing Object Lock Configuration")
