"""Holds one bus's rules and archives, parsed and indexed, so that an event is matched without the store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.bus.errors import InvalidPattern
from nightbus.bus.index.rule_index import RuleIndex
from nightbus.bus.patterns import parse_pattern
from nightbus.bus.transform import CHOICES
from nightbus.counters import RuleCount, RuleCounts
from nightbus.delivery.archives import BusArchives
from nightbus.delivery.history import TargetNote
from nightbus.delivery.interface import Audience, DeliverInline, OpenAppender
from nightbus.delivery.rules import Rule, history_log, rule_arn
from nightbus.delivery.targets import inline_delivery_of, kind_of, open_appender_of

log = logging.getLogger("nightbus.delivery")


@dataclass(frozen=True, slots=True, eq=False)
class RuleTarget:
    """One target of one rule. `whole`: the target gets the event as it is.

    `open_appender` and `deliver_inline` put the event into a target of this store, in the event's own commit:
    `open_appender` without waiting, for whole events only. None where the target is elsewhere.
    """

    rule: str
    rule_arn: str
    value: dict[str, Any]
    whole: bool
    open_appender: OpenAppender | None
    deliver_inline: DeliverInline | None
    note: TargetNote
    is_bus: bool
    kind: str  # of the target, for counters
    count: RuleCount  # of its rule


class BusRules:
    """One bus's rules and archives, ready to match."""

    def __init__(self, scope: Scope, name: str, counts: RuleCounts | None = None) -> None:
        self._counts = counts or RuleCounts()
        self.scope = scope
        self.name = name
        self.history = history_log(name)
        self.index = RuleIndex()
        self.archives = BusArchives()
        self.targets: dict[str, list[RuleTarget]] = {}
        self.taking_reads: set[str] = set()  # rules that get CloudTrail's events of read-only calls too
        self.naming_calls: set[str] = set()  # rules that are about CloudTrail's events
        self._indexed: dict[str, str] = {}  # rule → the pattern it is indexed by
        # What changed in the store since it was read:
        self.outdated_rules: set[str] = set()
        self.archives_outdated = False
        self.whole_outdated = False
        self.being_read = False

    @property
    def outdated(self) -> bool:
        """Whether something changed in the store that was not read yet, or is being read at this moment."""
        return bool(self.outdated_rules) or self.archives_outdated or self.whole_outdated or self.being_read

    def everything_is_outdated(self) -> None:
        self.archives_outdated = self.whole_outdated = True

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
        self._sort_for_calls(name, rule)
        matching = rule is not None and rule.enabled and bool(rule.targets)
        pattern = rule.pattern if rule is not None and matching else None
        if self._indexed.get(name) == pattern:
            return
        if name in self._indexed:
            self.index.remove(name)
            del self._indexed[name]
        if pattern is not None:
            self._add(name, pattern)

    def _sort_for_calls(self, name: str, rule: Rule | None) -> None:
        for names, belongs in (
            (self.taking_reads, rule is not None and rule.takes_reads),
            (self.naming_calls, rule is not None and rule.names_calls),
        ):
            if belongs:
                names.add(name)
            else:
                names.discard(name)

    def match_for(self, audience: Audience | None) -> Callable[[bytes], Sequence[str]]:
        """A function from an event's JSON to the names of the rules that match. A replay may be for some rules only."""
        match = self.index.match_json
        if audience is None:
            return match
        if audience.by_pattern:
            return lambda text: [name for name in match(text) if name in audience.rules]
        return lambda text: [name for name in audience.rules if self.targets.get(name)]

    def _targets(self, rule: Rule) -> list[RuleTarget]:
        arn = rule_arn(self.scope, rule.bus, rule.name)
        count = self._counts.of(arn)
        return [_rule_target(rule.name, arn, target, count) for target in rule.targets]

    def _add(self, name: str, pattern: str) -> None:
        try:
            self.index.add(name, parse_pattern(pattern))
        except InvalidPattern:
            log.exception("rule %s is kept with a pattern that cannot be read; it matches nothing", name)
            return
        self._indexed[name] = pattern


def _rule_target(rule: str, arn: str, value: dict[str, Any], count: RuleCount) -> RuleTarget:
    whole = all(value.get(choice) is None for choice in CHOICES)
    return RuleTarget(
        rule,
        arn,
        value,
        whole,
        open_appender_of(value["Arn"]) if whole else None,
        inline_delivery_of(value["Arn"]),
        TargetNote(rule, value),
        ":event-bus/" in value["Arn"],
        kind_of(value),
        count,
    )
