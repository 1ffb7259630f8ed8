"""Is everything that was acknowledged where it belongs, once where it must be, whole, in order?

The checks of the crash tests, over the nodes of a cluster: each queue is drained through another node.
"""

from __future__ import annotations

from collections import Counter

from botocore.exceptions import ClientError
from cluster import platform
from cluster.load import Ledger
from crash import stack_template
from crash.platform import FANNED_EVERY, FUNCTION_EVERY, logged_numbers

from nodes import RunningNode
from waiting import wait_for

_LATE_SECONDS = 90  # less than the lease of a delivery, for which nothing must wait


def check(nodes: list[RunningNode], ledger: Ledger) -> str:
    """Raises AssertionError. Returns what was seen, in one line."""
    asked = {number for request in ledger.requests for number in request.numbers}
    wanted = {number for request in ledger.requests if request.acknowledged for number in request.numbers}
    assert wanted, "nothing was acknowledged"
    direct = platform.drain(nodes[0], platform.DIRECT)
    reached = {number for _, number in direct}
    assert wanted <= reached, f"lost: {sorted(wanted - reached)[:20]}"
    assert reached <= asked
    assert len(direct) == len(reached), "a message that nobody had received came twice"
    halves = [request for request in ledger.requests if not _is_whole(request.numbers, reached)]
    assert not halves, f"requests that were taken in part: {halves}"
    _check_fanned(nodes[-1], ledger, reached)
    _check_order(nodes[0], ledger, reached)
    _check_dead(nodes[-1], reached)
    _check_runs(nodes[0], reached)
    for name, acknowledged in ledger.stacks.items():
        _check_stack(nodes[-1], name, acknowledged)
    unsaid = [request for request in ledger.requests if not request.acknowledged]
    done = sum(request.numbers[0] in reached for request in unsaid)
    return (
        f"{len(wanted)} events acknowledged in {len(ledger.answered)} requests, {len(ledger.stacks)} stacks; of "
        f"{len(unsaid)} requests that were not acknowledged {done} were done; {ledger.errors} errors; "
        f"longest pause {ledger.longest_pause:.2f} s"
    )


def _is_whole(numbers: range, reached: set[int]) -> bool:
    return len(reached.intersection(numbers)) in (0, len(numbers))


def _every(numbers: set[int], nth: int) -> set[int]:
    return {number for number in numbers if number % nth == 0}


def _check_fanned(node: RunningNode, ledger: Ledger, reached: set[int]) -> None:
    left = platform.drain(node, platform.FANNED)
    again = {message_id for message_id, _ in left} & ledger.deleted
    assert not again, f"{len(again)} messages are back after their deletion was acknowledged"
    assert ledger.fanned | {number for _, number in left} == _every(reached, FANNED_EVERY)


def _check_order(node: RunningNode, ledger: Ledger, reached: set[int]) -> None:
    """The events of one sender come in the order in which it sent them, and each when all before it were deleted."""
    left = platform.drain(node, platform.ORDERED)
    again = {message_id for message_id, _ in left} & ledger.deleted
    assert not again, f"{len(again)} messages are back after their deletion was acknowledged"
    came = list(dict.fromkeys([*ledger.ordered, *(number for _, number in left)]))
    assert set(came) == _every(reached, platform.ORDERED_EVERY)
    senders = {
        number: request.sender
        for request in ledger.requests
        if request.acknowledged  # an unknown outcome may come to pass after what its sender sent next
        for number in request.numbers
    }
    for sender in set(senders.values()):
        of_sender = [number for number in came if senders.get(number) == sender]
        assert of_sender == sorted(of_sender), f"out of order, of sender {sender}: {of_sender}"


def _check_dead(node: RunningNode, reached: set[int]) -> None:
    """Each at least once: what a node had under way when it died is done again."""
    wanted = _every(reached, platform.DEAD_EVERY)
    found: set[int] = set()

    def are_there() -> bool:
        found.update(number for _, number in platform.drain(node, platform.DEAD))
        return wanted <= found

    wait_for(are_there, _LATE_SECONDS)
    assert found == wanted


def _check_runs(node: RunningNode, reached: set[int]) -> None:
    wanted = _every(reached, FUNCTION_EVERY)

    def have_run() -> bool:
        return wanted <= set(Counter(logged_numbers(node)))

    wait_for(have_run, _LATE_SECONDS)


def _check_stack(node: RunningNode, name: str, acknowledged: bool) -> None:
    formation = node.client("cloudformation")

    def status() -> str:
        try:
            found = str(formation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
        except ClientError as error:
            assert "does not exist" in str(error) and not acknowledged, error
            return "none"
        return found if found in stack_template.TERMINAL else ""

    at_rest = wait_for(status, 90)
    assert set(stack_template.parts_of(node, name)) == {at_rest == "CREATE_COMPLETE"}, (name, at_rest)
