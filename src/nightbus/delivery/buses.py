"""Reads what PutEvents, the router and the dispatcher need of a bus itself: its policy and its log level."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from nightbus.aws.calls import Caller, Scope
from nightbus.bounded import Seldom
from nightbus.delivery.rules import BUS, DEFAULT_BUS, bus_arn
from nightbus.policies.callers import NO_STATEMENTS, is_denied, refusal, request_by
from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import Policy
from nightbus.policies.request import NO_KEYS, Need, Values
from nightbus.store.interface import Record, Store
from nightbus.store.record_cache import RecordCache

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
    """Without a `level` it has no log, without a `key` none of KMS."""

    scope: Scope
    name: str
    exists: bool
    policy: Policy = NO_STATEMENTS
    level: LogLevel | None = None
    key: str = ""

    @classmethod
    def of(cls, scope: Scope, name: str, record: Record | None) -> Bus:
        if record is None:
            return cls(scope, name, name == DEFAULT_BUS)
        value = record.value
        statements, level = value.get("Statements"), LogLevel.of(value.get("LogConfig"))
        policy = Policy.of_statements(statements, PolicyKind.RESOURCE) if statements else NO_STATEMENTS
        return cls(scope, name, True, policy, level, value.get("KmsKeyIdentifier") or "")

    @property
    def arn(self) -> str:
        return bus_arn(self.scope, self.name)

    def is_open_to(self, caller: Caller) -> bool:
        """Whether nothing has to be asked: the bus is the caller's own, and nobody is denied anything."""
        return not self.policy.denies and caller.account == self.scope.account

    def refusal(
        self, caller: Caller, source: str, detail_type: str, further: Mapping[str, Values] = NO_KEYS
    ) -> str:
        """Why the caller may not put such an event on the bus; "" if it may. Only a Deny closes a bus to its own
        account. `further` are condition keys of the call."""
        keys = {
            **further,
            "events:source": source,
            "events:detail-type": detail_type,
            "events:eventbusinvocation": "true" if ":rule/" in caller.source_arn else "false",
        }
        return self._refusal(caller, "events:PutEvents", self.arn, keys)

    def refusal_on_rule(self, caller: Caller, action: str, rule: str, values: Mapping[str, Values]) -> str:
        """Why the caller may not do `action` with the rule of the ARN `rule`; "" if it may."""
        return "" if self.is_open_to(caller) else self._refusal(caller, f"events:{action}", rule, values)

    def _refusal(self, caller: Caller, action: str, resource: str, keys: Mapping[str, Values]) -> str:
        """EventBridge puts events in the name of its rule's account, which a bus's policy may name as well."""
        request = request_by(caller, action, resource, keys)
        if not caller.arn:
            request = replace(request, account=caller.account)
            if caller.account == self.scope.account and not is_denied(self.policy, request, caller.account):
                return ""
        return refusal(self.policy, request, self.scope.account)


class Buses:
    """The buses of all accounts and regions."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._buses = RecordCache(
            store, _MOST_KNOWN, [BUS], lambda record: (record.scope, record.key), self._load
        )
        self.unknown: Seldom[tuple[Scope, str]] = Seldom(_SAID_AGAIN_MS, _MOST_SAID)

    async def find(self, scope: Scope, name: str) -> Bus:
        """A bus that does not exist says so."""
        return await self._buses.find((scope, name)) or Bus(scope, name, exists=False)

    async def _load(self, address: tuple[Scope, str]) -> Bus | None:
        scope, name = address
        bus = Bus.of(scope, name, await self._store.get(scope, BUS, name))
        return bus if bus.exists else None

    def in_memory(self) -> dict[str, int]:
        return {"buses": len(self._buses)}


def put_events_need(bus: str, source: str, detail_type: str) -> Need:
    """Return what a rule's role needs to send an event to another bus, by the bus's ARN."""
    keys = {"events:source": source, "events:detail-type": detail_type, "events:eventbusinvocation": "true"}
    return Need("events:PutEvents", bus, keys)


def caller_for_rule(account: str, rule_arn: str, role: str | None) -> Caller:
    """EventBridge acting for a rule, by the target's role where it has one."""
    if role:
        return Caller.in_role(role, hashlib.sha256(rule_arn.encode()).hexdigest()[:32], SERVICE, rule_arn)
    return Caller.for_service(account, SERVICE, rule_arn)
