"""The checker of the cluster tests finds each fault that is planted in a history, and nothing in one without fault."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cluster.checker import (
    DEAD_EVERY,
    FANNED_EVERY,
    FUNCTION_EVERY,
    ORDERED_EVERY,
    Found,
    FoundStack,
    every,
    faults,
)
from cluster.ledger import Ledger

FIRST = 101


@pytest.fixture
def history() -> tuple[Ledger, Found]:
    """100 events of two senders, of which the consumers have some, and one request without an answer that was done."""
    ledger = Ledger(FIRST)
    for at in range(25):
        ledger.begin(at % 2, 4).acknowledged = at != 12
    numbers = ledger.asked
    found = Found(direct=[(f"direct-{number}", number) for number in sorted(numbers)])
    fanned = [(f"fanned-{number}", number) for number in sorted(every(numbers, FANNED_EVERY))]
    ordered = [(f"ordered-{number}", number) for number in sorted(every(numbers, ORDERED_EVERY))]
    ledger.received(ledger.fanned, fanned[:10])
    ledger.received(ledger.ordered, ordered[:20])
    ledger.received(ledger.ordered, ordered[15:20])  # whose deletion had no answer
    ledger.deleted = {message_id for message_id, _ in fanned[:10] + ordered[:20]}
    found.fanned, found.ordered = fanned[10:], ordered[20:]
    found.dead, found.runs = every(numbers, DEAD_EVERY), every(numbers, FUNCTION_EVERY)
    ledger.stacks = {"made": True, "failed": True, "unknown": False}
    found.stacks = {
        "made": FoundStack("CREATE_COMPLETE", (True, True, True)),
        "failed": FoundStack("ROLLBACK_COMPLETE", (False, False, False)),
        "unknown": FoundStack("none", (False, False, False)),
    }
    return ledger, found


def test_a_history_without_fault(history: tuple[Ledger, Found]) -> None:
    assert faults(*history) == []


def test_a_request_that_was_not_taken_is_no_fault_unless_it_was_acknowledged(
    history: tuple[Ledger, Found],
) -> None:
    ledger, found = history
    request = ledger.requests[12]
    gone = set(request.numbers)
    found.direct = [message for message in found.direct if message[1] not in gone]
    found.fanned = [message for message in found.fanned if message[1] not in gone]
    found.dead -= gone
    found.runs -= gone
    found.ordered = [message for message in found.ordered if message[1] not in gone]
    assert faults(ledger, found) == []
    request.acknowledged = True
    assert any("direct: lost" in fault for fault in faults(ledger, found))


def lose_from_direct(ledger: Ledger, found: Found) -> None:
    gone = set(ledger.requests[3].numbers)
    found.direct = [message for message in found.direct if message[1] not in gone]


def lose_from_fanned(ledger: Ledger, found: Found) -> None:
    found.fanned.pop()


def lose_from_ordered(ledger: Ledger, found: Found) -> None:
    found.ordered.pop()


def lose_a_dead_letter(ledger: Ledger, found: Found) -> None:
    found.dead.pop()


def lose_a_run(ledger: Ledger, found: Found) -> None:
    found.runs.pop()


def halve_an_acknowledged_request(ledger: Ledger, found: Found) -> None:
    found.direct.remove(("direct-103", 103))


def halve_an_unknown_request(ledger: Ledger, found: Found) -> None:
    number = ledger.requests[12].numbers[0]
    found.direct.remove((f"direct-{number}", number))


def repeat_a_message(ledger: Ledger, found: Found) -> None:
    found.direct.append(found.direct[7])


def repeat_an_event_directly(ledger: Ledger, found: Found) -> None:
    found.direct.append(("another", found.direct[7][1]))


def repeat_an_event_by_the_topic(ledger: Ledger, found: Found) -> None:
    found.fanned.append(("another", ledger.fanned[0][1]))


def repeat_an_event_in_the_fifo_queue(ledger: Ledger, found: Found) -> None:
    found.ordered.insert(0, ("another", ledger.ordered[-1][1]))


def bring_a_deleted_message_back(ledger: Ledger, found: Found) -> None:
    found.fanned.append(ledger.fanned[3])


def bring_a_deleted_message_back_to_a_consumer(ledger: Ledger, found: Found) -> None:
    ledger.received(ledger.fanned, [ledger.fanned[3]])


def bring_a_deleted_fifo_message_back(ledger: Ledger, found: Found) -> None:
    found.ordered.append(ledger.ordered[3])


def swap_what_was_consumed(ledger: Ledger, found: Found) -> None:
    ledger.ordered[2], ledger.ordered[3] = ledger.ordered[3], ledger.ordered[2]


def swap_what_was_left(ledger: Ledger, found: Found) -> None:
    found.ordered[0], found.ordered[1] = found.ordered[1], found.ordered[0]


def invent_an_event(ledger: Ledger, found: Found) -> None:
    found.direct.append(("new", 999))


def invent_a_run(ledger: Ledger, found: Found) -> None:
    found.runs.add(26)


def lose_a_stack(ledger: Ledger, found: Found) -> None:
    found.stacks["made"] = FoundStack("none", (False, False, False))


def halve_a_stack(ledger: Ledger, found: Found) -> None:
    found.stacks["made"] = FoundStack("CREATE_COMPLETE", (True, True, False))


def halve_a_rollback(ledger: Ledger, found: Found) -> None:
    found.stacks["failed"] = FoundStack("ROLLBACK_COMPLETE", (True, False, False))


def leave_parts_without_a_stack(ledger: Ledger, found: Found) -> None:
    found.stacks["unknown"] = FoundStack("none", (False, True, False))


def leave_a_stack_under_way(ledger: Ledger, found: Found) -> None:
    found.stacks["unknown"] = FoundStack("", (True, False, False))


@pytest.mark.parametrize(
    ("plant", "told"),
    [
        (lose_from_direct, "direct: lost are 113, 114, 115, 116 (4 in all)"),
        (lose_from_fanned, "fanned: lost are 200 (1 in all)"),
        (lose_from_ordered, "ordered: lost are 200 (1 in all)"),
        (lose_a_dead_letter, "dead: lost are"),
        (lose_a_run, "function: lost are"),
        (halve_an_acknowledged_request, "a request was taken in part"),
        (halve_an_unknown_request, "a request was taken in part"),
        (repeat_a_message, "direct: a message that nobody had received came twice"),
        (repeat_an_event_directly, "direct: these events are there as two messages: 108"),
        (repeat_an_event_by_the_topic, "fanned: these events are there as two messages: 104"),
        (repeat_an_event_in_the_fifo_queue, "ordered: these events are there as two messages: 140"),
        (bring_a_deleted_message_back, "1 messages are back"),
        (bring_a_deleted_message_back_to_a_consumer, "1 messages are back"),
        (bring_a_deleted_fifo_message_back, "1 messages are back"),
        (swap_what_was_consumed, "out of order: 106 came after 108, both of sender 1"),
        (swap_what_was_left, "out of order: 142 came after 144, both of sender 0"),
        (invent_an_event, "direct: what was never taken is there: 999"),
        (invent_a_run, "function: what was never taken is there: 26"),
        (lose_a_stack, "the stack made is lost"),
        (halve_a_stack, "the stack made is half there"),
        (halve_a_rollback, "the stack failed is half there"),
        (leave_parts_without_a_stack, "the stack unknown is half there"),
        (leave_a_stack_under_way, "the stack unknown does not come to rest"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_planted_fault_is_told(
    history: tuple[Ledger, Found], plant: Callable[[Ledger, Found], None], told: str
) -> None:
    plant(*history)
    assert any(told in fault for fault in faults(*history)), faults(*history)
