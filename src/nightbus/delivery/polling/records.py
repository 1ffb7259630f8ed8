"""Sorts records by a poller's filters, and makes batches of them. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from nightbus.bus.patterns import Pattern, matches

SourceRecord = Mapping[str, Any]
"""A record as its receiver and the filters see it. The poller asks only for `body`, a text; what else a record has is
between the source and the sink (`record_of` in queue_source.py: as functions get it)."""
_ROOM_FOR_ESCAPES = 1024


def is_wanted(record: SourceRecord, patterns: Sequence[Pattern]) -> bool:
    """Whether any of the filters lets the record through; without filters every record is wanted.

    A body that is a JSON object is compared as one, any other as text: a filter for the other kind drops it.
    """
    if not patterns:
        return True
    body = _parsed(record["body"])
    event = {**record, "body": body if isinstance(body, dict) else record["body"]}
    return any(matches(pattern, event) for pattern in patterns)


def wanted_and_others(
    records: Sequence[SourceRecord], patterns: Sequence[Pattern]
) -> tuple[list[SourceRecord], list[SourceRecord]]:
    """Those that the filters let through, and the rest."""
    wanted: list[SourceRecord] = []
    others: list[SourceRecord] = []
    for record in records:
        (wanted if is_wanted(record, patterns) else others).append(record)
    return wanted, others


def batches(records: Sequence[SourceRecord], largest: int) -> Iterator[list[SourceRecord]]:
    """As few as fit into `largest` bytes of JSON each; a record that is longer by itself has a batch of its own."""
    batch: list[SourceRecord] = []
    size = 0
    for record in records:
        needed = len(orjson.dumps(record)) + 1
        if batch and size + needed > largest - _ROOM_FOR_ESCAPES:
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += needed
    if batch:
        yield batch


def _parsed(text: str | bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
