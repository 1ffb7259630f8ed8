"""Waits for functions that are being created or updated."""

from __future__ import annotations

import asyncio

from nightbus.aws.calls import Scope
from nightbus.services.context import Platform
from nightbus.services.lambda_.lifecycle.states import is_in_progress
from nightbus.services.lambda_.records import FUNCTION
from nightbus.store.interface import RecordReader, Touched


async def is_being_prepared(store: RecordReader, scope: Scope, name: str) -> bool:
    record = await store.get(scope, FUNCTION, name)
    return record is not None and is_in_progress(record.value["latest"]["config"])


async def wait_until_prepared(platform: Platform, scope: Scope, name: str, seconds: float) -> None:
    """Return when the function is neither being created nor updated, or after `seconds`."""
    if not await is_being_prepared(platform.invocables, scope, name):
        return
    changed = asyncio.Event()

    def note(touched: Touched | None) -> None:
        if touched is None or any((one.scope, one.key) == (scope, name) for one in touched.records):
            changed.set()

    unwatch = platform.store.watch(note, (FUNCTION,))
    try:
        async with asyncio.timeout(seconds):
            while await is_being_prepared(platform.invocables, scope, name):
                await changed.wait()
                changed.clear()
    except TimeoutError:
        return
    finally:
        unwatch()
