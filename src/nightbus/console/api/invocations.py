"""Shows the last invocations of a function: `/functions/{name}/invocations`."""

from __future__ import annotations

from nightbus.aws.errors import AwsError
from nightbus.aws.trace_header import segment_of
from nightbus.console.api.functions import no_such_function
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.routing import Routes
from nightbus.console.api.values import Answer, Page
from nightbus.delivery.trace_log import brought_to, origin_of
from nightbus.functions.logs.invocation_log import EndedInvocation, last_invocations
from nightbus.services.lambda_.records import FUNCTION
from nightbus.store.interface import Store

OUTCOMES = {"success": "succeeded", "error": "failed", "timeout": "timed out"}


class LogPlace(Answer, frozen=True):
    """Where the lines of an invocation are."""

    group: str
    stream: str


class Invocation(Answer, frozen=True):
    """One that ended at `time` (UTC ms). Durations are ms, `memory` is the most that it used, of `memory_size` MB.

    `outcome`: succeeded, failed or timed out. `init` is the time of a cold start, None for a warm one. `event_id` is
    that of the event that a rule invoked it for, `source` is the ARN of the queue or topic whose `messages` it got.
    """

    request_id: str
    time: int
    function: str
    version: str
    outcome: str
    code: str
    error: str
    duration: float
    billed: int
    init: float | None
    memory: int
    memory_size: int
    event_id: str
    rule: str
    source: str
    messages: int
    log: LogPlace


class Invocations(Answer, frozen=True):
    invocations: list[Invocation]
    next: str | None


async def list_invocations(request: ApiRequest, name: str, query: Page) -> Invocations:
    """List the invocations of a function that ended, the newest first, as far as the history goes back."""
    if await request.store.get(request.scope, FUNCTION, name) is None:
        raise no_such_function(name)
    before = _offset(query.next)
    found = await last_invocations(request.store, request.scope, name, query.limit + 1, before)
    shown = [await invocation(request.store, one) for one in found[: query.limit]]
    more = len(found) > query.limit
    return Invocations(invocations=shown, next=str(found[query.limit - 1].offset) if more else None)


async def invocation(store: Store, ended: EndedInvocation) -> Invocation:
    segment = segment_of(ended.request_id)
    origin = await origin_of(store, segment)
    brought = await brought_to(store, segment) if origin is None else None
    code = "" if ended.outcome == "success" else ended.code
    return Invocation(
        request_id=ended.request_id,
        time=ended.time,
        function=ended.function,
        version=ended.version,
        outcome=OUTCOMES.get(ended.outcome, ended.outcome),
        code=code,
        error=": ".join(one for one in (code, ended.message) if one) if code or ended.message else "",
        duration=ended.duration,
        billed=ended.billed,
        init=ended.init,
        memory=ended.used,
        memory_size=ended.memory,
        event_id="" if origin is None else origin.event_id,
        rule="" if origin is None else origin.rule,
        source="" if brought is None else brought.source,
        messages=0 if brought is None else len(brought.messages),
        log=LogPlace(group=ended.group, stream=ended.stream),
    )


def _offset(text: str) -> int:
    if not text:
        return 0
    if not text.isdecimal() or len(text) > 18:
        raise AwsError("ValidationException", "`next` is not what the answer before had.")
    return int(text)


ROUTES: Routes = {"GET /functions/{name}/invocations": list_invocations}
