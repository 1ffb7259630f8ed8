"""Delivers what trails record, twice a minute, on one node at a time: log files, events of log groups, digest files.

A commit moves the trail's positions after each delivery, so that a crash in between repeats what was delivered and
loses nothing. A trail whose bucket or log group takes nothing is tried again each time, from where it stands, and its
status says why.
"""

from __future__ import annotations

from typing import Any

from nightbus.aws.calls import Scope
from nightbus.identity.audit import TRAIL
from nightbus.services.cloudtrail.digests import deliver_digests
from nightbus.services.cloudtrail.log_files import deliver_files
from nightbus.services.cloudtrail.log_group import deliver_events
from nightbus.services.cloudtrail.records import TRAIL_RECORD, regions_of
from nightbus.services.context import Platform
from nightbus.store.interface import Conflict, PutRecord, Record
from nightbus.store.upkeep import one_of_many

_EVERY_SECONDS = 30.0


async def deliver_log_files(platform: Platform) -> None:
    """A duty of one node."""
    while True:
        for scope in await platform.store.scopes(TRAIL_RECORD):
            for record in await platform.store.list(scope, TRAIL_RECORD):
                if record.value["logging"]:
                    with one_of_many("delivering trail", record.key):
                        await deliver(platform, scope, record)
        await platform.clock.sleep(_EVERY_SECONDS)


async def deliver(platform: Platform, scope: Scope, record: Record, *, ends: bool = False) -> None:
    """Deliver what the trail has not delivered yet. With `ends` its digests end too, before their hour is over."""
    value = record.value
    if platform.trail is not None:
        await platform.trail.written()
    changes: dict[str, Any] = {}
    regions = await regions_of(platform.store, scope, value, TRAIL)
    for part in (deliver_files, deliver_events):
        changes |= await part(platform, scope, value, regions)
    changes |= await deliver_digests(platform, scope, {**value, **changes}, regions, ends=ends)
    if not changes:
        return
    try:
        await platform.store.commit(
            PutRecord(scope, TRAIL_RECORD, record.key, {**value, **changes}, expect=record.revision)
        )
    except Conflict:  # it was changed meanwhile: the files come again, to where it is to deliver now
        return
