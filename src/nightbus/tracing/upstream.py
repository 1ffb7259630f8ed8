"""Finds what led to an event: who published it, what that function was invoked for, and so on upwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.aws.ids import event_id_time
from nightbus.bus.envelope import id_of
from nightbus.delivery.history import events_in, notes_in
from nightbus.delivery.rules import history_log, outcome_log, rule_arn
from nightbus.delivery.trace_log import (
    Brought,
    Origin,
    Publication,
    SentEvent,
    brought_to,
    origin_of,
    publication_of,
    recorded_runs,
    sender_of,
)
from nightbus.store.interface import Store
from nightbus.tracing.function_runs import run_of
from nightbus.tracing.invocations import LoggedBy, invocation_of

MOST_CAUSES = 20
_SESSION = ":assumed-role/"
_LATEST_MS = 10_000  # from when a target took something to when that was written down
_MOST_OUTCOMES = 20_000


async def causes_of(store: Store, logged_by: LoggedBy, event_id: str, time: int) -> list[dict[str, Any]]:
    """The nearest first."""
    causes: list[dict[str, Any]] = []
    seen = {event_id}
    act: Publication | SentEvent | None = await publication_of(store, event_id, time)
    while len(causes) < MOST_CAUSES:
        if act is not None:
            cause, before = await _done(store, logged_by, act)
        else:
            before = await _forwarded(store, event_id, time)
            if before is None:
                break
            cause = {"by": rule_arn(before.scope, before.bus, before.rule)}
        causes.append(cause)
        name = before.event_id if isinstance(before, Origin) else before.ids[0] if before else ""
        if before is None or name in seen:
            break
        seen.add(name)
        if isinstance(before, SentEvent):
            act = before
        else:
            cause |= {"event_id": before.event_id, "bus": before.bus, "rule": before.rule}
            event_id, time = before.event_id, before.time
            act = await publication_of(store, event_id, time)
    return causes


async def _done(
    store: Store, logged_by: LoggedBy, act: Publication | SentEvent
) -> tuple[dict[str, Any], Origin | SentEvent | None]:
    """Describe who published or sent this, and return the event or the message that this sender was invoked for."""
    cause: dict[str, Any] = {"by": act.by}
    if isinstance(act, SentEvent):
        cause |= {"to": act.to, "sent": act.ids[0]}
    segment = act.segment
    cause |= await _function(store, logged_by, act)
    origin = await origin_of(store, segment)
    if origin is not None:
        return cause, origin
    batch = await brought_to(store, segment)
    if batch is None:
        asked_by = await sender_of(store, cause["request_id"]) if "request_id" in cause else None
        return cause, asked_by
    cause |= {"from": batch.source, "messages": [key for key, _ in batch.messages]}
    origins = await _origins(store, batch)
    if len(origins) > 1:
        cause["with"] = [one.event_id for one in origins[1:]]
    return cause, origins[0] if origins else await _sender(store, batch)


async def _sender(store: Store, batch: Brought) -> SentEvent | None:
    """The record of who sent the first message of the batch whose sender is known."""
    for key, _ in batch.messages[:MOST_CAUSES]:
        sender = await sender_of(store, key)
        if sender is not None:
            return sender
    return None


async def _function(store: Store, logged_by: LoggedBy, act: Publication | SentEvent) -> dict[str, Any]:
    """Within a function the session is called as the function is."""
    by, segment = Arn.parse(act.by) if act.by else None, act.segment
    if by is None or _SESSION not in act.by:
        return {}
    name = act.by.rpartition("/")[2]
    noted = await recorded_runs(store, segment)
    region = Arn.parse(act.to).region if isinstance(act, SentEvent) else act.scope.region
    here = f"arn:{by.partition}:lambda:{region}:{by.account}:function:{name}"
    arn = noted[0]["function"] if noted else here
    logged = await logged_by(arn, segment)
    if logged is None and not noted:
        return {}  # a session of somebody else
    if not logged and not noted:
        return {"function": name}
    request_id = (noted or logged or ())[0]["request_id"]
    invocation, _ = await invocation_of(store, logged_by, arn, request_id)
    run = run_of(invocation["runs"], act.time) + 1
    return {
        "function": name,
        "request_id": request_id,
        **({"run": run} if len(invocation["runs"]) > 1 else {}),
    }


async def _origins(store: Store, batch: Brought) -> list[Origin]:
    """The events whose messages these are, where they are of events."""
    origins = [await _that_made(store, key, sent) for key, sent in batch.messages[:MOST_CAUSES]]
    return [one for one in origins if one is not None]


async def _forwarded(store: Store, event_id: str, time: int) -> Origin | None:
    """The event that a rule of another bus made this one of."""
    return await _that_made(store, event_id, time)


async def _that_made(store: Store, name: str, time: int) -> Origin | None:
    """The delivery whose target called it so at that time, UTC ms: in the event's own commit, or in an attempt."""
    quoted = f'"{name}"'.encode()
    async for scope, log in _logs(store, history_log("")):
        for entry in await store.read(scope, log, since=time, until=time + 1, limit=_MOST_OUTCOMES):
            for text, line in events_in(entry.data) if quoted in entry.data else ():
                for placed in notes_in(line) if quoted in line else ():
                    if placed.name == name:
                        bus = log.removeprefix(history_log(""))
                        return Origin(scope, bus, id_of(text), entry.time, placed.rule)
    async for scope, log in _logs(store, outcome_log("")):
        entries = await store.read(scope, log, since=time, until=time + _LATEST_MS, limit=_MOST_OUTCOMES)
        for entry in entries:
            outcome = orjson.loads(entry.data) if quoted in entry.data else {}
            if name in (outcome.get("request_id"), outcome.get("dead_letter_id")):
                accepted = event_id_time(entry.key) or entry.time
                bus = log.removeprefix(outcome_log(""))
                return Origin(scope, bus, entry.key, accepted, outcome["rule"])
    return None


async def _logs(store: Store, prefix: str) -> AsyncIterator[tuple[Scope, str]]:
    for scope in await store.log_scopes():
        for log in await store.logs(scope, prefix):
            yield scope, log
