"""Names and reads the records of buses and rules, for the events service, which writes them, and the router."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nightbus.aws.arn import arn
from nightbus.aws.calls import Scope
from nightbus.store.interface import Record, Store

BUS = "events/bus"
RULE = "events/rule"
DEFAULT_BUS = "default"
_OF_CALLS = ("via CloudTrail", '"eventName"', '"eventSource"')
WITH_READS = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
ENABLED = ("ENABLED", WITH_READS)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule with its targets, as PutRule and PutTargets took them."""

    bus: str
    name: str
    pattern: str | None  # the event pattern's JSON text; None where only a schedule triggers the rule
    enabled: bool
    targets: tuple[dict[str, Any], ...]
    takes_reads: bool = False  # gets CloudTrail's events of read-only calls too

    @property
    def names_calls(self) -> bool:
        """Whether the pattern is about CloudTrail's events: it names their type, or what only they have."""
        return self.pattern is not None and any(one in self.pattern for one in _OF_CALLS)

    @classmethod
    def of(cls, record: Record) -> Rule:
        value = record.value
        return cls(
            value["EventBusName"],
            value["Name"],
            value.get("EventPattern"),
            value["State"] in ENABLED,
            tuple(value.get("Targets", ())),
            value["State"] == WITH_READS,
        )


def rule_key(bus: str, name: str = "") -> str:
    """Neither a bus nor a rule has a `|` in its name; without a rule's name, the prefix of all rules of the bus."""
    return f"{bus}|{name}"


def rule_arn(scope: Scope, bus: str, name: str) -> str:
    path = name if bus == DEFAULT_BUS else f"{bus}/{name}"
    return arn("events", scope.region, scope.account, f"rule/{path}")


def bus_arn(scope: Scope, bus: str) -> str:
    return arn("events", scope.region, scope.account, f"event-bus/{bus}")


async def rules_of(store: Store, scope: Scope, bus: str) -> list[Rule]:
    return [Rule.of(record) for record in await store.list(scope, RULE, prefix=rule_key(bus))]


def history_log(bus: str) -> str:
    """The log of what a bus accepted, by event id."""
    return f"bus/{bus}"


def outcome_log(bus: str) -> str:
    """The log of what became of the deliveries of a bus, by event id."""
    return f"delivery/{bus}"
