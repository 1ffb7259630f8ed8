"""Lists events, explains one, and traces it: `/events`."""

from __future__ import annotations

import functools
from typing import Any

from nightbus.console.api.event_list import EventList, EventQuery, find_events
from nightbus.console.api.explained import ExplainedEvent, explained
from nightbus.console.api.publishing import put_event, replay_events
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.routing import Routes
from nightbus.console.api.values import Json, Query, as_json
from nightbus.services.lambda_.invocations.log_lines import log_refusal, runs_of
from nightbus.tracing.event_trace import trace_event


async def list_events(request: ApiRequest, query: EventQuery) -> EventList:
    """List the events of the history, the newest first.

    An answer may have fewer events than `limit`, or none, and `next` all the same: it reads a bounded part of the
    history.
    """
    return await find_events(request, query)


class ExplainQuery(Query, frozen=True):
    """`rule`: only this one."""

    rule: str = ""


async def read_event(request: ApiRequest, id: str, query: ExplainQuery) -> ExplainedEvent:
    """Explain an event: which rules matched, what was delivered, which rules did not match, and why.

    Rules are judged as they are now; a delivery that was made says that the rule matched then.
    """
    return await explained(request, id, query.rule or None)


async def read_trace(request: ApiRequest, id: str) -> Json:
    """Trace an event: what led to it, its rules and attempts, functions' runs, and the events that they published.

    The answer is the NODE of docs/explaining.md.
    """
    runs = functools.partial(runs_of, request.store)
    refusal = functools.partial(log_refusal, request.platform)
    trace: Any = await trace_event(request.store, request.scope, id, runs, refusal)
    return as_json(trace)


ROUTES: Routes = {
    "GET /events": list_events,
    "GET /events/{id}": read_event,
    "GET /events/{id}/trace": read_trace,
    "POST /events": put_event,
    "POST /events/replay": replay_events,
}
