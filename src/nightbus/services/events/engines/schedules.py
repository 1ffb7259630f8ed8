"""Triggers scheduled rules: keeps their next due times, and puts their events on the bus.

The next due time of each rule is an item of one queue. So the worker sleeps until the first one, wakes when a rule is
put, and reads no rule that is not due. An item and its rule's record have the same schedule id. An item whose rule was
changed, disabled or deleted has an id that no record has, and is dropped when it is due. The event, its deliveries and
the next due time are one commit, so a crash neither skips a due time nor triggers it twice.
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

import orjson

from nightbus.aws.calls import Scope
from nightbus.aws.errors import validation_error
from nightbus.aws.ids import new_event_id, new_hex
from nightbus.bus.envelope import scheduled_event
from nightbus.bus.schedule import InvalidSchedule, latest_due, next_due, parse_schedule
from nightbus.delivery.interface import Audience, Batch, Event, Overloaded
from nightbus.delivery.rules import ENABLED, RULE, rule_arn
from nightbus.services.context import Context, Platform
from nightbus.store.interface import SYSTEM, Change, Enqueue, GiveBack, Item, StaleLease

log = logging.getLogger("nightbus.events")

QUEUE = "events/schedules"
_AT_ONCE = 50
_LEASE_MS = 60_000
_AGAIN_MS = 5_000  # while the backlog is full, or the store refuses commits
_LATE_MS = 5 * 60_000  # a due time that is longer past was missed, for example while the machine slept
_WAIT_SECONDS = 60.0


class _Due(NamedTuple):
    """The content of an item: the rule's scope and key, the id of its schedule, and the due time in UTC ms.

    The due time is repeated in the content, because the store may move an item's due time if the clock is set back.
    """

    scope: Scope
    key: str
    id: str
    time: int

    def enqueued(self) -> Enqueue:
        return Enqueue(SYSTEM, QUEUE, self._data(), self.time)

    def again(self, item: Item) -> GiveBack:
        return item.give_back(self.time, self._data())

    def _data(self) -> bytes:
        return orjson.dumps([list(self.scope), self.key, self.id, self.time])

    @classmethod
    def of(cls, item: Item) -> _Due:
        scope, *fields = orjson.loads(item.data)
        return cls(Scope(*scope), *fields)


def check_schedule(text: str) -> None:
    """Raise AwsError ValidationException, with AWS's text, unless the text is a schedule expression."""
    try:
        parse_schedule(text)
    except InvalidSchedule as wrong:
        raise validation_error("Parameter ScheduleExpression is not valid.") from wrong


def schedule_changes(ctx: Context, key: str, value: dict[str, Any], old: dict[str, Any]) -> list[Change]:
    """Return the further changes of a commit that puts a rule as `value` in place of `old`.

    It sets in `value` the id of the running schedule and its start. A schedule that does not change continues; one that
    is new or enabled again starts now.
    """
    expression = value.get("ScheduleExpression")
    value.pop("Schedule", None)
    if expression is None or value["State"] not in ENABLED:
        return []
    running = old.get("Schedule")
    if running is not None and old.get("ScheduleExpression") == expression:
        value["Schedule"] = running
        return []
    start = ctx.now_ms() // 1000 * 1000
    value["Schedule"] = {"Id": new_hex(), "Start": start}
    due = next_due(parse_schedule(expression), start, start)
    return [] if due is None else [_Due(ctx.scope, key, value["Schedule"]["Id"], due).enqueued()]


async def run_schedules(platform: Platform) -> None:
    """Put the events of the rules that are due, as a worker."""
    since = platform.clock.now_ms()
    while True:
        items = await platform.store.lease(SYSTEM, QUEUE, _AT_ONCE, _LEASE_MS, _WAIT_SECONDS)
        if items:
            await _trigger(platform, items, since)


async def _trigger(platform: Platform, items: list[Item], since: int) -> None:
    """Trigger all items in one commit. If that fails, trigger each alone, so that one that fails stops no other."""
    try:
        await _put(platform, items, since)
    except Exception as failure:
        if len(items) > 1 and not isinstance(failure, Overloaded):
            for item in items:
                await _trigger(platform, [item], since)
            return
        if isinstance(failure, StaleLease):
            log.info("a schedule was triggered by another worker: %s", failure)
            return
        if not isinstance(failure, Overloaded):
            log.exception("the schedule of item %d did not trigger; it is tried again", items[0].id)
        again = platform.clock.now_ms() + _AGAIN_MS
        for item in items:
            await platform.store.change_lease(*item.queue, item.id, again, item.token)


async def _put(platform: Platform, items: list[Item], since: int) -> None:
    now = platform.clock.now_ms()
    batches: list[Batch] = []
    changes: list[Change] = []
    for item in items:
        batch, change = await _triggered(platform, item, now, since)
        changes.append(change)
        if batch is not None:
            batches.append(batch)
    await platform.router.put(batches, changes)


async def _triggered(platform: Platform, item: Item, now: int, since: int) -> tuple[Batch | None, Change]:
    """Return the event that is due, None if there is none, and the change that settles the item."""
    try:
        due = _Due.of(item)
    except (ValueError, TypeError):
        log.exception("item %d of the schedules is dropped, it cannot be read", item.id)
        return None, item.acknowledge()
    record = await platform.store.get(due.scope, RULE, due.key)
    running = record.value.get("Schedule") if record is not None else None
    if record is None or running is None or running["Id"] != due.id:
        return None, item.acknowledge()
    schedule, start = parse_schedule(record.value["ScheduleExpression"]), running["Start"]
    if due.time < since or now - due.time > _LATE_MS:
        # Of several due times that passed while the node was down or asleep, only the latest triggers the rule.
        due = due._replace(time=latest_due(schedule, due.time, now, start))
    following = next_due(schedule, due.time, start)
    change = item.acknowledge() if following is None else due._replace(time=following).again(item)
    batch = _batch(due.scope, record.value, due.time, now) if record.value.get("Targets") else None
    return batch, change


def _batch(scope: Scope, rule: dict[str, Any], time: int, now: int) -> Batch:
    arn = rule_arn(scope, rule["EventBusName"], rule["Name"])
    event_id = new_event_id(now)
    text = scheduled_event(event_id, *scope, time, arn)
    audience = Audience(frozenset({rule["Name"]}), by_pattern=False)
    return Batch(scope, rule["EventBusName"], [Event(event_id, text)], now, audience=audience)
