"""Explains and traces events: `explain` reports which rules an event matches and its deliveries, `trace` its whole way.

Both search the scope that the query names first, then every other one.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Awaitable, Callable
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.delivery.rules import DEFAULT_BUS
from nightbus.node.admin.request import AdminRequest, body_scope, body_text
from nightbus.services.lambda_.invocations.log_lines import log_refusal, runs_of
from nightbus.tracing.event_trace import trace_event
from nightbus.tracing.explanation import NotInHistory, explain_event, explain_pattern, explain_unput


async def explain_put_event(request: AdminRequest) -> dict[str, Any]:
    """Query: `event` (its id), `rule` (only this one), `account` and `region`. Raises AwsError."""
    store, rule = request.node.store, request.query.get("rule")
    return await _in_any_scope(request, lambda scope, event_id: explain_event(store, scope, event_id, rule))


async def explain_event_of_body(request: AdminRequest) -> dict[str, Any]:
    """Body: an `event` that nobody has put; a `pattern` to try on it, or a `bus` and `rule`. Raises AwsError."""
    body = await request.read_json()
    event = body.get("event")
    if not isinstance(event, dict):
        raise AwsError("ValidationException", "Which event? Give its JSON object as `event`.")
    if "pattern" in body:
        return explain_pattern(body["pattern"], event)
    scope, bus, rule = body_scope(body), body_text(body, "bus"), body_text(body, "rule")
    return await explain_unput(request.node.store, scope, bus or DEFAULT_BUS, event, rule or None)


async def trace(request: AdminRequest) -> dict[str, Any]:
    """Query: `event` (its id), `account` and `region`. Raises AwsError."""
    store = request.node.store
    runs, refusal = functools.partial(runs_of, store), functools.partial(log_refusal, request.node.platform)
    return await _in_any_scope(
        request, lambda scope, event_id: trace_event(store, scope, event_id, runs, refusal)
    )


async def _in_any_scope(
    request: AdminRequest, search: Callable[[Scope, str], Awaitable[dict[str, Any]]]
) -> dict[str, Any]:
    """The first answer of `search(scope, event_id)` that does not raise NotInHistory. Raises AwsError."""
    event_id = request.query.get("event", "")
    if not event_id:
        raise AwsError("ValidationException", "Which event? Give its id as `event`.")
    first = request.queried_scope
    others = [scope for scope in await request.node.store.log_scopes() if scope != first]
    for scope in (first, *others):
        with contextlib.suppress(NotInHistory):
            return await search(scope, event_id)
    raise NotInHistory("ResourceNotFoundException", f"Event {event_id} is in no bus's history.")
