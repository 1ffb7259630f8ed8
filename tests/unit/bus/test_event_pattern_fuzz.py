"""Is any text at all a Pattern or an InvalidPattern, and nothing else?"""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightbus.bus.patterns import InvalidPattern, Pattern, matches, parse_pattern
from nightbus.bus.patterns.operators import OPERATORS

FRAGMENTS = st.sampled_from(
    [
        *'{}[]:,"\\*/ \n',
        *(
            '{"a":',
            '{"a":[',
            '{"$or":[',
            '"$or"',
            '"x"',
            '"é\\ud83d"',
            "1",
            "-",
            "1e400",
            "0.1",
            "true",
            "null",
        ),
        *(f'{{"{name}":' for name in OPERATORS),
        *('">="', '"<"', '"10.0.0.0/8"', '"**"', '"\\\\u00"', "nul", "\x00", "\ud800", "𐐀"),
    ]
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "b", "$or", "", ".", *OPERATORS]), inner, max_size=4)
    ),
    max_leaves=20,
)


def parsed(text: str) -> Pattern | None:
    try:
        return parse_pattern(text)
    except InvalidPattern as refused:
        assert str(refused).startswith(f"Event pattern is not valid. Reason: {refused.reason}")
        return None


@settings(max_examples=1_000)
@given(st.text(max_size=60))
def test_any_text(text: str) -> None:
    parsed(text)


@settings(max_examples=1_500)
@given(st.lists(FRAGMENTS, max_size=25).map("".join))
def test_any_text_of_pattern_like_fragments(text: str) -> None:
    parsed(text)


@settings(max_examples=1_000)
@given(st.dictionaries(st.sampled_from(["a", "b", "a.b", "$or"]), JSON, max_size=4), JSON)
def test_any_json_as_pattern_and_as_event(pattern: dict[str, object], event: object) -> None:
    rule = parsed(json.dumps(pattern))
    if rule is not None:
        assert matches(rule, {"a": event}) in (True, False)


@settings(max_examples=500)
@given(st.data())
def test_a_valid_pattern_cut_off_anywhere_is_refused(data: st.DataObject) -> None:
    text = '{"a": [{"anything-but": {"prefix": ["x"]}}], "$or": [{"b": ["10.0.0.1"]}, {"c": [1.5e3]}]}'
    assert isinstance(parse_pattern(text), Pattern)
    assert parsed(text[: data.draw(st.integers(0, len(text) - 1))]) is None


@pytest.mark.parametrize(
    "opening", ["[", '{"a":', '{"$or":[', '{"a":[', '{"a":[{"anything-but":', '{"$or":[{"a":']
)
@pytest.mark.parametrize("times", [400, 800, 100_000])
def test_depth_is_no_matter(opening: str, times: int) -> None:
    assert parsed(opening * times) is None


def test_a_deep_pattern_matches_a_deep_event() -> None:
    depth = 680
    pattern = parsed('{"a":' * depth + "[1]" + "}" * depth)
    assert pattern is not None
    event: dict[str, object] = {"a": 1}
    for _ in range(depth - 1):
        event = {"a": event}
    assert matches(pattern, event)
