"""Checks batch requests and runs their entries: at most ten, each with an id and a result of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from nightbus.aws.errors import AwsError

MOST_ENTRIES = 10
_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


def check_entries(entries: Sequence[dict[str, Any]], entry_name: str) -> None:
    """Raise AwsError for what makes the whole batch fail. `entry_name` is the entries' name in AWS's text."""
    if not entries:
        raise AwsError("EmptyBatchRequest", f"There should be at least one {entry_name} in the request.")
    if len(entries) > MOST_ENTRIES:
        text = f"Maximum number of entries per request are {MOST_ENTRIES}. You have sent {len(entries)}."
        raise AwsError("TooManyEntriesInBatchRequest", text)
    ids: set[str] = set()
    for entry in entries:
        one = entry["Id"]
        if not _ID.fullmatch(one):
            text = (
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores."
                " It can be at most 80 letters long."
            )
            raise AwsError("InvalidBatchEntryId", text)
        if one in ids:
            raise AwsError("BatchEntryIdsNotDistinct", f"Id {one} repeated.")
        ids.add(one)


def failed_entry(entry: dict[str, Any], error: AwsError) -> dict[str, Any]:
    return {
        "Id": entry["Id"],
        "SenderFault": error.status < 500,
        "Code": error.code,
        "Message": error.message,
    }


def outcome(successful: list[Any], failed: list[Any]) -> dict[str, Any]:
    return {"Successful": successful or None, "Failed": failed or None}
