"""Makes the environments of new versions with SnapStart, and stores how that ended.

A version is Pending until one has been initialised, then Active; Failed where its code, or a hook for the time before
the snapshot, fails. The worker follows the versions' records, so that one that was Pending when the node stopped is
made after the next start.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.functions.outcomes import EnvironmentEnded
from nightbus.services.context import Platform
from nightbus.services.lambda_.invocations.running import function_spec
from nightbus.services.lambda_.lifecycle.states import Config, failed, has_snapshot, is_in_progress, prepared
from nightbus.services.lambda_.names import FunctionRef
from nightbus.services.lambda_.records import VERSION, as_version
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import PutRecord, Touched

log = logging.getLogger("nightbus.lambda")

_AT_ONCE = 2
_AGAIN_SECONDS = 5.0  # while the store fails

Key = tuple[Scope, str]


async def make_snapshots(platform: Platform) -> None:
    """The worker, until it is cancelled."""
    waiting: asyncio.Queue[Key | None] = asyncio.Queue()
    waiting.put_nowait(None)

    def note(touched: Touched | None) -> None:
        for key in [None] if touched is None else [(one.scope, one.key) for one in touched.records]:
            waiting.put_nowait(key)

    unwatch = platform.store.watch(note, (VERSION,))
    slots, under_way = asyncio.Semaphore(_AT_ONCE), dict[Key, asyncio.Task[None]]()
    try:
        while True:
            key = await waiting.get()
            for one in await _all_keys(platform) if key is None else [key]:
                if one not in under_way and await _is_pending(platform, *one):
                    under_way[one] = task = asyncio.create_task(_make_until_stored(platform, slots, *one))
                    task.add_done_callback(lambda _, one=one: under_way.pop(one, None))  # type: ignore[misc]
    finally:
        unwatch()
        for task in under_way.values():
            task.cancel()
        await asyncio.gather(*under_way.values(), return_exceptions=True)


async def _all_keys(platform: Platform) -> list[Key]:
    store = platform.store
    scopes = await store.scopes(VERSION)
    return [(scope, record.key) for scope in scopes for record in await store.list(scope, VERSION)]


async def _is_pending(platform: Platform, scope: Scope, key: str) -> bool:
    record = await platform.store.get(scope, VERSION, key)
    if record is None:
        return False
    config = record.value["config"]
    return has_snapshot(config) and is_in_progress(config)


async def _make_until_stored(platform: Platform, slots: asyncio.Semaphore, scope: Scope, key: str) -> None:
    async with slots:
        while True:
            try:
                return await _make(platform, scope, key)
            except Exception:
                log.exception("the state of %s is not stored; it is tried again", key)
            await platform.clock.sleep(_AGAIN_SECONDS)


async def _make(platform: Platform, scope: Scope, key: str) -> None:
    record = await platform.store.get(scope, VERSION, key)
    if record is None or not is_in_progress(record.value["config"]):
        return
    ref = FunctionRef(scope, key.partition(":")[0])
    spec = function_spec(ref, as_version(record.value))
    try:
        runtime_version = await platform.functions.prepare(spec)
        await platform.functions.snapshot(spec)
    except EnvironmentEnded as ended:
        reason = str(ended) or "The function's initialization failed."
        await _settle(platform, scope, key, lambda config: failed(config, "FunctionError", reason))
    except AwsError as error:
        message = error.message
        await _settle(platform, scope, key, lambda config: failed(config, "InternalError", message))
    else:
        await _settle(platform, scope, key, lambda config: prepared(config, runtime_version))


@retries_on_conflict
async def _settle(platform: Platform, scope: Scope, key: str, settled: Callable[[Config], Config]) -> None:
    record = await platform.store.get(scope, VERSION, key)
    if record is None or not is_in_progress(record.value["config"]):
        return
    record.value["config"] = settled(record.value["config"])
    await platform.store.commit(PutRecord(scope, VERSION, key, record.value, expect=record.revision))
