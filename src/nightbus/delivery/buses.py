"""What must PutEvents, the router and the dispatcher know of a bus itself? Read once, until somebody changes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nightbus.aws.calls import Caller, Scope
from nightbus.aws.resource_policy import Request, Statement, Values, refusal
from nightbus.bounded import Bounded, Seldom
from nightbus.delivery.rules import BUS, DEFAULT_BUS, bus_arn
from nightbus.store.interface import Record, Store

SERVICE = "events.amazonaws.com"
_MOST_KNOWN = 10_000
_SAID_AGAIN_MS, _MOST_SAID = 60_000, 20  # of events on buses that do not exist


@dataclass(frozen=True, slots=True)
class LogLevel:
    """`LogConfig` of a bus. `full`: records hold the event and what targets got."""

    level: str
    full: bool

    @classmethod
    def of(cls, config: Mapping[str, Any] | None) -> LogLevel | None:
        """None where nothing is logged."""
        level = (config or {}).get("Level", "OFF")
        return None if level == "OFF" else cls(level, (config or {}).get("IncludeDetail") == "FULL")


@dataclass(frozen=True, slots=True)
class Bus:
    """`statements` are its policy; without a `level` it has no log."""

    scope: Scope
    name: str
    exists: bool
    statements: Sequence[Statement] = ()
    level: LogLevel | None = None

    @classmethod
    def of(cls, scope: Scope, name: str, record: Record | None) -> Bus:
        if record is None:
            return cls(scope, name, name == DEFAULT_BUS)
        value = record.value
        return cls(
            scope, name, True, tuple(value.get("Statements") or ()), LogLevel.of(value.get("LogConfig"))
        )

    @property
    def arn(self) -> str:
        return bus_arn(self.scope, self.name)

    def is_open_to(self, caller: Caller) -> bool:
        """Whether nothing has to be asked: the bus is the caller's own, and nobody is denied anything."""
        return not self.statements and caller.account == self.scope.account

    def refusal(self, caller: Caller, source: str, detail_type: str) -> str:
        """Why the caller may not put such an event onto it; "" if he may. His own bus only a Deny closes to him."""
        request = Request(
            principal=caller.service,
            action="events:PutEvents",
            resource=self.arn,
            source_arn=caller.source_arn,
            source_account=caller.account if caller.source_arn else "",
            account=caller.account,
            arn=caller.arn,
            values={
                "events:source": source,
                "events:detail-type": detail_type,
                "events:eventbusinvocation": "true" if caller.source_arn else "false",
            },
        )
        return refusal(self.statements, request, self.scope.account)

    def refusal_on_rule(self, caller: Caller, action: str, rule: str, values: Mapping[str, Values]) -> str:
        """Why the caller may not do that with the rule, given by its ARN; "" if he may."""
        if self.is_open_to(caller):
            return ""
        request = Request(
            principal=caller.service,
            action=f"events:{action}",
            resource=rule,
            account=caller.account,
            arn=caller.arn,
            values=values,
        )
        return refusal(self.statements, request, self.scope.account)


class Buses:
    """The buses of all accounts and regions; whoever changes a bus's record says so by `changed`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: Bounded[tuple[Scope, str], Bus] = Bounded(_MOST_KNOWN)
        self._changes = 0
        self.unknown: Seldom[tuple[Scope, str]] = Seldom(_SAID_AGAIN_MS, _MOST_SAID)
        self.on_change: Callable[[Scope, str], None] = lambda scope, name: None

    async def find(self, scope: Scope, name: str) -> Bus:
        bus = self._known.get((scope, name))
        if bus is None:
            before = self._changes
            bus = Bus.of(scope, name, await self._store.get(scope, BUS, name))
            if bus.exists and self._changes == before:  # else what was read may be old already
                self._known[scope, name] = bus
        return bus

    def changed(self, scope: Scope, name: str) -> None:
        self._changes += 1
        self._known.pop((scope, name), None)
        self.on_change(scope, name)

    def in_memory(self) -> dict[str, int]:
        return {"buses": len(self._known)}


def caller_for_rule(account: str, rule_arn: str, role: str | None) -> Caller:
    """EventBridge acting for a rule, by the target's role where it has one."""
    if role:
        return Caller(account, role, "", source_arn=rule_arn)
    return Caller.for_service(account, SERVICE, rule_arn)
