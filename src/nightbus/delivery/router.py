"""Where does an event go? It is matched against its bus's rules, and the event and what it matched become one commit.

Each bus's rules are read once and held parsed; `rules_changed` reads them again, parsing only what is new.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.bus.errors import InvalidPattern
from nightbus.bus.index import RuleIndex
from nightbus.bus.json_text import write_json
from nightbus.bus.patterns import parse_pattern
from nightbus.bus.transform import render_input
from nightbus.clock import Clock
from nightbus.delivery.explaining import explain_event
from nightbus.delivery.interface import Delivery
from nightbus.delivery.rules import Rule, history_log, rule_arn, rules_of
from nightbus.delivery.work import QUEUE, encode
from nightbus.store.interface import SYSTEM, Append, Change, Enqueue, Store

log = logging.getLogger("nightbus.delivery")


class _Bus:
    """One bus's rules, ready to match."""

    def __init__(self) -> None:
        self.index = RuleIndex()
        self.rules: dict[str, Rule] = {}
        self._indexed: dict[str, str] = {}  # rule → the pattern it is indexed by

    def take(self, rules: Sequence[Rule]) -> None:
        self.rules = {rule.name: rule for rule in rules}
        wanted = {rule.name: rule.pattern for rule in rules if rule.enabled and rule.targets}
        for name in [name for name, pattern in self._indexed.items() if wanted.get(name) != pattern]:
            self.index.remove(name)
            del self._indexed[name]
        for name, pattern in wanted.items():
            if name not in self._indexed:
                self._add(name, pattern)

    def _add(self, name: str, pattern: str) -> None:
        try:
            self.index.add(name, parse_pattern(pattern))
        except InvalidPattern:
            log.exception("rule %s is kept with a pattern that cannot be read; it matches nothing", name)
            return
        self._indexed[name] = pattern


class Router:
    """Implements `nightbus.delivery.interface.EventRouter`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._buses: dict[tuple[Scope, str], _Bus] = {}
        self._locks: dict[tuple[Scope, str], asyncio.Lock] = {}

    async def put(self, scope: Scope, bus: str, events: Sequence[dict[str, Any]], trace: str = "") -> None:
        state = self._buses.get((scope, bus)) or await self._load(scope, bus)
        now = self._clock.now_ms()
        changes: list[Change] = []
        for event in events:
            changes.append(Append(scope, history_log(bus), now, write_json(event).encode(), event["id"]))
            for name in state.index.match(event):
                changes += self._deliveries(scope, state.rules[name], event, now, trace)
        await self._store.commit(*changes)

    def _deliveries(
        self, scope: Scope, rule: Rule, event: dict[str, Any], now: int, trace: str
    ) -> list[Change]:
        arn = rule_arn(scope, rule.bus, rule.name)
        ingestion = datetime.fromtimestamp(now / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        found: list[Change] = []
        for target in rule.targets:
            text = render_input(target, event, rule_arn=arn, rule_name=rule.name, ingestion_time=ingestion)
            delivery = Delivery(
                scope, rule.bus, rule.name, arn, event["id"], now, target, text.encode(), 1, trace
            )
            found.append(Enqueue(SYSTEM, QUEUE, encode(delivery), now))
        return found

    async def rules_changed(self, scope: Scope, bus: str) -> None:
        await self._load(scope, bus)

    async def _load(self, scope: Scope, bus: str) -> _Bus:
        key = (scope, bus)
        async with self._locks.setdefault(key, asyncio.Lock()):
            rules = await rules_of(self._store, scope, bus)
            state = self._buses.setdefault(key, _Bus())
            state.take(rules)
            return state

    async def explain(self, scope: Scope, event_id: str, rule: str | None = None) -> dict[str, Any]:
        return await explain_event(self._store, scope, event_id, rule)
