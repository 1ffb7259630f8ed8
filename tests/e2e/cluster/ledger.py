"""What the clients of a cluster asked, and what they were told. `checker` compares it with what lies at the targets."""

from __future__ import annotations

import bisect
import itertools
import threading
from collections import defaultdict
from dataclasses import dataclass, field


@dataclass
class Request:
    """One PutEvents: the cluster takes all of its numbers in one commit, or none."""

    sender: int
    numbers: range
    acknowledged: bool = False


@dataclass
class Ledger:
    """`answered` has the times (monotonic) of acknowledged PutEvents, `errors` counts.

    `fanned` and `ordered` are the messages (id, number) that the consumers of these queues received, as they came, each
    as often as it came. `deleted` has the ids of messages whose deletion was acknowledged, and `returned` those of them
    that a consumer received again after that. `stacks` says of each name whether its creation was acknowledged.
    """

    first: int = 1
    requests: list[Request] = field(default_factory=list)
    fanned: list[tuple[str, int]] = field(default_factory=list)
    ordered: list[tuple[str, int]] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    returned: set[str] = field(default_factory=set)
    stacks: dict[str, bool] = field(default_factory=dict)
    answered: list[float] = field(default_factory=list)
    errors: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, sender: int, count: int) -> Request:
        with self.lock:
            start = self.requests[-1].numbers.stop if self.requests else self.first
            request = Request(sender, range(start, start + count))
            self.requests.append(request)
            return request

    def received(self, consumed: list[tuple[str, int]], messages: list[tuple[str, int]]) -> None:
        """Note messages (id, number) that the one consumer of a queue has now. `consumed` is `fanned` or `ordered`."""
        consumed.extend(messages)
        self.returned.update(message_id for message_id, _ in messages if message_id in self.deleted)

    @property
    def asked(self) -> set[int]:
        return {number for request in self.requests for number in request.numbers}

    @property
    def acknowledged(self) -> set[int]:
        return {number for request in self.requests if request.acknowledged for number in request.numbers}

    @property
    def longest_pause(self) -> float:
        """Seconds in which no PutEvents was acknowledged."""
        times = sorted(self.answered)
        return max((after - before for before, after in itertools.pairwise(times)), default=0.0)

    def pause_at(self, moment: float) -> float:
        """Seconds between the last acknowledged PutEvents before the moment (monotonic) and the first one after."""
        times = sorted(self.answered)
        at = bisect.bisect(times, moment)
        return times[at] - times[at - 1]


def ids_by_number(messages: list[tuple[str, int]]) -> dict[int, set[str]]:
    """Under which ids each number came."""
    ids: dict[int, set[str]] = defaultdict(set)
    for message_id, number in messages:
        ids[number].add(message_id)
    return ids
