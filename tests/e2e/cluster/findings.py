"""Collects what lies at the targets of a cluster after a test, each queue through another node, and has it checked.

What a node had under way when it died is done again by another one, so the slow targets are waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any

from cluster import platform
from cluster.checker import DEAD_EVERY, FUNCTION_EVERY, Found, FoundStack, every, faults
from cluster.ledger import Ledger
from crash import stack_template
from crash.platform import logged_numbers

from nodes import RunningNode
from waiting import wait_for

_LATE_SECONDS = 90  # less than the lease of a delivery, for which nothing must wait


def check(nodes: list[RunningNode], ledger: Ledger) -> str:
    """Raises AssertionError. Returns what was seen, in one line."""
    found = collect(nodes, ledger)
    wrong = faults(ledger, found)
    assert not wrong, "\n".join(wrong)
    unsaid = [request for request in ledger.requests if not request.acknowledged]
    taken = {number for _, number in found.direct}
    done = sum(request.numbers[0] in taken for request in unsaid)
    return (
        f"{len(ledger.acknowledged)} events acknowledged in {len(ledger.answered)} requests, "
        f"{len(ledger.stacks)} stacks; of {len(unsaid)} requests that were not acknowledged {done} were done; "
        f"{ledger.errors} errors; longest pause {ledger.longest_pause:.2f} s"
    )


def collect(nodes: list[RunningNode], ledger: Ledger) -> Found:
    """Empties the queues."""
    found = Found(direct=platform.drain(nodes[0], platform.DIRECT))
    found.fanned = platform.drain(nodes[-1], platform.FANNED)
    found.ordered = platform.drain(nodes[0], platform.ORDERED)
    taken = {number for _, number in found.direct}  # for the others nobody needs to wait

    def more_dead() -> set[int]:
        found.dead.update(number for _, number in platform.drain(nodes[-1], platform.DEAD))
        return found.dead

    _wait(lambda: every(taken, DEAD_EVERY) <= more_dead())

    def more_runs() -> set[int]:
        found.runs = {number for number in logged_numbers(nodes[0]) if number >= ledger.first}
        return found.runs

    _wait(lambda: every(taken, FUNCTION_EVERY) <= more_runs())
    found.stacks = _stacks(nodes[-1], ledger.stacks)
    return found


def _wait(condition: Callable[[], bool]) -> None:
    """What is not there then is a fault, which the checker tells."""
    with suppress(AssertionError):
        wait_for(condition, _LATE_SECONDS)


def _stacks(node: RunningNode, names: Collection[str]) -> dict[str, FoundStack]:
    """Asked for together: a long run leaves hundreds."""
    statuses: dict[str, str] = {}

    def are_at_rest() -> bool:
        statuses.clear()
        for one in _all(node, "cloudformation", "describe_stacks", "Stacks"):
            statuses[one["StackName"]] = one["StackStatus"]
        return all(statuses.get(name, "") in {"", *stack_template.TERMINAL} for name in names)

    _wait(are_at_rest)
    buses = {one["Name"] for one in _all(node, "events", "list_event_buses", "EventBuses")}
    groups = {one["logGroupName"] for one in _all(node, "logs", "describe_log_groups", "logGroups")}
    events = node.client("events")
    found = {}
    for name in names:
        status = statuses.get(name, "none")
        rules = events.list_rules(EventBusName=name)["Rules"] if name in buses else []
        parts = (name in buses, name in {rule["Name"] for rule in rules}, name in groups)
        found[name] = FoundStack(status if status in {"none", *stack_template.TERMINAL} else "", parts)
    return found


def _all(node: RunningNode, service: str, operation: str, key: str) -> list[dict[str, Any]]:
    """All pages. EventBridge has no paginator, and calls its token otherwise."""
    client, found = node.client(service), []
    asked: dict[str, str] = {}
    while True:
        page = getattr(client, operation)(**asked)
        found += page[key]
        token = next((name for name in ("NextToken", "nextToken") if page.get(name)), None)
        if token is None:
            return found
        asked = {token: page[token]}
