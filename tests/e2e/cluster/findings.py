"""Collects what lies at the targets of a cluster after a test, each queue through another node, and has it checked.

What a node had under way when it died is done again by another one, so the slow targets are waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from botocore.exceptions import ClientError
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
    found.stacks = {name: _stack(nodes[-1], name) for name in ledger.stacks}
    return found


def _wait(condition: Callable[[], bool]) -> None:
    """What is not there then is a fault, which the checker tells."""
    with suppress(AssertionError):
        wait_for(condition, _LATE_SECONDS)


def _stack(node: RunningNode, name: str) -> FoundStack:
    formation = node.client("cloudformation")

    def at_rest() -> str:
        try:
            status = str(formation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
        except ClientError as error:
            assert "does not exist" in str(error), error
            return "none"
        return status if status in stack_template.TERMINAL else ""

    status = ""
    with suppress(AssertionError):
        status = wait_for(at_rest, _LATE_SECONDS)
    return FoundStack(status, tuple(stack_template.parts_of(node, name)))
