"""Makes families of what a node counted (`nightbus.counters`)."""

from __future__ import annotations

from collections.abc import Iterator

from nightbus.aws.arn import Arn
from nightbus.counters import Counters, FunctionCount
from nightbus.node.metrics.families import Family, Sample, counter, histogram, limited

_OF_FUNCTION = ("account", "region", "function")
_OF_RULE = ("account", "region", "bus", "rule")


def counted(counters: Counters) -> list[Family]:
    """In a thread too: it reads copies of the maps, which the event loop goes on filling."""
    return [
        *_requests(counters),
        *_events(counters),
        *_deliveries(counters),
        *_functions(counters),
        *_commits(counters),
    ]


def _requests(counters: Counters) -> Iterator[Family]:
    results: list[Sample] = [(labels, count[0]) for labels, count in list(counters.results.items())]
    labels = ("service", "operation", "result")
    yield Family(
        "nightbus_requests", "counter", "Requests that were answered, by AWS's error code.", labels, results
    )
    seconds: list[Sample] = [*counters.request_seconds.items()]
    text = "Time from a request's body to its answer; ReceiveMessage waits as long as its client wants."
    yield Family("nightbus_request_duration_seconds", "histogram", text, labels[:2], seconds, "seconds")


def _events(counters: Counters) -> Iterator[Family]:
    events, rules = counters.events, sorted((_rule(arn), count) for arn, count in counters.rules)
    yield counter(
        "nightbus_events_accepted", "Events that buses accepted and that are durable.", events.accepted
    )
    yield counter(
        "nightbus_events_forwarded", "Accepted events that came from another bus.", events.forwarded
    )
    yield counter(
        "nightbus_events_matched", "Accepted events that matched at least one rule.", events.matched
    )
    yield counter("nightbus_events_throttled", "Events refused since too much work waits.", events.refused)
    matches = limited((rule, count.matched) for rule, count in rules)
    yield Family("nightbus_rule_matches", "counter", "Events that matched a rule.", _OF_RULE, matches)
    ends = limited(
        ((*rule, outcome), value)
        for rule, count in rules
        for outcome, value in (("delivered", count.delivered), ("given_up", count.given_up))
    )
    text = "Deliveries to a rule's targets that ended."
    yield Family("nightbus_rule_deliveries", "counter", text, (*_OF_RULE, "outcome"), ends)


def _deliveries(counters: Counters) -> Iterator[Family]:
    attempts: list[Sample] = [
        ((*labels, outcome), value)
        for labels, count in list(counters.attempts.items())
        for outcome, value in (
            ("delivered", count.delivered),
            ("retried", count.retried),
            ("given_up", count.given_up),
        )
    ]
    text = "Attempts at a delivery, by what followed: retried ones are tried again, given_up ones are not."
    yield Family("nightbus_deliveries", "counter", text, ("origin", "target", "outcome"), attempts)
    hops = limited((key, count[0]) for key, count in sorted(counters.hops.items()))
    text = "Messages from a topic to a queue in its commit, or from a queue to its dead-letter queue."
    yield Family("nightbus_message_hops", "counter", text, ("source", "destination"), hops)
    text = "Deliveries that could not be a part of the event's commit, and were queued."
    yield counter("nightbus_deliveries_queued", text, counters.events.queued)
    letters: list[Sample] = [(("sent",), counters.buried), (("refused",), counters.lost)]
    text = "Dead letters of deliveries that were given up, by whether their queue took them."
    yield Family("nightbus_dead_letters", "counter", text, ("outcome",), letters)
    text = "Time from the acceptance to the first attempt, of deliveries that were queued."
    yield histogram("nightbus_delivery_wait_seconds", text, counters.waited)
    text = "Time that an attempt took, of deliveries that were queued."
    yield histogram("nightbus_delivery_duration_seconds", text, counters.attempt_seconds)


def _functions(counters: Counters) -> Iterator[Family]:
    functions = [(_function(arn), count) for arn, count in list(counters.functions.items())]

    def of(name: str, text: str, member: str) -> Family:
        samples: list[Sample] = [(labels, getattr(count, member)) for labels, count in functions]
        return Family(name, "counter", text, _OF_FUNCTION, samples)

    yield of("nightbus_invocations", "Invocations that ran.", "invoked")
    yield of("nightbus_invocation_errors", "Invocations that ended with an error of the function.", "failed")
    yield of("nightbus_invocation_throttles", "Invocations refused since as many ran as may.", "throttled")
    yield of("nightbus_cold_starts", "Invocations that waited for a new environment.", "cold")
    durations: list[Sample] = [(labels, count.seconds) for labels, count in functions]
    text = "Time that the function's handler took."
    yield Family(
        "nightbus_invocation_duration_seconds", "histogram", text, _OF_FUNCTION, durations, "seconds"
    )
    every: FunctionCount = counters.invocations
    text = "Time that cold starts took, of all functions."
    yield histogram("nightbus_init_duration_seconds", text, every.init_seconds)


def _commits(counters: Counters) -> Iterator[Family]:
    commits = counters.commits
    yield counter("nightbus_commits", "Commits that callers asked for.", commits.batches)
    yield counter(
        "nightbus_commits_failed",
        "Commits refused for a conflict, or since nothing can be written.",
        commits.failed,
    )
    yield counter(
        "nightbus_commit_groups", "Transactions, which make commits durable together.", commits.groups
    )
    yield counter("nightbus_commit_changes", "Changes in these commits.", commits.changes)
    yield counter("nightbus_commit_written_bytes", "Bytes of the rows that were written.", commits.bytes)
    yield histogram(
        "nightbus_commit_duration_seconds", "Time that a transaction took, with its sync.", commits.seconds
    )
    text = "Bytes of the rows that a transaction wrote."
    yield histogram("nightbus_commit_size_bytes", text, commits.group_bytes, "bytes")


def _rule(arn: str) -> tuple[str, str, str, str]:
    parsed = Arn.parse(arn)
    bus, _, name = parsed.resource.removeprefix("rule/").rpartition("/")
    return parsed.account, parsed.region, bus or "default", name


def _function(arn: str) -> tuple[str, str, str]:
    if arn == "other":
        return "other", "other", "other"
    parsed = Arn.parse(arn)
    return parsed.account, parsed.region, parsed.resource.removeprefix("function:")
