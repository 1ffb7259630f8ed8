"""A delivery that is tried again counts once, and not at all when it is done."""

from __future__ import annotations

from nightbus.console.traffic.unfinished import AGAIN, DONE, FAILED, Failing, Unfinished

NOW = 1_000_000_000


def test_attempts_of_one_thing_are_one_failure() -> None:
    unfinished = Unfinished()
    for state in (AGAIN, AGAIN, FAILED):
        unfinished.tried("edge", "event-1", NOW - 1000, state)
    unfinished.tried("edge", "event-2", NOW - 1000, AGAIN)
    assert unfinished.failing(60, NOW) == {"edge": Failing(1, 1)}
    assert unfinished.repeats(60, NOW) == {"edge": 2}


def test_what_is_done_later_has_not_failed() -> None:
    unfinished = Unfinished()
    unfinished.tried("edge", "event", NOW - 2000, AGAIN)
    unfinished.tried("edge", "event", NOW - 1000, DONE)
    assert unfinished.failing(60, NOW) == {}
    assert unfinished.repeats(60, NOW) == {"edge": 1}
    assert len(unfinished) == 0


def test_what_failed_before_is_not_of_the_last_seconds() -> None:
    unfinished = Unfinished()
    unfinished.tried("edge", "event", NOW - 61_000, FAILED)
    assert unfinished.failing(60, NOW) == {}


def test_it_is_said_in_words() -> None:
    assert Failing(2, 0).text(10, "deliveries to q") == "2 of 10 deliveries to q failed"
    assert Failing(0, 1).text(0, "invocations") == "1 of 1 invocations failed and will be tried again"
    assert Failing(1, 2).text(9, "invocations") == "1 of 9 invocations failed, 2 will be tried again"
