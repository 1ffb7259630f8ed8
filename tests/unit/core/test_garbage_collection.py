"""Full collections of a node's garbage stay short, and free what they should."""

from __future__ import annotations

import gc
import time
import weakref

from nightbus.node.garbage_collection import short_collections


class Thing:
    other: Thing


def collected() -> float:
    before = time.thread_time()
    gc.collect()
    return time.thread_time() - before


def test_what_one_full_collection_left_the_next_does_not_visit() -> None:
    with short_collections():
        many = [[n] for n in range(300_000)]
        first = collected()
        assert gc.get_freeze_count() > len(many)
        assert collected() < first / 4
    assert gc.get_freeze_count() == 0


def test_a_frozen_object_is_freed_with_its_last_reference() -> None:
    with short_collections():
        thing = Thing()
        many = [[thing] for _ in range(300_000)]
        gc.collect()
        gone = weakref.ref(thing)
        del thing, many
        assert gone() is None


def test_cycles_of_requests_are_collected_by_themselves() -> None:
    with short_collections():
        thing = Thing()
        thing.other = thing
        gone = weakref.ref(thing)
        del thing
        kept = [[n] for n in range(40_000)]
        assert gone() is None
        del kept
