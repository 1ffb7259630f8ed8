"""Decides what the lifecycle rules of a bucket do with the versions of a key, and with an upload, at a time.

Pure functions over values. Days count from when a version was written, and for an older version from when it stopped
being the current one; the result is rounded up to the next midnight UTC.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html and lifecycle-conflicts.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from nightbus.services.s3.key_versions import KeyVersions
from nightbus.services.s3.locks.retention import is_locked
from nightbus.services.s3.records import ObjectVersion

DAY_MS = 86_400_000
_LAST_MIDNIGHT = 253_402_214_400_000  # 9999-12-31
STANDARD = "STANDARD"
# From the dearest to the cheapest: a transition never goes back.
CLASSES = (
    STANDARD,
    "STANDARD_IA",
    "INTELLIGENT_TIERING",
    "ONEZONE_IA",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
)
_SMALLEST_TO_MOVE = 128 * 1024
_VARIES = "varies_by_storage_class"


@dataclass(frozen=True, slots=True)
class Expire:
    """End the current version: an unversioned object is removed, a versioned one gets a delete marker."""

    version: ObjectVersion


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove an older version, or a delete marker that stands alone."""

    version: ObjectVersion


@dataclass(frozen=True, slots=True)
class Move:
    version: ObjectVersion
    storage_class: str


Action = Expire | Remove | Move


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, as `rules_of` reads it. Times of `dates` are UTC ms; None stands for an action that the rule lacks."""

    id: str
    prefix: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    larger_than: int | None = None
    smaller_than: int | None = None
    days: int | None = None
    date: int | None = None
    expires_markers: bool = False
    noncurrent_days: int | None = None
    newer_noncurrent: int = 0
    abort_days: int | None = None
    moves: Sequence[Mapping[str, Any]] = ()
    noncurrent_moves: Sequence[Mapping[str, Any]] = ()

    def covers(self, version: ObjectVersion) -> bool:
        """Return whether the rule's filter accepts the version. A delete marker has neither tags nor a size."""
        if not version.key.startswith(self.prefix):
            return False
        if self.larger_than is not None and not version.size > self.larger_than:
            return False
        if self.smaller_than is not None and not version.size < self.smaller_than:
            return False
        return all(version.tags.get(name) == value for name, value in self.tags.items())

    @property
    def asks_for_a_size(self) -> bool:
        return self.larger_than is not None or self.smaller_than is not None

    def expiry_of(self, version: ObjectVersion) -> int | None:
        """Return when (UTC ms) the current version expires by this rule; None for never."""
        if self.days is not None:
            return next_midnight(version.modified + self.days * DAY_MS)
        return self.date


def next_midnight(time_ms: int) -> int:
    """Return the first midnight UTC that is not before the time, at the latest the last one that a date can show."""
    return min(-(-time_ms // DAY_MS) * DAY_MS, _LAST_MIDNIGHT)


def rules_of(configuration: Mapping[str, Any]) -> list[Rule]:
    """Return the enabled rules of a stored configuration."""
    return [_rule(one) for one in configuration.get("Rules", ()) if one["Status"] == "Enabled"]


def _rule(stored: Mapping[str, Any]) -> Rule:
    filtered = stored.get("Filter") or {}
    both = filtered.get("And") or {}
    expiration = stored.get("Expiration") or {}
    older = stored.get("NoncurrentVersionExpiration") or {}
    tags = both.get("Tags") or ([filtered["Tag"]] if filtered.get("Tag") else [])
    return Rule(
        id=stored["ID"],
        prefix=stored.get("Prefix") or filtered.get("Prefix") or both.get("Prefix") or "",
        tags={tag["Key"]: tag["Value"] for tag in tags},
        larger_than=filtered.get("ObjectSizeGreaterThan", both.get("ObjectSizeGreaterThan")),
        smaller_than=filtered.get("ObjectSizeLessThan", both.get("ObjectSizeLessThan")),
        days=expiration.get("Days"),
        date=_date_ms(expiration.get("Date")),
        expires_markers=bool(expiration.get("ExpiredObjectDeleteMarker")),
        noncurrent_days=older.get("NoncurrentDays"),
        newer_noncurrent=older.get("NewerNoncurrentVersions") or 0,
        abort_days=(stored.get("AbortIncompleteMultipartUpload") or {}).get("DaysAfterInitiation"),
        moves=stored.get("Transitions") or (),
        noncurrent_moves=stored.get("NoncurrentVersionTransitions") or (),
    )


def decide(rules: Sequence[Rule], history: KeyVersions, now: int, smallest: str = "") -> list[Action]:
    """Return what is due for the versions of one key at `now` (UTC ms), at most one action for each version.

    `smallest` is the bucket's TransitionDefaultMinimumObjectSize. An expiration comes before a transition.
    """
    current = history.current
    if current is None:
        return []
    actions: list[Action] = []
    first = _of_current(rules, current, not history.older, now, smallest)
    if first is not None:
        actions.append(first)
    newer = current
    for rank, (version, _) in enumerate(history.older):
        action = _of_older(rules, version, rank, newer.modified, now, smallest)
        if action is not None and not (isinstance(action, Remove) and is_locked(version, now)):
            actions.append(action)
        newer = version
    return actions


def _of_current(
    rules: Sequence[Rule], version: ObjectVersion, alone: bool, now: int, smallest: str
) -> Action | None:
    if version.delete_marker:
        due = alone and any(_ends_marker(rule, version, now) for rule in rules)
        return Remove(version) if due else None
    covering = [rule for rule in rules if rule.covers(version)]
    expiries = [when for rule in covering if (when := rule.expiry_of(version)) is not None]
    if expiries and min(expiries) <= now:
        return Expire(version)
    due_classes = [
        move["StorageClass"]
        for rule in covering
        for move in rule.moves
        if _is_due(move, version, now) and _is_large_enough(rule, version, move["StorageClass"], smallest)
    ]
    return _move(version, due_classes)


def _ends_marker(rule: Rule, marker: ObjectVersion, now: int) -> bool:
    if not marker.key.startswith(rule.prefix) or rule.tags or rule.asks_for_a_size:
        return False
    return rule.expires_markers or (
        rule.days is not None and next_midnight(marker.modified + rule.days * DAY_MS) <= now
    )


def _of_older(
    rules: Sequence[Rule], version: ObjectVersion, rank: int, since: int, now: int, smallest: str
) -> Action | None:
    """Decide about the older version number `rank` (0 for the newest of them), which is not current since `since`."""
    covering = [rule for rule in rules if rule.covers(version)]
    for rule in covering:
        if rule.noncurrent_days is None or rank < rule.newer_noncurrent:
            continue
        if next_midnight(since + rule.noncurrent_days * DAY_MS) <= now:
            return Remove(version)
    due_classes = [
        move["StorageClass"]
        for rule in covering
        for move in rule.noncurrent_moves
        if rank >= (move.get("NewerNoncurrentVersions") or 0)
        and next_midnight(since + move["NoncurrentDays"] * DAY_MS) <= now
        and _is_large_enough(rule, version, move["StorageClass"], smallest)
    ]
    return None if version.delete_marker else _move(version, due_classes)


def _is_due(move: Mapping[str, Any], version: ObjectVersion, now: int) -> bool:
    date = _date_ms(move.get("Date"))
    if date is not None:
        return date <= now
    return next_midnight(version.modified + (move.get("Days") or 0) * DAY_MS) <= now


def _is_large_enough(rule: Rule, version: ObjectVersion, storage_class: str, smallest: str) -> bool:
    """Return whether the object may be moved: below 128 KB only by a rule with a size, or to an archive if set so."""
    if rule.asks_for_a_size or version.size >= _SMALLEST_TO_MOVE:
        return True
    return smallest == _VARIES and storage_class in ("GLACIER", "DEEP_ARCHIVE")


def _move(version: ObjectVersion, classes: Sequence[str]) -> Move | None:
    """Return the move to the cheapest of the classes, unless the version is there or further down already."""
    if not classes:
        return None
    chosen = max(classes, key=CLASSES.index)
    present = version.headers.get("StorageClass", STANDARD)
    if present not in CLASSES or CLASSES.index(present) >= CLASSES.index(chosen):
        return None
    return Move(version, chosen)


def aborts(rules: Sequence[Rule], key: str, initiated: int, now: int) -> bool:
    """Return whether an upload of `key` that began at `initiated` (UTC ms) is aborted at `now`."""
    return any(
        rule.abort_days is not None
        and key.startswith(rule.prefix)
        and next_midnight(initiated + rule.abort_days * DAY_MS) <= now
        for rule in rules
    )


def expiry(rules: Sequence[Rule], version: ObjectVersion) -> tuple[int, str] | None:
    """Return when the current version expires (UTC ms), and by which rule; None for never."""
    if version.delete_marker:
        return None
    found = [
        (when, rule.id)
        for rule in rules
        if rule.covers(version) and (when := rule.expiry_of(version)) is not None
    ]
    return min(found, default=None)


def abort_date(rules: Sequence[Rule], key: str, initiated: int) -> tuple[int, str] | None:
    """Return when an upload is aborted (UTC ms), and by which rule; None for never."""
    found: Iterator[tuple[int, str]] = (
        (next_midnight(initiated + rule.abort_days * DAY_MS), rule.id)
        for rule in rules
        if rule.abort_days is not None and key.startswith(rule.prefix)
    )
    return min(found, default=None)


def _date_ms(text: str | None) -> int | None:
    """Return a stored date, in ISO format, in UTC ms."""
    if text is None:
        return None
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)
