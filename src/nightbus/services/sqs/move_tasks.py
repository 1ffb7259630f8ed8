"""Starts, cancels, lists and runs message move tasks, which move messages from a dead-letter queue to another queue.

A task is a record, so a restart does not end it: `run_move_tasks` reads the records and continues. Each step commits
the moved messages together with the task's count of them, so a crash neither loses a message nor counts it twice.

| status     | becomes    | when                                                           |
|------------|------------|----------------------------------------------------------------|
| RUNNING    | COMPLETED  | the source has no message that could be moved, see below       |
| RUNNING    | FAILED     | a queue does not exist, or a message does not name its source  |
| RUNNING    | CANCELLING | CancelMessageMoveTask                                          |
| CANCELLING | CANCELLED  | the next round of `run_move_tasks`                             |

A node that is killed, or loses its store, leaves the messages of its last step leased: nobody can move them, and
nothing says whether a receiver has them. So whoever takes a task over, or failed in its last step, does not complete
it while messages are in flight, until those leases must have ended.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.keys.uses import READING, WRITING
from nightbus.messaging.message import Message, decode
from nightbus.messaging.queue import KIND, SEND, Queue
from nightbus.messaging.queues import moved_to
from nightbus.services.context import Context, Platform
from nightbus.services.sqs.errors import invalid_parameter, outside_range, queue_access_denied
from nightbus.services.sqs.queue_addresses import require_key_of
from nightbus.store.interface import Change, Conflict, Enqueue, Item, PutRecord, Record, StaleLease
from nightbus.store.upkeep import one_of_many

log = logging.getLogger("nightbus.sqs")

TASK = "sqs/move-task"
_FASTEST = 500
_LEASE_MS = 15_000  # longer than a commit waits for a database that is away
_AT_ONCE = 100
_LOOK_AGAIN_SECONDS = 0.5
_MOST_SHOWN = 10


async def start_message_move_task(
    ctx: Context,
    *,
    source_arn: str,
    destination_arn: str | None = None,
    max_number_of_messages_per_second: int | None = None,
) -> dict[str, Any]:
    rate = max_number_of_messages_per_second
    if rate is not None and not 1 <= rate <= _FASTEST:
        raise outside_range(rate, "MaxNumberOfMessagesPerSecond", 1, _FASTEST)
    source = await _queue(ctx, source_arn, "SourceArn", "sqs:startmessagemovetask")
    receivers = await _queues_before(ctx, source)
    if not receivers:
        raise invalid_parameter("Source queue must be configured as a Dead Letter Queue.")
    if destination_arn is not None:
        destination = await _queue(ctx, destination_arn, "DestinationArn", SEND)
        if destination.fifo != source.fifo:
            raise invalid_parameter("Source and destination must be queues of the same type.")
        receivers = [destination]
    await require_key_of(ctx, source, READING)
    for receiver in receivers:
        await require_key_of(ctx, receiver, WRITING)
    if await _running(ctx, source_arn) is not None:
        raise invalid_parameter(
            "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
        )
    counts = await ctx.platform.queues.count(source)
    now = ctx.now_ms()
    task = {
        "source": source_arn,
        "destination": destination_arn,
        "rate": rate,
        "status": "RUNNING",
        "moved": 0,
        "to_move": sum(counts),
        "started": now,
        "reason": None,
    }
    key = f"{source_arn}|{now:015d}|{new_uuid()}"
    await ctx.store.commit(PutRecord(source.scope, TASK, key, task, expect=0))
    return {"TaskHandle": _handle(key)}


async def _queue(ctx: Context, arn: str, parameter: str, action: str) -> Queue:
    queue = await ctx.platform.queues.find_arn(arn)
    if queue is None or queue.scope != ctx.scope:
        text = f"The resource that you specified for the {parameter} parameter doesn't exist."
        raise AwsError("ResourceNotFoundException", text, 404)
    _check_may(ctx, queue, action)
    return queue


def _check_may(ctx: Context, queue: Queue, action: str) -> None:
    refusal = ctx.refusal_of(queue.access, action)
    if refusal and ctx.enforces:
        raise queue_access_denied(refusal)


async def _queues_before(ctx: Context, queue: Queue) -> list[Queue]:
    """Return the queues whose dead-letter queue this is."""
    queues = [Queue.of(queue.scope, record) for record in await ctx.store.list(queue.scope, KIND)]
    return [one for one in queues if one.redrive is not None and one.redrive.arn == queue.arn]


async def _running(ctx: Context, source_arn: str) -> Record | None:
    tasks = await ctx.store.list(ctx.scope, TASK, prefix=f"{source_arn}|")
    return next((task for task in tasks if task.value["status"] in ("RUNNING", "CANCELLING")), None)


def _handle(key: str) -> str:
    return base64.b64encode(orjson.dumps({"taskId": key})).decode()


async def cancel_message_move_task(ctx: Context, *, task_handle: str) -> dict[str, Any]:
    key = _task_key(task_handle)
    record = await ctx.store.get(ctx.scope, TASK, key)
    if record is None:
        raise AwsError("ResourceNotFoundException", "Task does not exist.", 404)
    source = await ctx.platform.queues.find_arn(record.value["source"])
    if source is not None:
        _check_may(ctx, source, "sqs:cancelmessagemovetask")
    if record.value["status"] != "RUNNING":
        raise AwsError("UnsupportedOperation", "Only active tasks can be cancelled.")
    value = {**record.value, "status": "CANCELLING"}
    await ctx.store.commit(PutRecord(ctx.scope, TASK, key, value, record.revision))
    return {"ApproximateNumberOfMessagesMoved": record.value["moved"]}


def _task_key(handle: str) -> str:
    try:
        return str(orjson.loads(base64.b64decode(handle, validate=True))["taskId"])
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise invalid_parameter("Value for parameter TaskHandle is invalid.") from None


def source_of_task(handle: str) -> str:
    """Return the ARN of the queue from which the task moves messages, "" if the handle is not one."""
    try:
        return _task_key(handle).partition("|")[0]
    except AwsError:
        return ""


async def list_message_move_tasks(ctx: Context, *, source_arn: str, max_results: int = 1) -> dict[str, Any]:
    if not 1 <= max_results <= _MOST_SHOWN:
        raise outside_range(max_results, "MaxResults", 1, _MOST_SHOWN)
    await _queue(ctx, source_arn, "SourceArn", "sqs:listmessagemovetasks")
    tasks = await ctx.store.list(ctx.scope, TASK, prefix=f"{source_arn}|")
    return {"Results": [_task_reply(task) for task in reversed(tasks)][:max_results]}


def _task_reply(record: Record) -> dict[str, Any]:
    value = record.value
    return {
        "TaskHandle": _handle(record.key) if value["status"] == "RUNNING" else None,
        "Status": value["status"],
        "SourceArn": value["source"],
        "DestinationArn": value["destination"],
        "MaxNumberOfMessagesPerSecond": value["rate"],
        "ApproximateNumberOfMessagesMoved": value["moved"],
        "ApproximateNumberOfMessagesToMove": value["to_move"],
        "FailureReason": value["reason"],
        "StartedTimestamp": value["started"],
    }


async def run_move_tasks(platform: Platform) -> None:
    """Move the messages of all running tasks, as a duty.

    Each round makes one step of every task that is due. A task with a rate is due again when the rate allows more; one
    that starts or is cancelled is looked at at once.
    """
    timetable = _Timetable()
    changed = asyncio.Event()
    unwatch = platform.store.watch(lambda _: changed.set(), [TASK])
    try:
        for scope in await platform.store.scopes(TASK):
            for record in await platform.store.list(scope, TASK):
                timetable.may_have_leased(record, platform.clock.monotonic())
        while True:
            changed.clear()
            pause_seconds = _LOOK_AGAIN_SECONDS
            for scope in await platform.store.scopes(TASK):
                for record in await platform.store.list(scope, TASK):
                    with one_of_many("the move task", record.key):
                        seconds = await _advance(platform, scope, record, timetable)
                        pause_seconds = min(pause_seconds, seconds)
            if pause_seconds <= 0:
                await asyncio.sleep(0)
            else:
                await _pause(platform, changed, pause_seconds)
    finally:
        unwatch()


async def _pause(platform: Platform, changed: asyncio.Event, seconds: float) -> None:
    waiting = [asyncio.ensure_future(changed.wait()), asyncio.ensure_future(platform.clock.sleep(seconds))]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


@dataclass(slots=True)
class _Timetable:
    """By the key of a task, in seconds of the monotonic clock: `due_at`, when its next step is due; `leases_end`, when
    the leases of a step must have ended that did not give its messages back."""

    due_at: dict[str, float] = field(default_factory=dict)
    leases_end: dict[str, float] = field(default_factory=dict)

    def may_have_leased(self, task: Record, now: float) -> None:
        self.leases_end[task.key] = now + _LEASE_MS / 1000

    def forget(self, task: Record) -> None:
        self.due_at.pop(task.key, None)
        self.leases_end.pop(task.key, None)


async def _advance(platform: Platform, scope: Scope, record: Record, timetable: _Timetable) -> float:
    """Make the task's next step if it is due. Returns the number of seconds until the task is due again."""
    status, now = record.value["status"], platform.clock.monotonic()
    if status == "CANCELLING":
        await _end(platform, scope, record, "CANCELLED")
    if status != "RUNNING":
        timetable.forget(record)
        return _LOOK_AGAIN_SECONDS
    seconds = timetable.due_at.get(record.key, 0.0) - now
    if seconds <= 0:
        timetable.due_at[record.key] = now + _LOOK_AGAIN_SECONDS  # stays if the step raises
        try:
            seconds = await _move_some(platform, scope, record, timetable)
        except Exception:
            timetable.may_have_leased(record, platform.clock.monotonic())
            raise
        timetable.due_at[record.key] = platform.clock.monotonic() + seconds
    return seconds


async def _move_some(platform: Platform, scope: Scope, record: Record, timetable: _Timetable) -> float:
    """Move some messages, or end the task. Returns the number of seconds until the task is due again."""
    task = record.value
    source = await platform.queues.find_arn(task["source"])
    if source is None:
        await _end(platform, scope, record, "FAILED", "AWS.SimpleQueueService.NonExistentQueue")
        return 0.0
    items = await platform.store.lease(
        scope, source.queue, min(task["rate"] or _AT_ONCE, _AT_ONCE), _LEASE_MS, by_group=source.fifo
    )
    if not items:
        leases_stand = platform.clock.monotonic() < timetable.leases_end.get(record.key, 0.0)
        if leases_stand and (await platform.store.count(scope, source.queue)).leased:
            return _LOOK_AGAIN_SECONDS
        await _end(platform, scope, record, "COMPLETED")
        return 0.0
    try:
        return await _move(platform, scope, record, source, items)
    except BaseException:  # else the messages stay leased, the queue looks empty and the task complete
        await _give_back(platform, items)
        raise


async def _move(platform: Platform, scope: Scope, record: Record, source: Queue, items: list[Item]) -> float:
    task = record.value
    changes: list[Change] = []
    reason = None
    for moved, item in enumerate(items):
        message = decode(item.data)
        target = await target_of(platform, task["destination"], message, source)
        if isinstance(target, str):
            await _give_back(platform, items[moved:])
            reason, items = target, items[:moved]
            break
        now = platform.clock.now_ms()
        changes.append(moved_back(target, message, now))
        changes.append(platform.queues.delete(source, item.id, item.token))
    value = {**task, "moved": task["moved"] + len(items)}
    try:
        await platform.store.commit(PutRecord(scope, TASK, record.key, value, record.revision), *changes)
    except (Conflict, StaleLease):  # the task was cancelled, or another worker has the messages
        await _give_back(platform, items)
        return 0.0
    if reason is not None:
        written = replace(record, value=value, revision=record.revision + 1)
        await _end(platform, scope, written, "FAILED", reason)
        return 0.0
    return len(items) / task["rate"] if task["rate"] else 0.0


async def target_of(
    platform: Platform, destination: str | None, message: Message, source: Queue
) -> Queue | str:
    """Return the queue that a message of `source` goes to, or the reason why it cannot be moved.

    `destination`: an ARN; None is the queue that gave the message up.
    """
    arn = destination or message.source
    target = await platform.queues.find_arn(arn) if arn else None
    if target is not None and target.fifo == source.fifo:
        return target
    return "AWS.SimpleQueueService.NonExistentQueue" if arn else "CouldNotDetermineMessageSource"


def moved_back(target: Queue, message: Message, now: int) -> Enqueue:
    """The change that puts a dead letter into another queue, where it begins anew."""
    return moved_to(target, replace(message, received=0, source="", sent=now), now)


async def _give_back(platform: Platform, items: list[Item]) -> None:
    for item in items:
        await platform.store.change_lease(*item.queue, item.id, platform.clock.now_ms(), item.token)


async def _end(
    platform: Platform, scope: Scope, record: Record, status: str, reason: str | None = None
) -> None:
    if reason:
        log.warning("the move task from %s failed: %s", record.value["source"], reason)
    value = {**record.value, "status": status, "reason": reason}
    with contextlib.suppress(Conflict):  # the task was cancelled in between, and the next round ends it
        await platform.store.commit(PutRecord(scope, TASK, record.key, value, record.revision))
