"""Measures the page of events while 500 events a second come: its frames, its memory, and the node's.

Used by `bench/console.py --stream SECONDS`. A Chromium shows `/events` live. Frames are the times between two calls of
`requestAnimationFrame`, without those of the first five seconds. Each tenth of the time the page's JavaScript heap is
read after a garbage collection, with the number of its DOM nodes and listeners, and the node's resident memory.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from console_first_view import opened_browser, signed_in_state

_PATH = "/_nightbus/console"
_SETTLING_SECONDS = 5
_SAMPLES = 10
_FRAMES = """
window.frameTimes = []
let before = performance.now()
requestAnimationFrame(function next(now) {
  window.frameTimes.push(now - before)
  before = now
  requestAnimationFrame(next)
})
"""


class Sample(NamedTuple):
    """`heap` and `resident` are in MB."""

    seconds: float
    heap: float
    dom_nodes: int
    listeners: int
    resident: float


def measure_stream(
    port: int, code: str, pid: int, seconds: float, put: Callable[[threading.Event], None]
) -> None:
    """Print frames and memory. `put` puts events until it is told to stop. `code` signs in once.

    `pid` is the node's.
    """
    stop = threading.Event()
    with opened_browser() as browser:
        origin = f"http://nightbus.localhost:{port}{_PATH}"
        state = signed_in_state(browser, origin, code)
        context = browser.new_context(storage_state=state, viewport={"width": 1280, "height": 800})
        page = context.new_page()
        page.goto(f"{origin}/events")
        page.locator(".live-state.live").wait_for()
        session = context.new_cdp_session(page)
        session.send("Performance.enable")
        producer = threading.Thread(target=put, args=[stop])
        producer.start()
        try:
            page.wait_for_timeout(_SETTLING_SECONDS * 1000)
            page.evaluate(_FRAMES)
            began = time.monotonic()
            samples = []
            for _ in range(_SAMPLES):
                page.wait_for_timeout(seconds / _SAMPLES * 1000)
                samples.append(_sample(session, pid, time.monotonic() - began))
            frames = sorted(page.evaluate("window.frameTimes"))
            rate = len(frames) / (time.monotonic() - began)
        finally:
            stop.set()
            producer.join()
            context.close()
    for one in samples:
        print(
            f"after {one.seconds:5.0f} s: page {one.heap:6.1f} MB, {one.dom_nodes} DOM nodes, "
            f"{one.listeners} listeners; node {one.resident:6.1f} MB"
        )
    p95, p99 = (frames[int(len(frames) * part)] for part in (0.95, 0.99))
    print(
        f"frames: {rate:.0f} a second, p50 {statistics.median(frames):.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms, "
        f"longest {frames[-1]:.0f} ms"
    )


def _sample(session: Any, pid: int, seconds: float) -> Sample:
    session.send("HeapProfiler.collectGarbage")
    found = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Sample(
        seconds,
        found["JSHeapUsedSize"] / 1e6,
        int(found["Nodes"]),
        int(found["JSEventListeners"]),
        pages * 4096 / 1e6,
    )
