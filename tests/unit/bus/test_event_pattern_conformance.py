"""Does every recorded case give AWS's outcome, with AWS's message and position?"""

from __future__ import annotations

import os
from typing import Any

import pytest

from nightbus.bus.patterns import InvalidPattern, matches, parse_pattern
from recorded_patterns import CASES, message_of, recorded


def test_the_recorded_cases_are_there() -> None:
    # A stranger's clone has no folder beside it; the project's own runs must have it.
    if not CASES.exists() and not os.environ.get("CI"):
        pytest.skip("the recorded cases lie beside the repository, and this clone has none")
    names = {case["name"] for case in recorded()}
    assert len(names) == len(recorded()) >= 72
    assert {case["expect"] for case in recorded()} == {"match", "no-match", "error"}


@pytest.mark.parametrize("case", recorded(), ids=lambda case: str(case["name"]))
def test_a_pattern_does_what_it_does_on_aws(case: dict[str, Any]) -> None:
    if case["expect"] != "error":
        assert matches(parse_pattern(case["pattern"]), case["event"]) is (case["expect"] == "match")
        return
    with pytest.raises(InvalidPattern) as refused:
        parse_pattern(case["pattern"])
    assert str(refused.value) == message_of(case)
