"""Keeps the rules of the buses that were used last, so that a bus's rules are read from the store once."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from nightbus.aws.calls import Scope
from nightbus.bounded import Bounded, Locks
from nightbus.delivery.archives import archives_of
from nightbus.delivery.bus_rules import BusRules
from nightbus.delivery.buses import Bus
from nightbus.delivery.rules import RULE, Rule, rule_key, rules_of
from nightbus.store.interface import Store

_MOST_BUSES = 4096


class RuleCache:
    """Whoever changes a rule, an archive or a bus says so by `rule_changed`, `archives_changed` or `bus_changed`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rules: Bounded[tuple[Scope, str], BusRules] = Bounded(_MOST_BUSES)
        self._locks: Locks[tuple[Scope, str]] = Locks()

    def steady(self, bus: BusRules) -> AbstractAsyncContextManager[None]:
        """While a thread reads the rules of the bus, hold this: no rule is put or deleted meanwhile."""
        return self._locks.holding((bus.scope, bus.name))

    async def bus(self, scope: Scope, name: str) -> BusRules:
        return self._rules.get((scope, name)) or await self._load(scope, name)

    async def bus_of(self, bus: Bus) -> BusRules:
        """A bus that does not exist has no rules, and is not kept."""
        return await self.bus(bus.scope, bus.name) if bus.exists else BusRules(bus.scope, bus.name)

    def bus_changed(self, scope: Scope, name: str) -> None:
        self._rules.pop((scope, name), None)

    async def rule_changed(self, scope: Scope, bus: str, name: str) -> None:
        key = (scope, bus)
        async with self._locks.holding(key):
            if key in self._rules:  # else its rules are read with its first event
                record = await self._store.get(scope, RULE, rule_key(bus, name))
                self._rules[key].take_rule(name, None if record is None else Rule.of(record))

    async def archives_changed(self, scope: Scope, bus: str) -> None:
        await self._load(scope, bus)

    async def _load(self, scope: Scope, name: str) -> BusRules:
        key = (scope, name)
        async with self._locks.holding(key):
            rules = await rules_of(self._store, scope, name)
            archives = await archives_of(self._store, scope, name)
            bus = self._rules.get(key) or BusRules(scope, name)
            self._rules[key] = bus  # complete before anybody else runs: no wait from here on
            bus.archives.take(archives)
            bus.take(rules)
            return bus

    def in_memory(self) -> dict[str, int]:
        return {"rules of buses": len(self._rules), "buses being read": len(self._locks)}
