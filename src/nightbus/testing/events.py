"""Puts events, and asserts what became of them. An assertion that fails says why, by the explanation of the events."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nightbus.testing.names import require_bus, require_rule

if TYPE_CHECKING:
    from nightbus.testing.interface import Account
    from nightbus.testing.traces import Trace

_MOST_EXPLAINED = 5
_UNFINISHED = ("", "under way", "will be tried again")
EventChoice = str | Mapping[str, Any]


class Events:
    """The events of an account. `event` chooses some of them: by an id, or by a dict whose members they have (nested
    ones by the members that are given); None, the default: any.
    """

    def __init__(self, account: Account) -> None:
        self._account = account

    def put(
        self,
        source: str,
        detail_type: str,
        detail: Mapping[str, Any],
        *,
        bus: str = "default",
        resources: list[str] | None = None,
    ) -> str:
        """Put an event, and return its id. Raises UnknownName where there is no such bus, AssertionError where it
        refuses the event."""
        entry = {
            "Source": source,
            "DetailType": detail_type,
            "Detail": json.dumps(detail),
            "EventBusName": bus,
            "Resources": resources or [],
        }
        require_bus(self._account, bus)
        (result,) = self._account.client("events").put_events(Entries=[entry])["Entries"]
        assert "EventId" in result, f"the bus refused the event: {result}"
        return str(result["EventId"])

    def all(self, event: EventChoice | None = None) -> list[dict[str, Any]]:
        """Return the envelopes of the chosen events, of all buses, in the order in which they were accepted."""
        body = {"account": self._account.account, "region": self._account.region}
        accepted = self._account.node.post("testing/events", body)["events"]
        return [one for one in accepted if _is_chosen(one, event)]

    def assert_matched(self, *, rule: str, event: EventChoice | None = None) -> list[dict[str, Any]]:
        """Fail unless the rule (a name or a logical id) matched a chosen event; return the events that it matched."""
        __tracebackhide__ = True  # for pytest
        name, chosen = self._rule(rule), self.all(event)
        explained = [self._explained(one) for one in chosen]
        self._require_rule(name, explained)
        matched = [one for one, verdict in zip(chosen, explained, strict=True) if _did_match(verdict, name)]
        if not matched:
            raise AssertionError(f"rule {rule} matched {_none_of(chosen, event)}\n{_texts(explained)}")
        return matched

    def assert_not_matched(self, *, rule: str, event: EventChoice | None = None) -> None:
        """Fail where the rule matched a chosen event."""
        __tracebackhide__ = True  # for pytest
        name = self._rule(rule)
        explained = [self._explained(one) for one in self.all(event)]
        self._require_rule(name, explained)
        matched = [one for one in explained if _did_match(one, name)]
        if matched:
            raise AssertionError(f"rule {rule} matched {_count(matched)}\n{_texts(matched)}")

    def assert_delivered(
        self, *, target: str, event: EventChoice | None = None, times: int | None = None
    ) -> list[dict[str, Any]]:
        """Fail unless a chosen event, or what followed from it, got to the target (an ARN, a logical id, a function's
        name); return the events that did. A function has it when a run has succeeded.

        `times`: so many events exactly; by default at least one.
        """
        __tracebackhide__ = True  # for pytest
        arn, chosen = self._account.arn_of(target), self.all(event)
        traces = [self._account.trace(one["id"]) for one in chosen]
        got = [trace.event for trace in traces if _got(trace, arn)]
        if len(got) != times if times is not None else not got:
            wanted = "" if times is None else f", not to {times}"
            shown = "\n".join(map(str, traces[-_MOST_EXPLAINED:]))
            explained = _texts([self._explained(one) for one in chosen])
            said = _none_of(chosen, event) if not got else f"{len(got)} of {_count(chosen)}"
            raise AssertionError(f"{target} got {said}{wanted}{_unfinished(traces)}\n{explained}\n{shown}")
        return got

    def assert_not_delivered(self, *, target: str, event: EventChoice | None = None) -> None:
        """Fail where a chosen event, or what followed from it, got to the target."""
        __tracebackhide__ = True  # for pytest
        arn = self._account.arn_of(target)
        traces = [self._account.trace(one["id"]) for one in self.all(event)]
        got = [trace for trace in traces if _got(trace, arn)]
        if got:
            raise AssertionError(f"{target} got {_count(got)}\n" + "\n".join(map(str, got)))

    def explain(self, event_id: str) -> str:
        """Return which rules matched the event, and why the others did not."""
        from nightbus.cli.commands.explain import explanation_text

        return explanation_text(self._explanation(event_id))

    def _rule(self, name: str) -> str:
        resource = self._account.resource(name)
        if resource is None or resource.type_name != "AWS::Events::Rule":
            return name
        return resource.physical_id.rpartition("|")[2]

    def _require_rule(self, name: str, explained: list[dict[str, Any]]) -> None:
        """A rule that was deleted since is still in the explanations."""
        if not any(one["rule"] == name for verdict in explained for one in verdict["rules"]):
            require_rule(self._account, name)

    def _explained(self, event: Mapping[str, Any]) -> dict[str, Any]:
        return self._explanation(str(event["id"]))

    def _explanation(self, event_id: str) -> dict[str, Any]:
        account = self._account
        query = {"event": event_id, "account": account.account, "region": account.region}
        explained: dict[str, Any] = account.node.get("explain", query)
        return explained


def _count(some: Sequence[object]) -> str:
    return f"{len(some)} event{'' if len(some) == 1 else 's'}"


def _unfinished(traces: list[Trace]) -> str:
    states = {state for trace in traces for _, state in trace.reached()}
    if states.isdisjoint(_UNFINISHED):
        return ""
    return ": not all has ended, settle() waits for what is due now, clock.advance() for what is due later"


def _got(trace: Trace, arn: str) -> bool:
    """A function that is a rule's target is `delivered` when its invocation is queued: its runs decide."""
    wanted = ("succeeded",) if ":lambda:" in arn else ("delivered", "succeeded")
    return any(one.startswith(arn) and state in wanted for one, state in trace.reached())


def _did_match(explained: Mapping[str, Any], rule: str) -> bool:
    return any(one["rule"] == rule and one["matched"] for one in explained["rules"])


def _none_of(chosen: list[dict[str, Any]], event: EventChoice | None) -> str:
    if not chosen:
        which = "" if event is None else f" like {event if isinstance(event, str) else json.dumps(event)}"
        return f"nothing: the account has no event{which}"
    return f"none of {_count(chosen)}"


def _texts(explained: list[dict[str, Any]]) -> str:
    from nightbus.cli.commands.explain import explanation_text

    hidden = len(explained) - _MOST_EXPLAINED
    lines = [explanation_text(one) for one in explained[-_MOST_EXPLAINED:]]
    return "\n".join([*([f"(and {hidden} earlier events)"] if hidden > 0 else []), *lines])


def _is_chosen(event: Mapping[str, Any], choice: EventChoice | None) -> bool:
    if choice is None:
        return True
    return event["id"] == choice if isinstance(choice, str) else _has(event, choice)


def _has(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(value, Mapping) and all(
            key in value and _has(value[key], one) for key, one in wanted.items()
        )
    return bool(value == wanted)
