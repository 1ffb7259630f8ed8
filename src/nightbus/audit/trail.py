"""Keeps the audit trail: notes each call, and writes the records of what was noted in groups.

A call pays for a note in a list. The records are made and committed at most `_EVERY_SECONDS` later, so a kill of the
process loses what was called in the last fifth of a second, and a node that is stopped loses nothing. While the store
takes nothing (the disk is full), notes wait, at most `_MOST_WAITING` with `_MOST_BYTES` of texts; what comes beyond
that is lost with a line in the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.audit.bus_events import CallEvents
from nightbus.audit.event_kinds import is_data_event, is_read_only
from nightbus.audit.function_logs import tell_function
from nightbus.audit.logging_trails import LoggingTrails
from nightbus.audit.parameters import json_bytes
from nightbus.audit.record import NotedCall, record_of
from nightbus.audit.refusals import NotedRefusal, Refused, refusal_entries
from nightbus.audit.seen_needs import SeenNeeds
from nightbus.aws.calls import Call, Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_event_id
from nightbus.bounded import Seldom
from nightbus.clock import Clock
from nightbus.delivery.interface import EventRouter
from nightbus.functions.interface import LogSink
from nightbus.identity.audit import TRAIL
from nightbus.identity.call_rates import CallRates
from nightbus.policies.request import Need
from nightbus.store.interface import Append, Store

log = logging.getLogger("nightbus.audit")
_EVERY_SECONDS = 0.2
_AGAIN_SECONDS = 1.0
_MOST_SECONDS = 5.0  # for which a reader waits for what is not written yet
_MOST_TOGETHER = 64  # records in one commit; making them takes the event loop some 5 ms
_MOST_WAITING = 20_000
_MOST_BYTES = (
    64 * 1024 * 1024
)  # of parameters and replies that wait; a template of a stack may have a megabyte
_MOST_REFUSALS = (
    100  # that are kept in a second, of an account and Region: a client that is refused in a loop makes more
)
_NO_REPLY: Mapping[str, Any] = {}
REFUSED = frozenset(
    {"AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException"}
)


class Trail:
    """Implements `nightbus.identity.audit.AuditTrail`. `data_events`: record successful data calls as well."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        router: EventRouter,
        log_sink: LogSink,
        data_events: bool = False,
    ) -> None:
        self._log_sink = log_sink
        self._store = store
        self._clock = clock
        self._trails = LoggingTrails(store)
        self._events = CallEvents(self._trails, router)
        self.data_events = data_events
        self._waiting: deque[NotedCall | NotedRefusal] = deque()
        self._bytes = 0  # of the texts of calls that wait
        self.needs = SeenNeeds(store, clock)
        self._writing: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[None]] = set()  # at most 50 a minute, as `_lines` says
        self._hurry = asyncio.Event()
        self._refusals, self._refused_data = CallRates(), CallRates()
        self._losses: Seldom[str] = Seldom(60_000, 1)
        self._lines: Seldom[tuple[str, str, str]] = Seldom(60_000, 50)

    def in_memory(self) -> dict[str, int]:
        refusals = sum(
            size for rates in (self._refusals, self._refused_data) for size in rates.in_memory().values()
        )
        return {**self.needs.in_memory(), "rates of refusals": refusals}

    async def records_data(self, scope: Scope, service: str) -> bool:
        if self.data_events:
            return True
        try:
            return await self._trails.log_data_of(scope, service)
        except Exception as failure:  # of the store: the call itself has succeeded
            log.error("a data call of %s may be missing in the audit trail: %s", service, failure)
            return False

    def succeeded(
        self, service: str, operation: str, params: Mapping[str, Any], result: Mapping[str, Any], call: Call
    ) -> None:
        shown = _NO_REPLY if is_read_only(service, operation) else result  # records do not show what is read
        self._note(NotedCall(self._clock.now_ms(), service, operation, params, call, shown))

    def failed(
        self, service: str, operation: str, params: Mapping[str, Any], error: AwsError, call: Call
    ) -> None:
        """Note a call that failed. Of data calls only those that were refused are kept, unless all are recorded."""
        now = self._clock.now_ms()
        is_chosen = self.data_events or not is_data_event(service, operation)
        if is_chosen or (error.code in REFUSED and self._refused_data.admit(call.scope, _MOST_REFUSALS, now)):
            self._note(NotedCall(now, service, operation, params, call, error=error))

    def refused(self, refused: Refused) -> None:
        """Keep why a call is refused, or would be if policies were enforced."""
        now, call = self._clock.now_ms(), refused.call
        principal = refused.request.arn or refused.request.service
        if self._lines.is_due((principal, refused.request.action, refused.request.resource), now):
            log.warning(
                "%s: %s: nightbus why-denied %s",
                "refused" if refused.enforced else "allowed, since policies are only audited",
                refused.text,
                call.request_id,
            )
            telling = asyncio.create_task(self._tell_function(refused))
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)
        if self._refusals.admit(call.scope, _MOST_REFUSALS, now):
            self._note(NotedRefusal(now, refused))

    def see_needs(self, role: str, needs: Sequence[Need]) -> None:
        """Remember what a session of the role asks for."""
        if self.needs.see(role, needs):
            self._begin_writing()

    def hurry(self) -> bool:
        """Write what waits without the pause before it. Returns whether something waits."""
        if self._writing is not None:
            self._hurry.set()
        return self._writing is not None

    async def written(self) -> None:
        if self._writing is not None and self.hurry():
            await asyncio.wait({self._writing}, timeout=_MOST_SECONDS)

    async def close(self) -> None:
        """Write what waits, once."""
        for telling in self._telling:
            telling.cancel()
        await self.written()

    def _note(self, noted: NotedCall | NotedRefusal) -> None:
        size = _size(noted)
        if len(self._waiting) >= _MOST_WAITING or (self._waiting and self._bytes + size > _MOST_BYTES):
            if self._losses.is_due("", self._clock.now_ms()):
                log.error("the audit trail lost calls: the store takes no records")
            return
        self._waiting.append(noted)
        self._bytes += size
        self._begin_writing()

    def _begin_writing(self) -> None:
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_waiting())

    async def _write_waiting(self) -> None:
        try:
            await self._pause(_EVERY_SECONDS)
            while self._waiting or self.needs.waiting:
                few = [self._waiting.popleft() for _ in range(min(_MOST_TOGETHER, len(self._waiting)))]
                try:
                    await self._write(few)
                    self._bytes -= sum(map(_size, few)) if self._waiting else self._bytes
                except Exception as failure:
                    log.error("the audit trail cannot write %d records: %s", len(few), failure)
                    self._waiting.extendleft(reversed(few))
                    del self.needs.waiting[:-_MOST_WAITING]
                    await asyncio.sleep(_AGAIN_SECONDS)
        finally:
            self._writing = None

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._hurry.wait(), seconds)
        except TimeoutError:
            return
        finally:
            self._hurry.clear()

    async def _write(self, notes: Sequence[NotedCall | NotedRefusal]) -> None:
        needs = list(self.needs.waiting)
        entries: list[Append] = [*needs]
        records: list[tuple[Scope, int, dict[str, Any]]] = []
        for noted in notes:
            if isinstance(noted, NotedRefusal):
                entries += refusal_entries(noted)
                continue
            try:
                record = record_of(noted, new_event_id(noted.time))
            except Exception:
                log.exception("no record of %s:%s could be made", noted.service, noted.operation)
                continue
            scope = noted.call.scope
            entries.append(Append(scope, TRAIL, noted.time, json_bytes(record)))
            records.append((scope, noted.time, record))
        await self._store.commit(*entries)
        del self.needs.waiting[: len(needs)]
        await self._events.put(records)

    async def _tell_function(self, refused: Refused) -> None:
        try:
            await tell_function(self._store, self._log_sink, self._clock, refused)
        except Exception as failure:
            log.warning("a refusal is not in the log of its function: %s", failure)


def _size(noted: NotedCall | NotedRefusal) -> int:
    """Return the length of all texts of a call. What a refusal names is in the call's parameters, or is shared."""
    if isinstance(noted, NotedRefusal):
        return 0
    size, left = 0, [noted.params, noted.result]
    while left:
        value = left.pop()
        if isinstance(value, str | bytes):
            size += len(value)
        elif isinstance(value, Mapping):
            left += value.values()
        elif isinstance(value, list | tuple):
            left += value
    return size
