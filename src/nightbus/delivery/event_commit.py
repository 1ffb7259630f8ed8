"""Collects everything that accepting some events changes, and writes it in one commit.

The story of an event: it is accepted; the bus's archives keep it; the bus's rules are matched; each target that lives
in this store gets what it should within this commit (an inline delivery), and for each other target a delivery is
queued; the bus's history remembers the event with a note of each delivery.

Invariants, and why they hold:

- An event that was answered as accepted is on disk together with everything that it matched. All of it is in one
  `Store.commit`, and PutEvents is answered after that returns.
- Nothing is written before `write`, so an event that cannot be accepted leaves nothing behind. What FIFO queues
  reserved meanwhile (deduplication ids, sequence numbers) is let go by `give_up`.
- An event is matched by the rules of one moment. What changes while something is waited for counts for the next event.
- An event that came from another bus goes no further than to this one, as on AWS: its targets that are buses get a
  queued delivery, which fails and says so.

What would break them: a target that writes to the store by itself in `deliver_inline`; a wait between the numbering of
FIFO messages and the commit (`QueueWrites.commit`); a reference from this object to itself, which would leave work to
the garbage collector with each put.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from nightbus.aws.calls import Scope
from nightbus.aws.ids import new_uuid
from nightbus.aws.threads import LONG_TEXT, aside
from nightbus.bus.json_text import parse_json
from nightbus.bus.transform import render_input
from nightbus.counters import Counters
from nightbus.delivery.bus_log import BusLog
from nightbus.delivery.bus_rules import BusRules, RuleTarget
from nightbus.delivery.buses import Bus, Buses, caller_for_rule, put_events_need
from nightbus.delivery.history import HistoryWriter, note_line
from nightbus.delivery.interface import (
    Audience,
    Batch,
    Event,
    FunctionQueue,
    Matched,
)
from nightbus.delivery.jobs import Attempt, Delivered
from nightbus.delivery.rule_cache import RuleCache
from nightbus.delivery.rule_origin import QUEUE, encode, outcome_entry, rule_job
from nightbus.delivery.rules import outcome_log
from nightbus.delivery.trace_log import published
from nightbus.faults import Faults
from nightbus.identity.authorization import Authorizer
from nightbus.messaging.queue_writes import QueueAppender
from nightbus.messaging.queues import Queues
from nightbus.messaging.topics import Topics
from nightbus.policies.request import Need
from nightbus.span_notes import DeliveryNote, EventNote
from nightbus.store.interface import SYSTEM, Append, Change, Enqueue, Store


class EventCommit:
    """`accept` each batch, then `write`; or `give_up`. Implements `nightbus.delivery.interface.OpenCommit`."""

    def __init__(
        self,
        store: Store,
        queues: Queues,
        topics: Topics,
        functions: FunctionQueue,
        buses: Buses,
        rules: RuleCache,
        authorizer: Authorizer | None = None,
        counters: Counters | None = None,
        faults: Faults | None = None,
        notes_spans: bool = False,
    ) -> None:
        self.store = store
        self.queues = queues
        self.topics = topics
        self.functions = functions
        self.writes = queues.writes()
        self._buses = buses
        self._authorizer = authorizer
        self._counters = counters
        self._faults = faults
        self._notes_spans = notes_spans
        self._rules = rules
        self._history = HistoryWriter()
        self._appenders: dict[
            RuleTarget, QueueAppender | None
        ] = {}  # a queue that is not known at first stays so
        self._logs: dict[tuple[Scope, str], BusLog] = {}
        self._inputs: dict[tuple[RuleTarget, bytes], bytes] = {}  # of long events, made in a thread
        self._time = 0
        self._request_id = ""
        self._sender = ""
        # For the counters, once the commit is durable:
        self._accepted = self._matched_events = self._forwarded = 0
        self._wanted: list[list[RuleTarget]] = []
        self._queued: list[RuleTarget] = []
        self.way: list[EventNote] = []  # for spans

    async def accept(self, batch: Batch) -> None:
        self._time, self._request_id, self._sender = batch.time, batch.request_id, batch.sender
        bus = await self._buses.find(batch.scope, batch.bus)
        await self._accept(bus, batch.events, batch.trace, batch.audience, forwarded=batch.forwarded)
        cause = published(batch) if batch.trace else None
        if cause is not None:
            self.writes.changes.append(cause)

    async def forward(self, matched: Matched, scope: Scope, bus: str, event: Event) -> bool:
        """Accept an event that a rule sends to another bus; False where that bus does not take it."""
        other = await self._buses.find(scope, bus)
        if not other.exists or not await self._may_put(other, matched, event):
            return False
        await self._accept(other, [event], matched.trace, None, forwarded=True)
        return True

    async def admits(self, matched: Matched, need: Need) -> bool:
        """Return whether the role of the rule's target may do this."""
        account, arn = matched.scope.account, matched.rule_arn
        caller = caller_for_rule(account, arn, matched.target.get("RoleArn"))
        return self._authorizer is None or await self._authorizer.admits(caller, matched.scope, need)

    async def _may_put(self, other: Bus, matched: Matched, event: Event) -> bool:
        role = matched.target.get("RoleArn")
        caller = caller_for_rule(matched.scope.account, matched.rule_arn, role)
        if other.is_open_to(caller) and (not role or self._authorizer is None):
            return True
        source, detail_type = await aside(len(event.text), _kind, event)
        if role and self._authorizer is not None:
            return await self.admits(matched, put_events_need(other.arn, source, detail_type))
        return not other.refusal(caller, source, detail_type)

    async def write(self, *also: Change) -> None:
        """One commit of everything, and of `also`. Raises Conflict, StaleLease and what the store raises."""
        self.writes.changes += self._history.entries(self._time)
        for bus_log in self._logs.values():
            self.writes.changes += await bus_log.changes(self.store, self._time)
        await self.writes.commit(*also)
        if self._counters is not None:
            self._count(self._counters)

    def _count(self, counters: Counters) -> None:
        events, attempts = counters.events, counters.attempts
        events.accepted += self._accepted
        events.matched += self._matched_events
        events.forwarded += self._forwarded
        for of_rule in self._wanted:
            for target in of_rule:
                target.count.delivered += 1
                attempts["rule", target.kind].delivered += 1
            if of_rule:
                of_rule[0].count.matched += 1
        for target in self._queued:  # not delivered yet
            target.count.delivered -= 1
            attempts["rule", target.kind].delivered -= 1
            events.queued += 1

    def give_up(self) -> None:
        """Nothing is written."""
        self.writes.settle(committed=False)

    async def _accept(
        self, on: Bus, events: Sequence[Event], trace: str, audience: Audience | None, *, forwarded: bool
    ) -> None:
        scope, bus = on.scope, await self._rules.bus_of(on)
        match, targets = bus.match_for(audience), bus.targets
        if bus.archives and audience is None:
            self.writes.changes += bus.archives.entries(scope, events)
        lines = self._history.lines(scope, bus.history)
        bus_log = self._log(on)
        self._accepted += len(events)
        if forwarded:
            self._forwarded += len(events)
        for event in events:
            text = event.text
            notes: list[bytes] = []
            deliveries: list[DeliveryNote] = []
            # Rules may change while something is waited for below; this event goes by those of now.
            if len(text) <= LONG_TEXT:
                matched = [targets[rule] for rule in match(text)]
            else:
                matched = await self._match_long(bus, match, text)
            if audience is not None and audience.targets:
                matched = [chosen for one in matched if (chosen := _chosen(one, audience.targets))]
            if matched:
                self._matched_events += 1
                self._wanted += matched
            invocations: Mapping[RuleTarget, str] = {}
            # An event of AWS's own (nobody sent it, and it is for all) is logged only where a rule matches it.
            if bus_log is not None and (matched or self._sender or audience is not None):
                invocations = self._announce(bus_log, event, matched)
            for of_rule in matched:
                for target in of_rule:
                    appender = None if trace else self._appender(scope, target)
                    name = None if appender is None else appender.put(text)
                    if name is None:
                        name = await self._deliver(
                            self._matched(scope, bus, event, target, trace),
                            target,
                            invocations.get(target, ""),
                            forwarded=forwarded,
                        )
                    if self._notes_spans:
                        value = target.value
                        deliveries.append(
                            DeliveryNote(target.rule, target.rule_arn, value["Id"], value["Arn"], name)
                        )
                    if name is None:
                        notes.append(target.note.queued)
                        self._queued.append(target)
                        continue
                    if audience is None:
                        notes.append(target.note.with_name(name))
                    else:  # a replayed event is found by its id, but not in time
                        self._record_inline(self._matched(scope, bus, event, target, trace), name)
                    if bus_log is not None:
                        matched_target = self._matched(scope, bus, event, target, trace)
                        job = rule_job(matched_target, self._request_id, invocations[target])
                        bus_log.delivered_at_once(job, name)
            lines += (text, note_line(notes))
            if self._notes_spans:
                now = self._time
                note = EventNote(
                    trace, *scope, bus.name, event.id, text, now, now, forwarded, tuple(deliveries)
                )
                self.way.append(note)

    async def _deliver(
        self, matched: Matched, target: RuleTarget, invocation: str, *, forwarded: bool
    ) -> str | None:
        """Inline where the target takes it so: what the target calls the event. Else a delivery is queued: None."""
        stays = target.is_bus and forwarded
        name = None
        if target.deliver_inline is not None and not stays and not self._strikes(target):
            name = await target.deliver_inline(matched, self)
        if name is None:
            job = rule_job(matched, self._request_id, invocation, stays=stays)
            self.writes.changes.append(Enqueue(SYSTEM, QUEUE, encode(job), job.accepted))
        return name

    def _strikes(self, target: RuleTarget) -> bool:
        """Whether a test's fault is to strike: a delivery is queued then, whose attempts have it."""
        return self._faults is not None and self._faults.strikes_delivery(target.value["Arn"])

    async def _match_long(
        self, bus: BusRules, match: Callable[[bytes], Sequence[str]], text: bytes
    ) -> list[list[RuleTarget]]:
        """The targets of the rules that match. A thread matches and makes the targets' inputs; the bus's rules do not
        change meanwhile."""
        async with self._rules.steady(bus):
            names = await asyncio.to_thread(match, text)
            matched = [bus.targets[name] for name in names]
            for target in itertools.chain.from_iterable(matched):
                if not target.whole:
                    self._inputs[target, text] = await asyncio.to_thread(self._render, target, text)
        return matched

    def _log(self, bus: Bus) -> BusLog | None:
        if bus.level is None:
            return None
        key = (bus.scope, bus.name)
        if key not in self._logs:
            self._logs[key] = BusLog(bus, bus.level, self._request_id)
        return self._logs[key]

    def _announce(
        self, bus_log: BusLog, event: Event, matched: Iterable[Sequence[RuleTarget]]
    ) -> dict[RuleTarget, str]:
        """Logs the event and the rules that match it. Returns the ids of the invocations that follow, by target."""
        bus_log.accepted(event.id, event.text, self._sender, self._time)
        invocations: dict[RuleTarget, str] = {}
        for of_rule in matched:
            ids = {target: new_uuid() for target in of_rule}
            targets = [(target.value["Arn"], invocation) for target, invocation in ids.items()]
            bus_log.matched(event.id, of_rule[0].rule_arn, targets, self._time)
            invocations |= ids
        if not invocations:
            bus_log.matched_nothing(event.id, self._time)
        return invocations

    def _appender(self, scope: Scope, target: RuleTarget) -> QueueAppender | None:
        """The shortest way, for whole events that go to a standard queue."""
        try:
            return self._appenders[target]
        except KeyError:
            opened = None
            if target.open_appender is not None and not self._strikes(target):
                opened = target.open_appender(scope, target.value, target.rule_arn, self._time, self)
            self._appenders[target] = opened
            return opened

    def _record_inline(self, matched: Matched, name: str) -> None:
        attempt = Attempt(Delivered(name), None, self._time, self._time)
        entry = outcome_entry(rule_job(matched), attempt, inline=True)
        log = outcome_log(matched.bus)
        self.writes.changes.append(Append(matched.scope, log, self._time, entry, matched.event_id))

    def _matched(self, scope: Scope, bus: BusRules, event: Event, target: RuleTarget, trace: str) -> Matched:
        if target.whole:
            input_text = event.text
        else:
            input_text = self._inputs.get((target, event.text)) or self._render(target, event.text)
        return Matched(
            scope, bus.name, target.rule, target.rule_arn, event.id, self._time, target.value, input_text,
            target.whole, trace,
        )  # fmt: skip

    def _render(self, target: RuleTarget, text: bytes) -> bytes:
        ingestion = datetime.fromtimestamp(self._time / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return render_input(
            target.value,
            parse_json(text.decode()),
            rule_arn=target.rule_arn,
            rule_name=target.rule,
            ingestion_time=ingestion,
        ).encode(
            "utf-8", "replace"
        )  # a path may bring half a surrogate pair, which an event has as an escape


def _chosen(of_rule: Iterable[RuleTarget], arns: Collection[str]) -> list[RuleTarget]:
    return [target for target in of_rule if target.value["Arn"] in arns]


def _kind(event: Event) -> tuple[str, str]:
    parsed = parse_json(event.text.decode())
    return parsed["source"], parsed["detail-type"]
