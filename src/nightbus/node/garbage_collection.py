"""Bounds how long Python's cyclic garbage collector holds a node at a time.

A collection of the oldest generation visits every object that it tracks: 100 ms with the groups of a FIFO queue of
200,000 messages. What such a collection leaves is therefore frozen where it took long, so that the next one visits
only what was made since. A frozen object is still freed when nothing refers to it any more; only a cycle of frozen
objects stays, and requests make few. The younger generations are small, since a collection of theirs visits all of
them too.
"""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Iterator
from typing import Any

_THRESHOLDS = (
    5_000,
    5,
    40,
)  # objects, then collections of the generation before: 25,000 objects take 5 to 10 ms
_LONG_SECONDS = 0.01
_OLDEST = 2


@contextlib.contextmanager
def short_collections() -> Iterator[None]:
    """Within it, collections are short; what was made before is not visited again."""
    began = 0.0

    def follow(phase: str, info: dict[str, Any]) -> None:
        nonlocal began
        if info["generation"] == _OLDEST:
            if phase == "start":
                began = time.perf_counter()
            elif time.perf_counter() - began > _LONG_SECONDS:
                gc.freeze()

    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    gc.callbacks.append(follow)
    try:
        yield
    finally:
        gc.callbacks.remove(follow)
        gc.set_threshold(*before)
        gc.unfreeze()
