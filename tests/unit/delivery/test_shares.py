"""Does a key that comes new find room however many hang, and does everything that waits have its turn, in order?"""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightbus.delivery.shares import Shares


def test_a_key_alone_gets_its_share_and_no_more() -> None:
    shares = Shares[int](256, 16)
    assert [shares.begin("slow", item) for item in range(20)] == [True] * 16 + [False] * 4


@pytest.mark.parametrize("hanging", [1, 5, 50, 200])
def test_however_many_keys_hang_a_new_one_finds_room(hanging: int) -> None:
    shares = Shares[int](256, 16)
    for item in range(hanging * 100):
        shares.begin(f"hangs-{item % hanging}", item)
    assert shares.begin("new", -1)
    assert shares.end("new") == []


def test_who_waits_is_called_in_the_order_of_arrival() -> None:
    shares = Shares[int](8, 2)
    assert [shares.begin("one", item) for item in range(6)] == [True, True, False, False, False, False]
    called = [shares.end("one") for _ in range(4)]
    assert called == [[2], [3], [4], [5]]
    assert all(shares.begin("one", item) for item in (2, 3, 4, 5))


def test_a_later_item_does_not_pass_one_that_waits() -> None:
    shares = Shares[int](4, 4)
    assert shares.begin("a", 1)
    assert shares.begin("b", 2)
    assert shares.begin("b", 3)
    assert not shares.begin("b", 4)  # the last slot is free for a key that comes new
    assert shares.end("a") == []
    assert not shares.begin("b", 5)
    assert shares.end("b") == [4]


def test_who_left_is_not_called() -> None:
    shares = Shares[int](2, 1)
    assert shares.begin("a", 1)
    assert not shares.begin("a", 2)
    shares.leave("a", 2)
    assert shares.end("a") == []
    assert shares.begin("a", 3)


def test_an_item_that_another_node_has_gives_its_slot_to_the_next_and_only_once() -> None:
    shares = Shares[int](2, 1)
    assert shares.begin("a", 1)
    assert not shares.begin("a", 2)
    assert not shares.begin("a", 3)
    assert shares.end("a") == [2]
    assert shares.gone(2) == [3]
    assert shares.gone(2) == []
    assert shares.begin("a", 3)
    assert shares.end("a") == []
    assert shares.begin("b", 4)


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.booleans()), max_size=200))
def test_everything_has_its_turn_and_no_slot_is_lost(steps: list[tuple[str, bool]]) -> None:
    shares = Shares[int](6, 3)
    running: deque[tuple[str, int]] = deque()
    keys: dict[int, str] = {}
    order: dict[str, list[int]] = {}

    def end_one() -> None:
        key, _ = running.popleft()
        for called in shares.end(key):
            assert shares.begin(keys[called], called)
            order.setdefault(keys[called], []).append(called)
            running.append((keys[called], called))

    for item, (key, ends) in enumerate(steps):
        keys[item] = key
        if shares.begin(key, item):
            order.setdefault(key, []).append(item)
            running.append((key, item))
        assert len(running) <= 6
        assert all(sum(other == key for other, _ in running) <= 3 for key in "abcde")
        if ends and running:
            end_one()
    while running:
        end_one()
    assert sorted(item for items in order.values() for item in items) == list(range(len(steps)))
    assert all(items == sorted(items) for items in order.values())
    assert shares.begin("x", -1)  # every slot came back
