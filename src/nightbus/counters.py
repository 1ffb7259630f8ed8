"""Counts what a node does: requests, events, deliveries, invocations, commits.

A `Counters` belongs to one node, which hands it to the parts that count. Counting is an addition to a plain number, so
that it costs next to nothing; what reads the numbers (`/_nightbus/metrics`, OTLP, the console's charts) does the
work. Who reads them is no matter of this module.

All numbers begin at 0 with the node and only grow. Each is written by one thread: those of `commits` by the store's
writer, all others on the event loop. A reader may see a sum that is one addition ahead of its parts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterator
from typing import TypeVar
from weakref import WeakValueDictionary

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

SHORT = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  # seconds
LONG = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 900.0, 86_400.0)
SIZES = (256.0, 1024.0, 4096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 16_777_216.0)  # bytes
_MOST_OPERATIONS = 1_000
_MOST_RESULTS = 2_000
_MOST_FUNCTIONS = 200
_MOST_HOPS = 2_000


class Histogram:
    """`counts` has one number for each bound, of the values up to it, and one for those above the last bound."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    @property
    def count(self) -> int:
        return sum(self.counts)

    def observe(self, value: float) -> None:
        """In the unit of the bounds: seconds, or bytes."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class ByLabel(dict[K, V]):
    """Numbers by label, made at the first use. Beyond `most` labels the others share the numbers of `rest`."""

    def __init__(self, most: int, make: Callable[[], V], rest: K) -> None:
        super().__init__()
        self._most = most
        self._make = make
        self._rest = rest

    def __missing__(self, label: K) -> V:
        if len(self) >= self._most and label != self._rest:
            return self[self._rest]
        value = self[label] = self._make()
        return value


class RuleCount:
    """`matched` counts events; the others count deliveries to the rule's targets, by how they ended."""

    __slots__ = ("__weakref__", "delivered", "given_up", "matched")

    def __init__(self) -> None:
        self.matched = self.delivered = self.given_up = 0


class RuleCounts:
    """The numbers of the rules that somebody holds: a rule that is deleted, or long unused, is forgotten with them."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[str, RuleCount] = WeakValueDictionary()

    def of(self, arn: str) -> RuleCount:
        """The numbers of that rule, for whoever keeps them as long as it knows the rule."""
        count = self._known.get(arn)
        if count is None:
            count = self._known[arn] = RuleCount()
        return count

    def get(self, arn: str) -> RuleCount | None:
        return self._known.get(arn)

    def __iter__(self) -> Iterator[tuple[str, RuleCount]]:
        return iter(list(self._known.items()))


class HopCounts(ByLabel[tuple[str, str], list[int]]):
    """Messages that no log tells of, by the ARNs of where they came from and of where they went.

    From a topic to a queue in the commit of the publication, and from a queue to its dead-letter queue.
    """

    def __init__(self) -> None:
        super().__init__(_MOST_HOPS, lambda: [0], ("other", "other"))

    def add(self, source: str, target: str, messages: int = 1) -> None:
        self[source, target][0] += messages


class FunctionCount:
    """`throttled` are invocations that did not run since too many did; `failed` those that ended with an error."""

    __slots__ = ("cold", "failed", "init_seconds", "invoked", "seconds", "throttled")

    def __init__(self) -> None:
        self.invoked = self.failed = self.throttled = self.cold = 0
        self.seconds = Histogram(LONG)
        self.init_seconds = Histogram(SHORT)


class EventCounts:
    """`accepted` events are durable; `matched` those of them that at least one rule wanted; `refused` were throttled.

    `queued` deliveries wait for the dispatcher, when their event is accepted. `forwarded` events came from another bus.
    """

    __slots__ = ("accepted", "forwarded", "matched", "queued", "refused")

    def __init__(self) -> None:
        self.accepted = self.matched = self.refused = self.queued = self.forwarded = 0


class CommitCounts:
    """Of the store's writer: `groups` are transactions, each with one sync, `batches` what callers committed.

    `bytes` are those of the rows that were written, `failed` the batches that were refused or could not be written.
    """

    __slots__ = ("batches", "bytes", "changes", "failed", "group_bytes", "groups", "seconds")

    def __init__(self) -> None:
        self.groups = self.batches = self.changes = self.bytes = self.failed = 0
        self.seconds = Histogram(SHORT)
        self.group_bytes = Histogram(SIZES)


class Attempts:
    """Of deliveries, by how they ended: `delivered`, `retried` (another one follows), or `given_up`."""

    __slots__ = ("delivered", "given_up", "retried")

    def __init__(self) -> None:
        self.delivered = self.retried = self.given_up = 0


class Counters:
    """All numbers of one node.

    `results`: requests by service, operation and result ("ok" or AWS's error code), and `request_seconds` their
    durations by service and operation. `attempts`: deliveries by the name of their queue (their origin) and the kind
    of their target; `buried` and `lost` count dead letters that their queue took, and that it did not. `waited` is the
    time from an event's acceptance to its first attempt, `attempt_seconds` that of an attempt.
    """

    def __init__(self) -> None:
        self.results: ByLabel[tuple[str, str, str], list[int]] = ByLabel(
            _MOST_RESULTS, lambda: [0], ("other", "other", "other")
        )
        self.request_seconds: ByLabel[tuple[str, str], Histogram] = ByLabel(
            _MOST_OPERATIONS, lambda: Histogram(SHORT), ("other", "other")
        )
        self.requests = self.failed_requests = 0
        self.events = EventCounts()
        self.rules = RuleCounts()
        self.attempts: ByLabel[tuple[str, str], Attempts] = ByLabel(200, Attempts, ("other", "other"))
        self.buried = self.lost = 0
        self.waited = Histogram(LONG)
        self.attempt_seconds = Histogram(LONG)
        self.functions: ByLabel[str, FunctionCount] = ByLabel(_MOST_FUNCTIONS, FunctionCount, "other")
        self.invocations = FunctionCount()  # of all functions
        self.commits = CommitCounts()
        self.hops = HopCounts()

    def request(self, service: str, operation: str, result: str, seconds: float) -> None:
        """One answered request. `result`: "ok", or the error's code."""
        self.results[service, operation, result][0] += 1
        self.request_seconds[service, operation].observe(seconds)
        self.requests += 1
        self.failed_requests += result != "ok"

    def invocation(self, function: str, seconds: float, init_seconds: float | None, *, failed: bool) -> None:
        """One that ran. `function` is its ARN, `init_seconds` that of a cold start, else None."""
        for count in (self.invocations, self.functions[function]):
            count.invoked += 1
            count.failed += failed
            count.seconds.observe(seconds)
            if init_seconds is not None:
                count.cold += 1
                count.init_seconds.observe(init_seconds)

    def throttle(self, function: str) -> None:
        """An invocation that did not run, since as many ran as may."""
        self.invocations.throttled += 1
        self.functions[function].throttled += 1

    def forget_function(self, function: str) -> None:
        self.functions.pop(function, None)

    def snapshot(self) -> dict[str, float]:
        """The totals of the node, by name. `/_nightbus/metrics` has them by labels."""
        attempts, events, commits, invocations = (
            list(self.attempts.values()), self.events, self.commits, self.invocations,
        )  # fmt: skip
        return {
            "nightbus_requests_total": self.requests,
            "nightbus_requests_failed_total": self.failed_requests,
            "nightbus_events_accepted_total": events.accepted,
            "nightbus_events_matched_total": events.matched,
            "nightbus_events_throttled_total": events.refused,
            "nightbus_deliveries_delivered_total": sum(one.delivered for one in attempts),
            "nightbus_deliveries_retried_total": sum(one.retried for one in attempts),
            "nightbus_deliveries_given_up_total": sum(one.given_up for one in attempts),
            "nightbus_dead_letters_total": self.buried,
            "nightbus_invocations_total": invocations.invoked,
            "nightbus_invocation_errors_total": invocations.failed,
            "nightbus_invocation_throttles_total": invocations.throttled,
            "nightbus_cold_starts_total": invocations.cold,
            "nightbus_invocation_seconds_total": invocations.seconds.total,
            "nightbus_commits_total": commits.batches,
            "nightbus_commit_seconds_total": commits.seconds.total,
        }

    def in_memory(self) -> dict[str, int]:
        return {"functions counted": len(self.functions), "hops counted": len(self.hops)}
