"""Is everything that was acknowledged where it belongs, once where it must be, whole, in order?

Compares what the clients were told (`Ledger`) with what was found at the targets afterwards (`Found`), and talks to no
node: `findings` collects what is compared. `tests/unit/core/test_cluster_checker.py` plants each fault that this finds.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from cluster.ledger import Ledger, ids_by_number

FANNED_EVERY, FUNCTION_EVERY, ORDERED_EVERY, DEAD_EVERY = 4, 25, 2, 7  # which numbers go there too
_MOST_SHOWN = 20


@dataclass(frozen=True)
class FoundStack:
    """`status` is the one at rest, "" where it does not come to rest, "none" where there is no such stack. `parts` says
    of each resource whether it is there."""

    status: str
    parts: tuple[bool, ...]


@dataclass
class Found:
    """What was at the targets when the clients had ended. Messages are (id, number), each as often as it was there.

    `ordered` is in the order in which it was received; `runs` are the numbers that the function has logged.
    """

    direct: list[tuple[str, int]] = field(default_factory=list)
    fanned: list[tuple[str, int]] = field(default_factory=list)
    ordered: list[tuple[str, int]] = field(default_factory=list)
    dead: set[int] = field(default_factory=set)
    runs: set[int] = field(default_factory=set)
    stacks: dict[str, FoundStack] = field(default_factory=dict)


def every(numbers: set[int], nth: int) -> set[int]:
    return {number for number in numbers if number % nth == 0}


def faults(ledger: Ledger, found: Found) -> list[str]:
    """One line for each thing that is wrong; none where all is well."""
    return [*_of_direct(ledger, found), *_of_other_targets(ledger, found), *_of_order(ledger, found),
            *_of_messages(ledger, found), *_of_stacks(ledger, found)]  # fmt: skip


def _of_direct(ledger: Ledger, found: Found) -> Iterator[str]:
    """The rule of this queue matches every event: what is here was taken."""
    wanted, taken = ledger.acknowledged, _numbers(found.direct)
    if not wanted:
        yield "nothing was acknowledged"
    yield from _lost("direct", wanted, taken)
    yield from _invented("direct", taken, ledger.asked)
    for request in ledger.requests:
        if len(taken.intersection(request.numbers)) not in (0, len(request.numbers)):
            yield f"a request was taken in part: {request}"


def _of_other_targets(ledger: Ledger, found: Found) -> Iterator[str]:
    """What was taken is at each target that its rules name, whether it was acknowledged or not."""
    taken = _numbers(found.direct) | ledger.acknowledged
    there = {
        "fanned": (_numbers(ledger.fanned + found.fanned), FANNED_EVERY),
        "ordered": (_numbers(ledger.ordered + found.ordered), ORDERED_EVERY),
        "dead": (found.dead, DEAD_EVERY),
        "function": (found.runs, FUNCTION_EVERY),
    }
    for target, (numbers, nth) in there.items():
        yield from _lost(target, every(taken, nth), numbers)
        yield from _invented(target, numbers, every(taken, nth))


def _of_order(ledger: Ledger, found: Found) -> Iterator[str]:
    """The events of one sender come in the order in which it sent them."""
    came = list(dict.fromkeys(number for _, number in [*ledger.ordered, *found.ordered]))
    senders = {
        number: request.sender
        for request in ledger.requests
        if request.acknowledged  # an unknown outcome may come to pass after what its sender sent next
        for number in request.numbers
    }
    for sender in sorted(set(senders.values())):
        of_sender = [number for number in came if senders.get(number) == sender]
        for before, after in itertools.pairwise(of_sender):
            if after < before:
                yield f"out of order: {after} came after {before}, both of sender {sender}"


def _of_messages(ledger: Ledger, found: Found) -> Iterator[str]:
    """A message that somebody had received may come again, one with another id may not; nor one that was deleted."""
    if len(found.direct) != len(set(found.direct)):
        yield "direct: a message that nobody had received came twice"
    consumed = {"fanned": ledger.fanned + found.fanned, "ordered": ledger.ordered + found.ordered}
    for queue, messages in {"direct": found.direct, **consumed}.items():
        if twice := {number for number, ids in ids_by_number(messages).items() if len(ids) > 1}:
            yield f"{queue}: these events are there as two messages: {_shown(twice)}"
    left = {message_id for message_id, _ in found.fanned + found.ordered}
    if back := (left & ledger.deleted) | ledger.returned:
        yield f"{len(back)} messages are back after their deletion was acknowledged"


def _of_stacks(ledger: Ledger, found: Found) -> Iterator[str]:
    for name, acknowledged in ledger.stacks.items():
        stack = found.stacks.get(name, FoundStack("none", ()))
        if stack.status == "none" and acknowledged:
            yield f"the stack {name} is lost"
        elif not stack.status:
            yield f"the stack {name} does not come to rest"
        elif set(stack.parts) - {stack.status == "CREATE_COMPLETE"}:
            yield f"the stack {name} is half there: {stack}"


def _numbers(messages: list[tuple[str, int]]) -> set[int]:
    return {number for _, number in messages}


def _lost(target: str, wanted: set[int], there: set[int]) -> Iterator[str]:
    if lost := wanted - there:
        yield f"{target}: lost are {_shown(lost)}"


def _invented(target: str, there: set[int], possible: set[int]) -> Iterator[str]:
    if invented := there - possible:
        yield f"{target}: what was never taken is there: {_shown(invented)}"


def _shown(numbers: set[int]) -> str:
    listed = ", ".join(map(str, sorted(numbers)[:_MOST_SHOWN]))
    return f"{listed} ({len(numbers)} in all)"
