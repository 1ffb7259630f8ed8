"""Handles what all batches have in common: ten entries at most, each with an id and an outcome of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from nightbus.aws.errors import AwsError

MOST_ENTRIES = 10
_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


def check_entries(entries: Sequence[dict[str, Any]], what: str) -> None:
    """Raises AwsError for what fails the whole batch; `what` is the entries' name in AWS's text."""
    if not entries:
        raise AwsError("EmptyBatchRequest", f"There should be at least one {what} in the request.")
    if len(entries) > MOST_ENTRIES:
        text = f"Maximum number of entries per request are {MOST_ENTRIES}. You have sent {len(entries)}."
        raise AwsError("TooManyEntriesInBatchRequest", text)
    seen: set[str] = set()
    for entry in entries:
        one = entry["Id"]
        if not _ID.fullmatch(one):
            text = (
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores."
                " It can be at most 80 letters long."
            )
            raise AwsError("InvalidBatchEntryId", text)
        if one in seen:
            raise AwsError("BatchEntryIdsNotDistinct", f"Id {one} repeated.")
        seen.add(one)


def failed_entry(entry: dict[str, Any], error: AwsError) -> dict[str, Any]:
    return {
        "Id": entry["Id"],
        "SenderFault": error.status < 500,
        "Code": error.code,
        "Message": error.message,
    }


def outcome(successful: list[Any], failed: list[Any]) -> dict[str, Any]:
    return {"Successful": successful or None, "Failed": failed or None}
