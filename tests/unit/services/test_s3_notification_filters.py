"""Which notification configuration an event matches, and which configurations overlap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nightbus.services.s3.notifications.filters import (
    EVENT_TYPES,
    KeyFilter,
    destinations_of,
    matches,
    share_event,
)

_TEXTS = st.text(alphabet="ab/.", max_size=4)
_FILTERS = st.builds(KeyFilter, _TEXTS, _TEXTS)
_EVENTS = st.lists(st.sampled_from(sorted(EVENT_TYPES)), min_size=1, max_size=3)


@given(_FILTERS, _FILTERS, st.text(alphabet="ab/.", max_size=8))
def test_filters_that_do_not_overlap_never_accept_one_key(one: KeyFilter, other: KeyFilter, key: str) -> None:
    assert one.overlaps(other) == other.overlaps(one)
    if one.accepts(key) and other.accepts(key):
        assert one.overlaps(other)
    if one.overlaps(other):
        longest = max(one.prefix, other.prefix, key=len) + max(one.suffix, other.suffix, key=len)
        assert one.accepts(longest) and other.accepts(longest)


@given(_EVENTS, _EVENTS)
def test_two_configurations_share_an_event_when_both_match_it(one: list[str], other: list[str]) -> None:
    names = [name.removeprefix("s3:") for name in EVENT_TYPES if not name.endswith("*")]
    both = [
        name
        for name in names
        if any(matches(pattern, name) for pattern in one) and any(matches(pattern, name) for pattern in other)
    ]
    assert share_event(one, other) == bool(both)


def test_a_destination_wants_events_of_its_keys() -> None:
    rules = [{"Name": "Prefix", "Value": "in/"}, {"Name": "Suffix", "Value": ".jpg"}]
    configuration = {
        "QueueConfigurations": [
            {
                "Id": "q",
                "QueueArn": "arn",
                "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"],
                "Filter": {"Key": {"FilterRules": rules}},
            }
        ]
    }
    (destination,) = destinations_of(configuration)
    assert destination.wants("ObjectCreated:Copy", "in/a.jpg")
    assert destination.wants("ObjectRemoved:Delete", "in/.jpg")
    assert not destination.wants("ObjectRemoved:DeleteMarkerCreated", "in/a.jpg")
    assert not destination.wants("ObjectCreated:Put", "in/a.png")
