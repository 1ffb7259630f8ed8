"""Does every recorded case give AWS's outcome, with AWS's message and position?"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from nightbus.bus.patterns import InvalidPattern, matches, parse_pattern

ROOT = Path(__file__).parents[3]
CASES = ROOT.parent / "shared" / "conformance" / "event_patterns.json"


def recorded() -> list[dict[str, Any]]:
    if CASES.exists():
        cases: list[dict[str, Any]] = json.loads(CASES.read_text())
        return cases
    return []


def test_the_recorded_cases_are_there() -> None:
    # A stranger's clone has no folder beside it; the project's own runs must have it.
    if not CASES.exists() and not os.environ.get("CI"):
        pytest.skip("the recorded cases lie beside the repository, and this clone has none")
    assert len(recorded()) >= 72


@pytest.mark.parametrize("case", recorded(), ids=lambda case: str(case["name"]))
def test_a_pattern_does_what_it_does_on_aws(case: dict[str, Any]) -> None:
    if case["expect"] != "error":
        assert matches(parse_pattern(case["pattern"]), case["event"]) is (case["expect"] == "match")
        return
    with pytest.raises(InvalidPattern) as refused:
        parse_pattern(case["pattern"])
    # The recording has hidden the partition and the region, in the message though not in the pattern.
    message = case["error"]["message"].replace("<partition>", "aws").replace("<region>", "us-east-1")
    assert str(refused.value) == message
