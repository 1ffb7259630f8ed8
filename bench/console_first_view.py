"""Measures the console's first view: from a cold browser's navigation until the overview shows all of its contents.

Used by `bench/console.py --first-view`. Each load has a browser context of its own, in which nothing is cached but the
session's cookie. The time is `performance.now()` in the frame after the tiles, both charts, the newest events and what
happened are on the page and nothing is loading any more; bytes and requests are those until then. The same page is then
loaded again in that context, with the browser's cache.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, StorageState

_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
_PATH = "/_nightbus/console"
_MARKS = """
window.firstView = new Promise(done => {
  const wanted = {
    shell: () => document.querySelector('nav.nav'),
    tiles: () => document.querySelector('.tiles'),
    charts: () => document.querySelectorAll('figure .chart').length >= 2,
    newest: () => document.querySelector('.newest-row:not(.happened)'),
    happened: () => document.querySelector('.newest-row.happened'),
  }
  const marks = {}
  const observer = new MutationObserver(() => {
    for (const [name, holds] of Object.entries(wanted)) if (!(name in marks) && holds()) marks[name] = performance.now()
    if (Object.keys(marks).length < Object.keys(wanted).length || document.querySelector('.skeleton')) return
    observer.disconnect()
    requestAnimationFrame(() => {
      marks.all = performance.now()
      const loaded = [...performance.getEntriesByType('resource'), performance.getEntriesByType('navigation')[0]]
      done({ marks, requests: loaded.length, bytes: loaded.reduce((sum, one) => sum + one.transferSize, 0) })
    })
  })
  observer.observe(document, { childList: true, subtree: true })
})
"""


class View(NamedTuple):
    """`marks`: ms after the navigation began, by what was seen first then; `all` is the whole."""

    marks: dict[str, float]
    requests: int
    bytes: int


def measure_first_view(port: int, code: str, loads: int) -> None:
    """Print p50 and p95 of `loads` cold loads and of as many with the browser's cache. `code` signs in once."""
    cold, again = [], []
    with opened_browser() as browser:
        origin = f"http://nightbus.localhost:{port}{_PATH}"
        state = signed_in_state(browser, origin, code)
        for number in range(loads + 1):
            context = browser.new_context(storage_state=state, viewport={"width": 1280, "height": 800})
            views = [_load(context, origin) for _ in range(2)]
            if number:  # the first load finds a node that has not answered yet
                cold.append(views[0])
                again.append(views[1])
            context.close()
    _print("first view", cold)
    _print("with the browser's cache", again)


@contextmanager
def opened_browser() -> Iterator[Browser]:
    import shutil

    from playwright.sync_api import sync_playwright

    path = next(found for name in ("chromium", "google-chrome") if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_OPTIONS)
        yield browser
        browser.close()


def signed_in_state(browser: Browser, origin: str, code: str) -> StorageState:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{origin}/sign-in#{code}")
    page.locator("nav.nav").wait_for()
    state = context.storage_state()
    context.close()
    return state


def _load(context: BrowserContext, address: str) -> View:
    page = context.new_page()
    page.add_init_script(_MARKS)
    page.goto(address, wait_until="commit")
    found: dict[str, Any] = page.evaluate("window.firstView")
    page.close()
    return View(found["marks"], found["requests"], found["bytes"])


def _print(label: str, views: Sequence[View]) -> None:
    for name in views[0].marks:
        times = sorted(one.marks[name] for one in views)
        p95 = times[min(len(times) - 1, int(len(times) * 0.95))]
        print(f"{label + ', ' + name:40} p50 {statistics.median(times):8.1f} ms   p95 {p95:8.1f} ms")
    size, requests = views[-1].bytes / 1000, views[-1].requests
    print(f"{label}: {size:.0f} KB in {requests} requests")
