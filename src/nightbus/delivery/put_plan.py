"""Plans what one put changes: the matched rules of each event, what their targets get, and the events' history.

Everything is collected for one commit. Nothing here is written; `nightbus.delivery.router` commits it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from nightbus.aws.calls import Caller, Scope
from nightbus.aws.ids import new_uuid
from nightbus.aws.threads import LONG_TEXT, aside
from nightbus.bus.json_text import parse_json
from nightbus.bus.transform import render_input
from nightbus.delivery.bus_log import BusLog
from nightbus.delivery.bus_rules import BusRules, RuleTarget
from nightbus.delivery.buses import Bus, Buses, caller_for_rule
from nightbus.delivery.causes import published
from nightbus.delivery.history import HistoryWriter, placed_line
from nightbus.delivery.interface import Audience, Batch, Delivered, Delivery, Event, Matched, Outcome, Placing
from nightbus.delivery.rule_cache import RuleCache
from nightbus.delivery.rules import outcome_log
from nightbus.delivery.work import QUEUE, encode, first_delivery, outcome_entry
from nightbus.messaging.sending import PlainSending
from nightbus.store.interface import SYSTEM, Append, Enqueue, Store


class PutPlan:
    """The changes of one put: `add` each batch, then `finish`."""

    def __init__(self, buses: Buses, rules: RuleCache, placing_no_further: Placing) -> None:
        """`placing_no_further` must not refer to this plan: without a reference cycle, the garbage collector has
        nothing to do for a put."""
        self._buses = buses
        self._rules = rules
        self._sending = placing_no_further.sending
        self._placing_no_further = placing_no_further
        self._history = HistoryWriter()
        self._plain: dict[RuleTarget, PlainSending | None] = {}  # a queue that is not known at first stays so
        self._logs: dict[tuple[Scope, str], BusLog] = {}
        self._inputs: dict[tuple[RuleTarget, bytes], bytes] = {}  # of long events, made in a thread
        self._time = 0
        self._request_id = ""
        self._sender = ""

    async def add(self, batch: Batch, placing: Placing) -> None:
        self._time, self._request_id, self._sender = batch.time, batch.request_id, batch.sender
        target = await self._buses.find(batch.scope, batch.bus)
        onward = self._placing_no_further if batch.forwarded else placing
        await self._events(target, batch.events, batch.trace, onward, batch.audience)
        cause = published(batch) if batch.trace else None
        if cause is not None:
            self._sending.changes.append(cause)

    async def forward(self, matched: Matched, scope: Scope, bus: str, event: Event) -> bool:
        target = await self._buses.find(scope, bus)
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
        scope, bus = on.scope, await self._rules.bus_of(on)
        match, targets = bus.match_for(audience), bus.targets
        if bus.archives and audience is None:
            self._sending.changes += bus.archives.entries(scope, events)
        lines = self._history.lines(scope, bus.history)
        bus_log = self._log(on)
        for event in events:
            text = event.text
            placed: list[bytes] = []
            # Rules may change while something is waited for below; this event goes by those of now.
            if len(text) <= LONG_TEXT:
                matched = [targets[rule] for rule in match(text)]
            else:
                matched = await self._match_long(bus, match, text)
            ids: Mapping[RuleTarget, str] = {}
            # An event of AWS's own (nobody sent it, and it is for all) is logged only where a rule matches it.
            if bus_log is not None and (matched or self._sender or audience is not None):
                ids = self._announce(bus_log, event, matched)
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
                        if bus_log is not None:
                            delivery = self._delivery(
                                self._matched(scope, bus, event, target, trace), ids[target]
                            )
                            bus_log.delivered_at_once(delivery, done)
            lines += (text, placed_line(placed))

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

    def _opened(self, scope: Scope, target: RuleTarget, placing: Placing) -> PlainSending | None:
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
        bus: BusRules,
        event: Event,
        target: RuleTarget,
        trace: str,
        placing: Placing,
        ids: Mapping[RuleTarget, str],
    ) -> str | None:
        """The id that the target gave the event, or None when a delivery was queued instead.

        A third bus in a row is not reached: its delivery is queued, and fails."""
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

    def _matched(self, scope: Scope, bus: BusRules, event: Event, target: RuleTarget, trace: str) -> Matched:
        if target.whole:
            given = event.text
        else:
            given = self._inputs.get((target, event.text)) or self._render(target, event.text)
        return Matched(
            scope, bus.name, target.rule, target.rule_arn, event.id, self._time, target.value, given,
            target.whole, trace,
        )  # fmt: skip

    async def finish(self, store: Store) -> None:
        """Adds the history and the buses' logs to the commit."""
        self._sending.changes += self._history.entries(self._time)
        for bus_log in self._logs.values():
            self._sending.changes += await bus_log.changes(store, self._time)

    def _render(self, target: RuleTarget, text: bytes) -> bytes:
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
