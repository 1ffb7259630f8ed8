"""Carries out the operations of stack sets, and forgets them after 90 days.

An operation goes region by region, and within a region in several accounts at once, until all is done, until more
instances of a region have failed than may, or until it is stopped. Each instance's result is stored as it is known;
after a crash the operation goes on with the instances that have none. A stack's name is stored before the stack is
created, so the second attempt finds it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from functools import partial
from itertools import groupby

from nightbus.aws.calls import Scope
from nightbus.services.cloudformation.stack_sets.records import (
    OPERATION,
    QUEUE,
    RUNNING,
    SetOperation,
    operation_of,
    put_operation,
)
from nightbus.services.cloudformation.stack_sets.stacks import carry_out_at, finish_drift
from nightbus.services.cloudformation.stack_sets.targets import at_once, tolerance
from nightbus.services.context import Platform
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import DeleteRecord, Item
from nightbus.store.leased_work import work_through
from nightbus.store.upkeep import one_of_many

log = logging.getLogger("nightbus.cloudformation")
_AT_ONCE = 256  # operations; one may wait for hours, for a stack that waits for a signal
_KEPT_MS = 90 * 24 * 3600 * 1000
_EVERY_SECONDS = 24 * 3600.0
_PENDING = ("PENDING", "RUNNING")
Region = list[dict[str, str]]


async def carry_out_stack_set_operations(platform: Platform) -> None:
    """The worker, until it is cancelled."""
    await work_through(platform.store, platform.clock, QUEUE, partial(_carry_out, platform), _AT_ONCE)


async def _carry_out(platform: Platform, item: Item) -> None:
    scope, key = operation_of(item)
    operation = await _change(platform, scope, key, {}, "RUNNING")
    if operation is None or operation.status not in RUNNING:
        return
    regions = [list(group) for _, group in groupby(operation.results, lambda one: one["Region"])]
    if operation.preferences.get("RegionConcurrencyType") == "PARALLEL":
        stops = await asyncio.gather(*(_work_in(platform, scope, key, operation, one) for one in regions))
        failed = any(stops)
    else:
        failed = False
        for region in regions:
            failed = await _work_in(platform, scope, key, operation, region)
            if failed:
                break
    await _end(platform, scope, key, failed)


async def _work_in(
    platform: Platform, scope: Scope, key: str, operation: SetOperation, region: Region
) -> bool:
    """Work on the instances of one region. Returns whether more failed than may."""
    may_fail = tolerance(operation.preferences, len(region))
    failures = sum(one["Status"] == "FAILED" for one in region)
    waiting: Iterator[dict[str, str]] = iter([one for one in region if one["Status"] in _PENDING])

    async def work() -> None:
        nonlocal failures
        for one in waiting:
            if failures > may_fail or await _is_stopping(platform, scope, key):
                return
            account, place = one["Account"], one["Region"]
            await _change(platform, scope, key, {(account, place): ("RUNNING", "")})
            reason = await carry_out_at(platform, scope, operation, account, place)
            failures += reason is not None
            result = ("SUCCEEDED", "") if reason is None else ("FAILED", reason)
            await _change(platform, scope, key, {(account, place): result})

    await asyncio.gather(*(work() for _ in range(at_once(operation.preferences, len(region)))))
    return failures > may_fail


async def _is_stopping(platform: Platform, scope: Scope, key: str) -> bool:
    record = await platform.store.get(scope, OPERATION, key)
    return record is None or record.value["status"] == "STOPPING"


@retries_on_conflict
async def _change(
    platform: Platform,
    scope: Scope,
    key: str,
    results: dict[tuple[str, str], tuple[str, str]],
    status: str = "",
) -> SetOperation | None:
    record = await platform.store.get(scope, OPERATION, key)
    if record is None:
        return None
    operation = SetOperation(**record.value)
    if status and operation.status == "QUEUED":
        operation.status = status
    for one in operation.results:
        if (one["Account"], one["Region"]) in results:
            one["Status"], one["StatusReason"] = results[one["Account"], one["Region"]]
    await platform.store.commit(put_operation(scope, operation, record.revision))
    return operation


@retries_on_conflict
async def _end(platform: Platform, scope: Scope, key: str, failed: bool) -> None:
    record = await platform.store.get(scope, OPERATION, key)
    if record is None:
        return
    operation = SetOperation(**record.value)
    unfinished = [one for one in operation.results if one["Status"] in _PENDING]
    for one in unfinished:
        one["Status"] = "CANCELLED"
        one["StatusReason"] = (
            "Cancelled since failure tolerance has exceeded" if failed else "Cancelled by user"
        )
    stopped = operation.status == "STOPPING" and not failed
    operation.status = "FAILED" if failed else "STOPPED" if stopped else "SUCCEEDED"
    operation.ended = platform.clock.now_ms()
    also = await finish_drift(platform, scope, operation) if operation.action == "DETECT_DRIFT" else []
    await platform.store.commit(put_operation(scope, operation, record.revision), *also)


async def forget_old_stack_set_operations(platform: Platform) -> None:
    """Delete the operations that ended 90 days ago; a duty."""
    while True:
        before = platform.clock.now_ms() - _KEPT_MS
        for scope in await platform.store.scopes(OPERATION):
            for record in await platform.store.list(scope, OPERATION):
                with one_of_many("forgetting stack set operation", record.key):
                    operation = SetOperation(**record.value)
                    if operation.status not in RUNNING and operation.ended < before:
                        await platform.store.commit(
                            DeleteRecord(scope, OPERATION, record.key, expect=record.revision)
                        )
        await platform.clock.sleep(_EVERY_SECONDS)
