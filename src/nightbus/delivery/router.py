"""Where does an event go? It is matched against its bus's rules, and the event and what it matched become one commit.

Targets in the same store (queues, log groups, other buses) get theirs in that very commit; for the others a delivery is
queued. Each bus's rules are read once and held parsed; `rule_changed` reads one of them again.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.calls import Caller, Scope
from nightbus.aws.ids import new_uuid
from nightbus.aws.threads import LONG_TEXT, aside
from nightbus.bounded import Bounded, Locks
from nightbus.bus.errors import InvalidPattern
from nightbus.bus.index import RuleIndex
from nightbus.bus.json_text import parse_json
from nightbus.bus.patterns import parse_pattern
from nightbus.bus.transform import CHOICES, render_input
from nightbus.clock import Clock
from nightbus.delivery.archives import BusArchives, archives_of
from nightbus.delivery.backlog import Backlog
from nightbus.delivery.bus_log import BusLog
from nightbus.delivery.buses import Bus, Buses, caller_for_rule
from nightbus.delivery.causes import published
from nightbus.delivery.explaining import explain_event
from nightbus.delivery.history import HistoryWriter, PlacedHead, placed_line
from nightbus.delivery.interface import (
    Audience,
    Batch,
    Delivered,
    Delivery,
    Event,
    Matched,
    OpenPlain,
    Outcome,
    Overloaded,
    Place,
    Placing,
)
from nightbus.delivery.rules import RULE, Rule, history_log, outcome_log, rule_arn, rule_key, rules_of
from nightbus.delivery.targets import open_plain_of, place_of
from nightbus.delivery.work import QUEUE, encode, first_delivery, outcome_entry
from nightbus.messaging.queues import PlainSending, Queues, Sending
from nightbus.messaging.topics import Topics
from nightbus.store.interface import (
    SYSTEM,
    Append,
    Change,
    Conflict,
    DeleteRecord,
    Enqueue,
    PutRecord,
    RequireRecord,
    Store,
)

log = logging.getLogger("nightbus.delivery")
_MOST_BUSES = 4096


@dataclass(frozen=True, slots=True, eq=False)
class _Target:
    """One target of one rule. `whole`: it gets the event as it is.

    It may be reached in the event's commit by what `open_plain` opens, which does not wait for anything, or by `place`.
    """

    rule: str
    rule_arn: str
    value: dict[str, Any]
    whole: bool
    open_plain: OpenPlain | None
    place: Place | None
    placed: PlacedHead
    is_bus: bool


class _Bus:
    """One bus's rules and archives, ready to match."""

    def __init__(self, scope: Scope, name: str) -> None:
        self.scope = scope
        self.name = name
        self.history = history_log(name)
        self.index = RuleIndex()
        self.archives = BusArchives()
        self.targets: dict[str, list[_Target]] = {}
        self._indexed: dict[str, str] = {}  # rule → the pattern it is indexed by

    def take(self, rules: Sequence[Rule]) -> None:
        named = {rule.name: rule for rule in rules}
        for name in [name for name in self.targets if name not in named]:
            self.take_rule(name, None)
        for name, rule in named.items():
            self.take_rule(name, rule)

    def take_rule(self, name: str, rule: Rule | None) -> None:
        """None where there is no such rule any more."""
        if rule is None:
            self.targets.pop(name, None)
        else:
            self.targets[name] = self._targets(rule)
        matching = rule is not None and rule.enabled and bool(rule.targets)
        wanted = rule.pattern if rule is not None and matching else None
        if self._indexed.get(name) == wanted:
            return
        if name in self._indexed:
            self.index.remove(name)
            del self._indexed[name]
        if wanted is not None:
            self._add(name, wanted)

    def match_for(self, audience: Audience | None) -> Callable[[bytes], Sequence[str]]:
        """Which rules get an event that is for these."""
        match = self.index.match_json
        if audience is None:
            return match
        if audience.asked:
            return lambda text: [name for name in match(text) if name in audience.rules]
        return lambda text: [name for name in audience.rules if self.targets.get(name)]

    def _targets(self, rule: Rule) -> list[_Target]:
        arn = rule_arn(self.scope, rule.bus, rule.name)
        return [_target(rule.name, arn, target) for target in rule.targets]

    def _add(self, name: str, pattern: str) -> None:
        try:
            self.index.add(name, parse_pattern(pattern))
        except InvalidPattern:
            log.exception("rule %s is kept with a pattern that cannot be read; it matches nothing", name)
            return
        self._indexed[name] = pattern


def _target(rule: str, arn: str, value: dict[str, Any]) -> _Target:
    whole = all(value.get(choice) is None for choice in CHOICES)
    return _Target(
        rule,
        arn,
        value,
        whole,
        open_plain_of(value["Arn"]) if whole else None,
        place_of(value["Arn"]),
        PlacedHead(rule, value),
        ":event-bus/" in value["Arn"],
    )


class Router:
    """Implements `nightbus.delivery.interface.EventRouter`."""

    def __init__(
        self, store: Store, clock: Clock, queues: Queues, topics: Topics, backlog: Backlog, buses: Buses
    ) -> None:
        self._store = store
        self.clock = clock
        self._queues = queues
        self._topics = topics
        self._backlog = backlog
        self.buses = buses
        self._rules: Bounded[tuple[Scope, str], _Bus] = Bounded(_MOST_BUSES)
        self._locks: Locks[tuple[Scope, str]] = Locks()
        buses.on_change = self._bus_changed

    async def put(self, batches: Sequence[Batch], also: Sequence[Change] = ()) -> None:
        """What was planned for a queue, a stream or an archive that is deleted meanwhile is planned anew."""
        callers = {
            (one.kind, one.key) for one in also if isinstance(one, PutRecord | DeleteRecord | RequireRecord)
        }
        while True:
            try:
                return await self._put(batches, also)
            except Conflict as conflict:
                if (conflict.kind, conflict.key) in callers:
                    raise

    async def _put(self, batches: Sequence[Batch], also: Sequence[Change]) -> None:
        count = sum(len(batch.events) for batch in batches)
        if not self._backlog.admit(count):
            raise Overloaded
        sending = Sending()
        planned = _Planned(self, Placing(self._store, self._queues, self._topics, sending, None))
        placing = Placing(self._store, self._queues, self._topics, sending, planned.forward)
        try:
            try:
                for batch in batches:
                    await planned.add(batch, placing)
                await planned.finish(self._store)
            except BaseException:
                sending.settle(False)
                raise
            await self._queues.commit(sending, *also)
        finally:
            self._backlog.admitted(count)

    def steady(self, bus: _Bus) -> AbstractAsyncContextManager[None]:
        """Held while somebody reads the rules of the bus beside the loop: no rule is put or deleted meanwhile."""
        return self._locks.holding((bus.scope, bus.name))

    async def bus(self, scope: Scope, name: str) -> _Bus:
        return self._rules.get((scope, name)) or await self._load(scope, name)

    async def bus_of(self, on: Bus) -> _Bus:
        """One that does not exist has no rules, and is not remembered."""
        return await self.bus(on.scope, on.name) if on.exists else _Bus(on.scope, on.name)

    def _bus_changed(self, scope: Scope, name: str) -> None:
        self._rules.pop((scope, name), None)

    def in_memory(self) -> dict[str, int]:
        return {"rules of buses": len(self._rules), "buses being read": len(self._locks)}

    async def rule_changed(self, scope: Scope, bus: str, name: str) -> None:
        key = (scope, bus)
        async with self._locks.holding(key):
            if key in self._rules:  # else its rules are read with its first event
                record = await self._store.get(scope, RULE, rule_key(bus, name))
                self._rules[key].take_rule(name, None if record is None else Rule.of(record))

    async def archives_changed(self, scope: Scope, bus: str) -> None:
        await self._load(scope, bus)

    async def _load(self, scope: Scope, bus: str) -> _Bus:
        key = (scope, bus)
        async with self._locks.holding(key):
            rules = await rules_of(self._store, scope, bus)
            archives = await archives_of(self._store, scope, bus)
            state = self._rules.get(key) or _Bus(scope, bus)
            self._rules[key] = state  # seen by others only with its rules: no wait here
            state.archives.take(archives)
            state.take(rules)
            return state

    async def matching(self, scope: Scope, bus: str, text: bytes) -> list[str]:
        return sorted((await self.bus(scope, bus)).index.match_json(text))

    async def explain(self, scope: Scope, event_id: str, rule: str | None = None) -> dict[str, Any]:
        return await explain_event(self._store, scope, event_id, rule)


class _Planned:
    """What one put changes: collected event by event, for one commit."""

    def __init__(self, router: Router, placing_no_further: Placing) -> None:
        """No way leads from here to what forwards to here: a put leaves no cycle for the collector."""
        self._router = router
        self._sending = placing_no_further.sending
        self._placing_no_further = placing_no_further
        self._history = HistoryWriter()
        self._plain: dict[_Target, PlainSending | None] = {}  # a queue that is not known at first stays so
        self._logs: dict[tuple[Scope, str], BusLog] = {}
        self._inputs: dict[tuple[_Target, bytes], bytes] = {}  # of long events, made in a thread
        self._time = 0
        self._request_id = ""
        self._sender = ""

    async def add(self, batch: Batch, placing: Placing) -> None:
        self._time, self._request_id, self._sender = batch.time, batch.request_id, batch.sender
        target = await self._router.buses.find(batch.scope, batch.bus)
        onward = self._placing_no_further if batch.forwarded else placing
        await self._events(target, batch.events, batch.trace, onward, batch.audience)
        noted = published(batch) if batch.trace else None
        if noted is not None:
            self._sending.changes.append(noted)

    async def forward(self, matched: Matched, scope: Scope, bus: str, event: Event) -> bool:
        target = await self._router.buses.find(scope, bus)
        caller = caller_for_rule(matched.scope.account, matched.rule_arn, matched.target.get("RoleArn"))
        if not target.exists:
            return False
        if not target.is_open_to(caller) and not await aside(
            len(event.text), _may_put, target, caller, event
        ):
            return False
        await self._events(target, [event], matched.trace, self._placing_no_further)
        return True

    async def _events(
        self,
        on: Bus,
        events: Sequence[Event],
        trace: str,
        placing: Placing,
        audience: Audience | None = None,
    ) -> None:
        scope, bus = on.scope, await self._router.bus_of(on)
        match, targets = bus.match_for(audience), bus.targets
        if bus.archives and audience is None:
            self._sending.changes += bus.archives.entries(scope, events)
        lines = self._history.lines(scope, bus.history)
        told = self._log(on)
        for event in events:
            text = event.text
            placed: list[bytes] = []
            # Rules may change while something is waited for below; this event goes by those of now.
            if len(text) <= LONG_TEXT:
                matched = [targets[rule] for rule in match(text)]
            else:
                matched = await self._match_long(bus, match, text)
            ids: Mapping[_Target, str] = {}
            # An event of AWS's own (nobody sent it, and it is for all) is logged only where a rule matches it.
            if told is not None and (matched or self._sender or audience is not None):
                ids = self._announce(told, event, matched)
            for of_rule in matched:
                for target in of_rule:
                    plain = None if trace else self._opened(scope, target, placing)
                    done = None if plain is None else plain.put(text)
                    if done is None:
                        done = await self._place(scope, bus, event, target, trace, placing, ids)
                    if done is None:
                        placed.append(target.placed.queued)
                    else:
                        if audience is None:
                            placed.append(target.placed.with_name(done))
                        else:  # a replayed event is found by its id, but not in time
                            self._note(self._matched(scope, bus, event, target, trace), Delivered(done))
                        if told is not None:
                            delivery = self._delivery(
                                self._matched(scope, bus, event, target, trace), ids[target]
                            )
                            told.delivered_at_once(delivery, done)
            lines += (text, placed_line(placed))

    async def _match_long(
        self, bus: _Bus, match: Callable[[bytes], Sequence[str]], text: bytes
    ) -> list[list[_Target]]:
        """The targets of the rules that match, and the inputs that these make of the event, found in a thread while the
        bus's rules stand still."""
        async with self._router.steady(bus):
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
        self, told: BusLog, event: Event, matched: Iterable[Sequence[_Target]]
    ) -> dict[_Target, str]:
        """Logs what the event is and which rules it matches; the ids of the invocations that follow, by target."""
        told.accepted(event.id, event.text, self._sender, self._time)
        found: dict[_Target, str] = {}
        for of_rule in matched:
            ids = {target: new_uuid() for target in of_rule}
            targets = [(target.value["Arn"], invocation) for target, invocation in ids.items()]
            told.matched(event.id, of_rule[0].rule_arn, targets, self._time)
            found |= ids
        if not found:
            told.matched_nothing(event.id, self._time)
        return found

    def _opened(self, scope: Scope, target: _Target, placing: Placing) -> PlainSending | None:
        try:
            return self._plain[target]
        except KeyError:
            opened = None
            if target.open_plain is not None:
                opened = target.open_plain(scope, target.value, target.rule_arn, self._time, placing)
            self._plain[target] = opened
            return opened

    async def _place(
        self,
        scope: Scope,
        bus: _Bus,
        event: Event,
        target: _Target,
        trace: str,
        placing: Placing,
        ids: Mapping[_Target, str],
    ) -> str | None:
        """What the target calls the event; None when a delivery was queued instead, if only to fail at a third bus."""
        matched = self._matched(scope, bus, event, target, trace)
        stays = target.is_bus and placing.forward is None
        done = None if target.place is None or stays else await target.place(matched, placing)
        if done is None:
            self._queue(replace(self._delivery(matched, ids.get(target, "")), stays=stays))
        return done

    def _note(self, matched: Matched, outcome: Outcome) -> None:
        entry = outcome_entry(first_delivery(matched), outcome, self._time, None)
        log = outcome_log(matched.bus)
        self._sending.changes.append(Append(matched.scope, log, self._time, entry, matched.event_id))

    def _matched(self, scope: Scope, bus: _Bus, event: Event, target: _Target, trace: str) -> Matched:
        if target.whole:
            given = event.text
        else:
            given = self._inputs.get((target, event.text)) or self._render(target, event.text)
        return Matched(
            scope, bus.name, target.rule, target.rule_arn, event.id, self._time, target.value, given,
            target.whole, trace,
        )  # fmt: skip

    async def finish(self, store: Store) -> None:
        """What was accepted is remembered, in the same commit."""
        self._sending.changes += self._history.entries(self._time)
        for told in self._logs.values():
            self._sending.changes += await told.changes(store, self._time)

    def _render(self, target: _Target, text: bytes) -> bytes:
        ingestion = datetime.fromtimestamp(self._time / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return render_input(
            target.value,
            parse_json(text.decode()),
            rule_arn=target.rule_arn,
            rule_name=target.rule,
            ingestion_time=ingestion,
        ).encode()

    def _delivery(self, matched: Matched, invocation: str) -> Delivery:
        made = first_delivery(matched)
        return replace(made, request_id=self._request_id, invocation_id=invocation) if invocation else made

    def _queue(self, delivery: Delivery) -> None:
        self._sending.changes.append(Enqueue(SYSTEM, QUEUE, encode(delivery), delivery.event_time))


def _may_put(bus: Bus, caller: Caller, event: Event) -> bool:
    parsed = parse_json(event.text.decode())
    return not bus.refusal(caller, parsed["source"], parsed["detail-type"])
