"""Puts the events of keys on the default bus, each in the commit of the change that it is about.

https://docs.aws.amazon.com/kms/latest/developerguide/kms-events.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.keys.records import key_arn
from nightbus.services.context import Platform
from nightbus.services.service_events import ServiceEvents
from nightbus.store.interface import Change

_SOURCE = "aws.kms"
DELETION, EXPIRATION = "KMS CMK Deletion", "KMS Imported Key Material Expiration"
_ROTATION = "KMS CMK Rotation"


async def commit_with_event(
    platform: Platform, scope: Scope, key_id: str, kind: str, *changes: Change, **detail: Any
) -> None:
    """Commit the changes with an event about the key. Raises Conflict."""
    events = ServiceEvents(platform, scope, _SOURCE)
    events.add(kind, key_arn(scope, key_id), {"key-id": key_id, **detail})
    await events.commit(*changes)


async def commit_rotation(
    platform: Platform, scope: Scope, key_id: str, value: Mapping[str, Any], kind: str, changes: list[Change]
) -> None:
    """Commit the changes of a rotation. `value` is the key's record before it, the last change its new material."""
    written: Any = changes[-1]
    detail = {
        "key-origin": value["Origin"],
        "rotation-type": kind,
        "previous-key-material-id": value["Material"],
        "current-key-material-id": written.value["Current"],
    }
    await commit_with_event(platform, scope, key_id, _ROTATION, *changes, **detail)
