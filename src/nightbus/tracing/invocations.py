"""Finds the invocations that followed from a delivered attempt: the function's own, or those that got its message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from nightbus.aws.trace_header import segment_of
from nightbus.delivery.trace_log import (
    Publication,
    SentEvent,
    carried_of,
    published_in,
    recorded_runs,
    refused_in,
    sent_in,
)
from nightbus.store.interface import Store
from nightbus.tracing.function_runs import describe_runs, run_of, state_of

# A function's ARN and an invocation's segment → what it logged each time it ran: `request_id` and `log`, lines of
# `time` and `message`. None where there is no such function.
LoggedBy = Callable[[str, str], Awaitable[list[dict[str, Any]] | None]]
# A function's ARN → why it has no log, "" where nothing keeps it from having one.
LogRefusal = Callable[[str], Awaitable[str]]
Done = list[list[Publication | SentEvent]]  # by run, what it published and sent


async def invocations_of(
    store: Store, logged_by: LoggedBy, arn: str, name: str, log_refusal: LogRefusal | None = None
) -> list[tuple[dict[str, Any], Done]]:
    """`arn` is the target, `name` what it calls the delivery: a request id, or a message's id."""
    if ":function:" in arn:
        return [await invocation_of(store, logged_by, arn, name, log_refusal=log_refusal)]
    invocations = []
    for one in await carried_of(store, name):
        invocation, done = await invocation_of(
            store, logged_by, one.function, one.request_id, one.message_id, log_refusal
        )
        invocations.append(({**invocation, "from": one.source, "messages": one.together}, done))
    return invocations


async def invocation_of(
    store: Store,
    logged_by: LoggedBy,
    function: str,
    request_id: str,
    message_id: str = "",
    log_refusal: LogRefusal | None = None,
) -> tuple[dict[str, Any], Done]:
    """With what was done in each of its runs, and why a run that ended logged nothing."""
    segment = segment_of(request_id)
    done: list[Publication | SentEvent] = [
        *await published_in(store, segment),
        *await sent_in(store, segment),
    ]
    noted = [one for one in await recorded_runs(store, segment) if one["request_id"] == request_id]
    logged = [one for one in await logged_by(function, segment) or () if one["request_id"] == request_id]
    runs = describe_runs(noted, logged, [one.time for one in done])
    if runs:
        for refusal in await refused_in(store, segment):
            runs[run_of(runs, refusal["time"])].setdefault("refused", []).append(refusal)
    without_log = [run for run in runs if "time" in run and not run["log"]]
    unlogged = await log_refusal(function) if log_refusal is not None and without_log else ""
    for run in without_log if unlogged else ():
        run["log_refused"] = unlogged
    by_run: Done = [[] for _ in runs]
    for one in done:
        by_run[run_of(runs, one.time)].append(one)
    state = state_of(runs, message_id)
    return {"function": function, "request_id": request_id, "state": state, "runs": runs}, by_run
