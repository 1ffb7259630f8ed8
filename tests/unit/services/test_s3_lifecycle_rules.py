"""What lifecycle rules decide, as a pure function of versions and time."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nightbus.services.s3.key_versions import KeyVersions
from nightbus.services.s3.lifecycle.rules import (
    CLASSES,
    DAY_MS,
    Expire,
    Move,
    Remove,
    Rule,
    aborts,
    decide,
    expiry,
    next_midnight,
    rules_of,
)
from nightbus.services.s3.records import ObjectVersion

_LARGE = 1_000_000


def version(modified: int = 0, order: int = 1, **more: Any) -> ObjectVersion:
    return ObjectVersion(
        "logs/k", f"v{order}", modified, "owner", order, "digest", **{"size": _LARGE, **more}
    )


def history(*versions: ObjectVersion) -> KeyVersions:
    """The newest first."""
    current, *older = versions
    return KeyVersions(current, 1, [(one, 1) for one in older])


def rules(**rule: Any) -> list[Rule]:
    whole = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, **rule}
    return rules_of({"Rules": [whole]})


def test_days_are_rounded_up_to_the_next_midnight() -> None:
    after_a_day = rules(Expiration={"Days": 1})
    one = version(modified=DAY_MS // 2)
    assert expiry(after_a_day, one) == (2 * DAY_MS, "r")
    assert decide(after_a_day, history(one), 2 * DAY_MS - 1) == []
    assert decide(after_a_day, history(one), 2 * DAY_MS) == [Expire(one)]
    assert next_midnight(DAY_MS) == DAY_MS


def test_filters_choose_objects() -> None:
    late = 100 * DAY_MS
    for filtered, chosen in [
        ({"Prefix": "logs/"}, True),
        ({"Prefix": "data/"}, False),
        ({"Tag": {"Key": "a", "Value": "b"}}, True),
        ({"Tag": {"Key": "a", "Value": "c"}}, False),
        ({"ObjectSizeGreaterThan": _LARGE}, False),
        ({"ObjectSizeLessThan": _LARGE + 1}, True),
        (
            {"And": {"Prefix": "logs/", "Tags": [{"Key": "a", "Value": "b"}], "ObjectSizeGreaterThan": 1}},
            True,
        ),
        ({"And": {"Prefix": "logs/", "ObjectSizeLessThan": 1}}, False),
    ]:
        one = version(tags={"a": "b"})
        done = decide(rules(Filter=filtered, Expiration={"Days": 1}), history(one), late)
        assert bool(done) is chosen, filtered


def test_older_versions_go_after_their_days_but_for_the_newest_of_them() -> None:
    keeping = rules(NoncurrentVersionExpiration={"NoncurrentDays": 10, "NewerNoncurrentVersions": 1})
    one, two, three = version(0, 1), version(DAY_MS, 2), version(2 * DAY_MS, 3)
    # The first is not current since the second was written, and the newest older one is always kept.
    assert decide(keeping, history(three, two, one), 11 * DAY_MS - 1) == []
    assert decide(keeping, history(three, two, one), 11 * DAY_MS) == [Remove(one)]
    assert decide(keeping, history(three, two), 100 * DAY_MS) == []


def test_a_delete_marker_goes_when_it_stands_alone() -> None:
    marker = version(0, 2, delete_marker=True, size=0)
    ending = rules(Expiration={"ExpiredObjectDeleteMarker": True})
    assert decide(ending, history(marker), 1) == [Remove(marker)]
    assert decide(ending, history(marker, version(0, 1)), 1) == []
    assert decide(rules(Expiration={"Days": 3}), history(marker), 3 * DAY_MS) == [Remove(marker)]


def test_transitions_go_down_only_and_leave_small_objects() -> None:
    moves = [{"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 60, "StorageClass": "GLACIER"}]
    moving = rules(Transitions=moves)
    one = version()
    assert decide(moving, history(one), 30 * DAY_MS) == [Move(one, "STANDARD_IA")]
    assert decide(moving, history(one), 60 * DAY_MS) == [Move(one, "GLACIER")]
    archived = version(headers={"StorageClass": "GLACIER"})
    assert decide(moving, history(archived), 90 * DAY_MS) == []
    small = version(size=10)
    assert decide(moving, history(small), 60 * DAY_MS) == []
    assert decide(moving, history(small), 60 * DAY_MS, "varies_by_storage_class") == [Move(small, "GLACIER")]
    sized = rules(Filter={"ObjectSizeGreaterThan": 1}, Transitions=moves)
    assert decide(sized, history(small), 30 * DAY_MS) == [Move(small, "STANDARD_IA")]


def test_uploads_are_aborted_by_prefix_and_age() -> None:
    aborting = rules(Filter={"Prefix": "a"}, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 2})
    assert aborts(aborting, "ab", 0, 2 * DAY_MS)
    assert not aborts(aborting, "ab", 0, 2 * DAY_MS - 1)
    assert not aborts(aborting, "b", 0, 2 * DAY_MS)


_RULES = st.builds(
    Rule,
    id=st.sampled_from(["a", "b"]),
    prefix=st.sampled_from(["", "logs/", "x"]),
    days=st.none() | st.integers(1, 40),
    expires_markers=st.booleans(),
    noncurrent_days=st.none() | st.integers(1, 40),
    newer_noncurrent=st.integers(0, 3),
    moves=st.lists(
        st.fixed_dictionaries({"Days": st.integers(0, 40), "StorageClass": st.sampled_from(CLASSES[1:])}),
        max_size=2,
    ),
    larger_than=st.none() | st.integers(0, 2 * _LARGE),
)


@st.composite
def _histories(draw: st.DrawFn) -> KeyVersions:
    times = sorted(draw(st.lists(st.integers(0, 40 * DAY_MS), min_size=1, max_size=5)))
    versions = [
        version(
            time,
            order,
            delete_marker=draw(st.booleans()),
            headers={"StorageClass": draw(st.sampled_from(CLASSES))},
        )
        for order, time in enumerate(times, 1)
    ]
    return history(*reversed(versions))


@given(st.lists(_RULES, max_size=3), _histories(), st.integers(0, 100 * DAY_MS))
def test_each_version_has_at_most_one_action_and_time_only_adds_ends(
    some: list[Rule], versions: KeyVersions, now: int
) -> None:
    actions = decide(some, versions, now)
    orders = [action.version.order for action in actions]
    assert len(orders) == len(set(orders))
    for action in actions:
        assert any(action.version.key.startswith(rule.prefix) for rule in some)
        if isinstance(action, Move):
            before = action.version.headers["StorageClass"]
            assert CLASSES.index(before) < CLASSES.index(action.storage_class)
    ends = {action.version.order for action in actions if not isinstance(action, Move)}
    later = decide(some, versions, now + DAY_MS)
    assert ends <= {action.version.order for action in later if not isinstance(action, Move)}
    assert not decide([], versions, now)
