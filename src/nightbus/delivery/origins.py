"""What led to an event? Who published it, what that function was invoked for, and so on upwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.aws.ids import event_id_time
from nightbus.bus.envelope import id_of
from nightbus.delivery.causes import (
    Brought,
    Origin,
    Publication,
    brought_to,
    origin_of,
    publication_of,
    runs_noted,
)
from nightbus.delivery.history import events_in, placed_in
from nightbus.delivery.invocations import LoggedBy, invocation_of
from nightbus.delivery.rules import history_log, outcome_log, rule_arn
from nightbus.delivery.runs import run_of
from nightbus.store.interface import Store

MOST_CAUSES = 20
_SESSION = ":assumed-role/"
_LATEST_MS = 10_000  # from when a target took something to when that was written down
_MOST_OUTCOMES = 20_000


async def causes_of(store: Store, logged_by: LoggedBy, event_id: str, time: int) -> list[dict[str, Any]]:
    """The nearest first."""
    found: list[dict[str, Any]] = []
    seen = {event_id}
    while len(found) < MOST_CAUSES:
        publication = await publication_of(store, event_id, time)
        if publication is not None:
            cause, origin = await _published(store, logged_by, publication)
        else:
            origin = await _forwarded(store, event_id, time)
            if origin is None:
                break
            cause = {"by": rule_arn(origin.scope, origin.bus, origin.rule)}
        found.append(cause)
        if origin is None or origin.event_id in seen:
            break
        cause |= {"event_id": origin.event_id, "bus": origin.bus, "rule": origin.rule}
        event_id, time = origin.event_id, origin.time
        seen.add(event_id)
    return found


async def _published(
    store: Store, logged_by: LoggedBy, publication: Publication
) -> tuple[dict[str, Any], Origin | None]:
    """Within a function the session is called as the function is."""
    cause: dict[str, Any] = {"by": publication.by}
    segment = publication.segment
    cause |= await _function(store, logged_by, publication)
    origin = await origin_of(store, segment)
    if origin is not None:
        return cause, origin
    batch = await brought_to(store, segment)
    if batch is None:
        return cause, None
    origins = await _origins(store, batch)
    cause |= {"from": batch.source, "messages": [key for key, _ in batch.messages]}
    if len(origins) > 1:
        cause["with"] = [one.event_id for one in origins[1:]]
    return cause, origins[0] if origins else None


async def _function(store: Store, logged_by: LoggedBy, publication: Publication) -> dict[str, Any]:
    by, segment = Arn.parse(publication.by) if publication.by else None, publication.segment
    if by is None or _SESSION not in publication.by:
        return {}
    name = publication.by.rpartition("/")[2]
    noted = await runs_noted(store, segment)
    here = f"arn:{by.partition}:lambda:{publication.scope.region}:{by.account}:function:{name}"
    arn = noted[0]["function"] if noted else here
    logged = await logged_by(arn, segment)
    if logged is None and not noted:
        return {}  # a session of somebody else
    if not logged and not noted:
        return {"function": name}
    request_id = (noted or logged or ())[0]["request_id"]
    told, _ = await invocation_of(store, logged_by, arn, request_id)
    run = run_of(told["runs"], publication.time) + 1
    return {"function": name, "request_id": request_id, **({"run": run} if len(told["runs"]) > 1 else {})}


async def _origins(store: Store, batch: Brought) -> list[Origin]:
    """The events whose messages these are, where they are of events."""
    found = [await _that_made(store, key, sent) for key, sent in batch.messages[:MOST_CAUSES]]
    return [one for one in found if one is not None]


async def _forwarded(store: Store, event_id: str, time: int) -> Origin | None:
    """The event that a rule of another bus made this one of."""
    return await _that_made(store, event_id, time)


async def _that_made(store: Store, name: str, time: int) -> Origin | None:
    """The delivery whose target called it so at that time, UTC ms: in the event's own commit, or in an attempt."""
    quoted = f'"{name}"'.encode()
    async for scope, log in _logs(store, history_log("")):
        for entry in await store.read(scope, log, since=time, until=time + 1, limit=_MOST_OUTCOMES):
            for text, line in events_in(entry.data) if quoted in entry.data else ():
                for placed in placed_in(line) if quoted in line else ():
                    if placed.name == name:
                        bus = log.removeprefix(history_log(""))
                        return Origin(scope, bus, id_of(text), entry.time, placed.rule)
    async for scope, log in _logs(store, outcome_log("")):
        entries = await store.read(scope, log, since=time, until=time + _LATEST_MS, limit=_MOST_OUTCOMES)
        for entry in entries:
            if quoted in entry.data and (told := orjson.loads(entry.data)).get("request_id") == name:
                accepted = event_id_time(entry.key) or entry.time
                bus = log.removeprefix(outcome_log(""))
                return Origin(scope, bus, entry.key, accepted, told["rule"])
    return None


async def _logs(store: Store, prefix: str) -> AsyncIterator[tuple[Scope, str]]:
    for scope in await store.log_scopes():
        for log in await store.logs(scope, prefix):
            yield scope, log
