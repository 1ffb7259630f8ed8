"""The cases that were recorded on AWS: events, patterns and what TestEventPattern answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CASES = Path(__file__).parents[2] / "shared" / "conformance" / "event_patterns.json"


def recorded() -> list[dict[str, Any]]:
    """No case where the folder beside the repository is missing."""
    if not CASES.exists():
        return []
    cases: list[dict[str, Any]] = json.loads(CASES.read_text())
    return cases


def message_of(case: dict[str, Any]) -> str:
    # The recording has hidden the partition and the region, in the message though not in the pattern.
    message: str = case["error"]["message"]
    return message.replace("<partition>", "aws").replace("<region>", "us-east-1")
