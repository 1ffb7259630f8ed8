"""Deletes subscriptions that were not confirmed in time, and ended ones that were not restored in time."""

from __future__ import annotations

from nightbus.aws.calls import Scope
from nightbus.messaging.topic import ENDED, SUBSCRIPTION
from nightbus.services.context import Platform
from nightbus.services.sns.questions import SUBSCRIBE, VALID_MS
from nightbus.store.interface import Conflict, DeleteRecord


async def forget(platform: Platform, scope: Scope, key: str, question: str) -> None:
    """Delete the record once the wait for an answer is over, unless a newer request was sent in between."""
    kind = SUBSCRIPTION if question == SUBSCRIBE else ENDED
    record = await platform.store.get(scope, kind, key)
    if record is None or (kind == SUBSCRIPTION and record.value["confirmed"]):
        return
    if record.value["asked"] + VALID_MS > platform.clock.now_ms():
        return
    try:
        await platform.store.commit(DeleteRecord(scope, kind, key, record.revision))
    except Conflict:
        return  # confirmed at the last moment
