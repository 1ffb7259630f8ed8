"""Gives versions of secrets their staging labels. Pure, over the `versions` of a secret's record.

A label belongs to one version. The version that loses AWSCURRENT gets AWSPREVIOUS. A version without labels is
deprecated; of more than a hundred versions the oldest deprecated ones go, once they are a day old.
https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html#term_version
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nightbus.identity.secrets import CURRENT, PREVIOUS

Versions = dict[str, dict[str, Any]]
MOST_LABELS = 20
_MOST_VERSIONS = 100
_KEPT_MS = 24 * 60 * 60 * 1000


def move_label(versions: Versions, label: str, version_id: str | None) -> None:
    """Take the label from the version that has it and give it to another one, or with None to no other one."""
    former = next((one for one, version in versions.items() if label in version["stages"]), None)
    if former == version_id:
        return
    if former is not None:
        versions[former]["stages"].remove(label)
    if version_id is not None:
        versions[version_id]["stages"].append(label)
        if label == CURRENT and former is not None:
            move_label(versions, PREVIOUS, former)


def add_version(versions: Versions, version_id: str, labels: Iterable[str], now: int, key: str) -> None:
    """Add a version, or labels to one that is there. The first one gets AWSCURRENT in any case."""
    first = not any(CURRENT in version["stages"] for version in versions.values())
    versions.setdefault(version_id, {"created": now, "stages": [], "key": key, "accessed": None})
    for label in dict.fromkeys([*labels, *([CURRENT] if first else [])]):
        move_label(versions, label, version_id)


def take_deprecated(versions: Versions, now: int) -> list[str]:
    """Remove the versions that are too many from `versions` and return their ids."""
    deprecated = sorted(
        (version["created"], one)
        for one, version in versions.items()
        if not version["stages"] and version["created"] <= now - _KEPT_MS
    )
    surplus = max(0, len(versions) - _MOST_VERSIONS)
    gone = [one for _, one in deprecated[:surplus]]
    for one in gone:
        del versions[one]
    return gone
