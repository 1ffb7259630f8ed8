"""Checks the settings of event source mappings, and defines what they mean.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.bus.patterns import InvalidPattern, Pattern, parse_pattern
from nightbus.messaging.queue import Queue
from nightbus.services.lambda_.errors import invalid

EVENT_SOURCE = "lambda/event-source"
CHANGES = "lambda/event-source-changes"  # the queue by which the worker hears of changed mappings
MOST_FILTERS = 5
_PLAIN_BATCH = 10  # what one ReceiveMessage brings

DEFAULTS: dict[str, Any] = {"BatchSize": _PLAIN_BATCH, "MaximumBatchingWindowInSeconds": 0}


def merged(old: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`old` with what is given; an empty filter, scaling or response type takes the old one away."""
    new = dict(old)
    for name, value in given.items():
        if value is None:
            continue
        if name == "FilterCriteria":
            value = {"Filters": _filters(value)} if value.get("Filters") else {}
        if value in ({}, []) and name != "BatchSize":
            new.pop(name, None)
        else:
            new[name] = value
    return new


def _filters(criteria: Mapping[str, Any]) -> list[dict[str, str]]:
    filters: list[dict[str, str]] = [{"Pattern": one.get("Pattern", "")} for one in criteria["Filters"]]
    if len(filters) > MOST_FILTERS:
        raise invalid(f"FilterCriteria may have at most {MOST_FILTERS} filters.")
    patterns(filters)
    return filters


def patterns(filters: Sequence[Mapping[str, str]]) -> list[Pattern]:
    """Raises AwsError for what is no pattern."""
    parsed = []
    for one in filters:
        try:
            parsed.append(parse_pattern(one["Pattern"]))
        except InvalidPattern as wrong:
            raise invalid(f"Invalid filter pattern definition. {wrong}") from None
    return parsed


def check(config: Mapping[str, Any], queue: Queue, timeout: int) -> None:
    """Whether a queue can feed a function of this timeout (seconds) so. Raises AwsError."""
    size, window = config["BatchSize"], config["MaximumBatchingWindowInSeconds"]
    if queue.fifo and window:
        raise invalid("Batching window is not supported for FIFO queues.")
    if queue.fifo and size > _PLAIN_BATCH:
        raise invalid(f"Batch size must be between 1 and {_PLAIN_BATCH} for FIFO queues.")
    if size > _PLAIN_BATCH and not window:
        text = (
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )
        raise invalid(text)
    if queue.visibility_ms < timeout * 1000:
        raise invalid(
            f"Queue visibility timeout: {queue.visibility_ms // 1000} seconds"
            f" is less than Function timeout: {timeout} seconds"
        )


def no_such_source(code: str, message: str) -> AwsError:
    return invalid(
        f"Error occurred while ReceiveMessage. SQS Error Code: {code}. SQS Error Message: {message}"
    )
