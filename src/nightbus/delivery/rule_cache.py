"""Keeps the rules and archives of the buses that were used last, so that they are read from the store once.

The store's feed says which rules and archives changed. They are only marked then, and read before the bus is matched
the next time: a listener must not wait, and a thread may be reading the rules at that moment.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from nightbus.aws.calls import Scope
from nightbus.bounded import Bounded, Locks
from nightbus.counters import RuleCounts
from nightbus.delivery.archives import ARCHIVE, archives_of
from nightbus.delivery.bus_rules import BusRules
from nightbus.delivery.buses import Bus
from nightbus.delivery.rules import BUS, RULE, Rule, rule_key, rules_of
from nightbus.store.interface import Store, Touched

_MOST_BUSES = 4096
_MOST_READ_ALONE = 16  # changed rules of a bus; beyond that all of them are read at once


class RuleCache:
    """The rules of all accounts and regions, by bus."""

    def __init__(self, store: Store, counts: RuleCounts | None = None) -> None:
        self._store = store
        self._counts = counts or RuleCounts()
        self._rules: Bounded[tuple[Scope, str], BusRules] = Bounded(_MOST_BUSES)
        self._locks: Locks[tuple[Scope, str]] = Locks()
        store.watch(self._touched, [BUS, RULE, ARCHIVE])

    def steady(self, bus: BusRules) -> AbstractAsyncContextManager[None]:
        """While a thread reads the rules of the bus, hold this: none is added or removed meanwhile."""
        return self._locks.holding((bus.scope, bus.name))

    async def bus(self, scope: Scope, name: str) -> BusRules:
        """The bus's rules as they are now."""
        rules = self._rules.get((scope, name))
        return rules if rules is not None and not rules.outdated else await self._read(scope, name)

    async def bus_of(self, bus: Bus) -> BusRules:
        """A bus that does not exist has no rules, and is not kept."""
        return await self.bus(bus.scope, bus.name) if bus.exists else BusRules(bus.scope, bus.name)

    def _touched(self, touched: Touched | None) -> None:
        if touched is None:
            self._rules.clear()
            return
        for scope, kind, key in touched.records:
            if kind == BUS:
                self._rules.pop((scope, key), None)
            elif kind == RULE:
                bus, _, rule = key.partition("|")
                bus_rules = self._rules.get((scope, bus))
                if bus_rules is not None:
                    bus_rules.outdated_rules.add(rule)
            else:  # which bus the archive is of is in its record, which may be gone
                for bus_rules in self._rules.values():
                    bus_rules.archives_outdated |= bus_rules.scope == scope

    async def _read(self, scope: Scope, name: str) -> BusRules:
        key = (scope, name)
        async with self._locks.holding(key):
            bus = self._rules.get(key)
            if bus is None:
                bus = BusRules(scope, name, self._counts)
                bus.everything_is_outdated()
                self._rules[key] = bus  # so that the feed finds it from here on
            if bus.outdated:
                await self._bring_up_to_date(bus)
            return bus

    async def _bring_up_to_date(self, bus: BusRules) -> None:
        """Reads what was marked until now. What is marked meanwhile is for the next caller: nobody who came before
        was answered yet."""
        whole, bus.whole_outdated = bus.whole_outdated, False
        archives, bus.archives_outdated = bus.archives_outdated, False
        names, bus.outdated_rules = bus.outdated_rules, set()
        bus.being_read = True  # whoever comes meanwhile waits for it
        try:
            found_archives = await archives_of(self._store, bus.scope, bus.name) if archives else None
            if whole or len(names) > _MOST_READ_ALONE:
                bus.take(await rules_of(self._store, bus.scope, bus.name))
            else:
                for rule in names:
                    record = await self._store.get(bus.scope, RULE, rule_key(bus.name, rule))
                    bus.take_rule(rule, None if record is None else Rule.of(record))
        except BaseException:
            bus.whole_outdated |= whole
            bus.archives_outdated |= archives
            bus.outdated_rules |= names
            raise
        finally:
            bus.being_read = False
        if found_archives is not None:
            bus.archives.take(found_archives)

    def in_memory(self) -> dict[str, int]:
        return {"rules of buses": len(self._rules), "buses being read": len(self._locks)}
