"""Validates and merges the settings of event source mappings, and defines their defaults.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.bus.patterns import InvalidPattern, Pattern, parse_pattern
from nightbus.messaging.queue import Queue
from nightbus.services.lambda_.errors import invalid_parameter_value

EVENT_SOURCE = "lambda/event-source"
MOST_FILTERS = 5
_PLAIN_BATCH = 10  # the most messages of one ReceiveMessage

DEFAULTS: dict[str, Any] = {"BatchSize": _PLAIN_BATCH, "MaximumBatchingWindowInSeconds": 0}


def merged_settings(old: Mapping[str, Any], requested: Mapping[str, Any]) -> dict[str, Any]:
    """Return `old` with the requested settings. An empty filter, scaling, response type or key removes the old one."""
    new = dict(old)
    for name, value in requested.items():
        if value is None:
            continue
        if name == "FilterCriteria":
            value = {"Filters": _filters(value)} if value.get("Filters") else {}
        if value in ({}, [], "") and name != "BatchSize":
            new.pop(name, None)
        else:
            new[name] = value
    return new


def _filters(criteria: Mapping[str, Any]) -> list[dict[str, str]]:
    filters: list[dict[str, str]] = [{"Pattern": one.get("Pattern", "")} for one in criteria["Filters"]]
    if len(filters) > MOST_FILTERS:
        raise invalid_parameter_value(f"FilterCriteria may have at most {MOST_FILTERS} filters.")
    patterns(filters)
    return filters


def patterns(filters: Sequence[Mapping[str, str]]) -> list[Pattern]:
    """Parse the filters' patterns. Raises AwsError for an invalid one."""
    parsed = []
    for one in filters:
        try:
            parsed.append(parse_pattern(one["Pattern"]))
        except InvalidPattern as wrong:
            raise invalid_parameter_value(f"Invalid filter pattern definition. {wrong}") from None
    return parsed


def check_mapping(config: Mapping[str, Any], queue: Queue, timeout: int) -> None:
    """Raise AwsError unless a queue can be the source, by this mapping, of a function with `timeout` seconds."""
    size, window = config["BatchSize"], config["MaximumBatchingWindowInSeconds"]
    if queue.fifo and window:
        raise invalid_parameter_value("Batching window is not supported for FIFO queues.")
    if queue.fifo and size > _PLAIN_BATCH:
        raise invalid_parameter_value(f"Batch size must be between 1 and {_PLAIN_BATCH} for FIFO queues.")
    if size > _PLAIN_BATCH and not window:
        text = (
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )
        raise invalid_parameter_value(text)
    if queue.visibility_ms < timeout * 1000:
        raise invalid_parameter_value(
            f"Queue visibility timeout: {queue.visibility_ms // 1000} seconds"
            f" is less than Function timeout: {timeout} seconds"
        )


def no_such_event_source(code: str, message: str) -> AwsError:
    return invalid_parameter_value(
        f"Error occurred while ReceiveMessage. SQS Error Code: {code}. SQS Error Message: {message}"
    )
