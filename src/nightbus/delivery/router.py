"""Puts events on their buses: an event, its history and what its targets get become one commit.

Targets in the same store (queues, log groups, other buses) get theirs in that very commit; for the others a delivery is
queued. Which rules match, and what their targets get, is `nightbus.delivery.event_commit`.
"""

from __future__ import annotations

from collections.abc import Sequence

from nightbus.aws.calls import Scope
from nightbus.aws.trace_header import new_trace
from nightbus.clock import Clock
from nightbus.counters import Counters
from nightbus.delivery.backlog import Backlog
from nightbus.delivery.buses import Buses
from nightbus.delivery.event_commit import EventCommit
from nightbus.delivery.interface import Batch, CallRules, FunctionQueue, Overloaded
from nightbus.delivery.rule_cache import RuleCache
from nightbus.faults import Faults
from nightbus.identity.authorization import Authorizer
from nightbus.messaging.queues import Queues
from nightbus.messaging.topics import Topics
from nightbus.span_notes import SpanNotes
from nightbus.store.conflicts import MOST_ATTEMPTS, Contended
from nightbus.store.interface import Change, Conflict, DeleteRecord, PutRecord, RequireRecord, Store


class Router:
    """Implements `nightbus.delivery.interface.EventRouter`."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        queues: Queues,
        topics: Topics,
        functions: FunctionQueue,
        backlog: Backlog,
        buses: Buses,
        authorizer: Authorizer | None = None,
        counters: Counters | None = None,
        faults: Faults | None = None,
        spans: SpanNotes | None = None,
    ) -> None:
        self._store = store
        self.clock = clock
        self._queues = queues
        self._topics = topics
        self._functions = functions
        self._backlog = backlog
        self.buses = buses
        self._authorizer = authorizer
        self._counters = counters or Counters()
        self._spans = spans
        self._rules = RuleCache(store, self._counters.rules)
        self._faults = faults

    async def put(self, batches: Sequence[Batch], also: Sequence[Change] = ()) -> None:
        """What was planned for a queue, a stream or an archive that is deleted meanwhile is planned anew.

        Raises Contended where that comes to nothing however often: a target's changes contradict one another.
        """
        callers = {
            (one.kind, one.key) for one in also if isinstance(one, PutRecord | DeleteRecord | RequireRecord)
        }
        for _ in range(MOST_ATTEMPTS):
            try:
                return await self._put(batches, also)
            except Conflict as conflict:
                if (conflict.kind, conflict.key) in callers:
                    raise
                lost = conflict
        raise Contended(lost)

    async def _put(self, batches: Sequence[Batch], also: Sequence[Change]) -> None:
        count = sum(len(batch.events) for batch in batches)
        if not self._backlog.admit(count):
            self._counters.events.refused += count
            raise Overloaded
        commit = EventCommit(
            self._store,
            self._queues,
            self._topics,
            self._functions,
            self.buses,
            self._rules,
            self._authorizer,
            self._counters,
            self._faults,
            self._spans is not None,
        )
        try:
            for batch in batches:
                if self._spans is not None and not batch.trace:
                    batch = batch._replace(trace=new_trace(batch.time))
                await commit.accept(batch)
            await commit.write(*also)
            if self._spans is not None:
                self._note(self._spans, commit)
        except BaseException:
            commit.give_up()
            raise
        finally:
            self._backlog.admitted(count)

    def _note(self, spans: SpanNotes, commit: EventCommit) -> None:
        """What came from another bus of the commit after what it came from."""
        now = self.clock.now_ms()
        for note in sorted(commit.way, key=lambda one: one.forwarded):
            spans.add(note._replace(ended=now))

    def in_memory(self) -> dict[str, int]:
        return self._rules.in_memory()

    async def rules_for_calls(self, scope: Scope, bus: str) -> CallRules:
        rules = await self._rules.bus(scope, bus)
        return CallRules(bool(rules.targets), rules.taking_reads, rules.naming_calls)

    async def matching(self, scope: Scope, bus: str, text: bytes) -> list[str]:
        return sorted((await self._rules.bus(scope, bus)).index.match_json(text))
