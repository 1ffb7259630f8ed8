"""Exports spans each second, and metrics each minute, for as long as a node runs that has OTLP set.

Nothing waits for it: a collector that is down or slow costs notes, which are counted, and never an event.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from nightbus.node.metrics.reading import families_of
from nightbus.node.node import Node
from nightbus.node.otlp.spans import Span, SpanMaker
from nightbus.node.otlp.variables import Otlp
from nightbus.span_notes import Note

if TYPE_CHECKING:
    from nightbus.node.otlp.sdk import Exporters

log = logging.getLogger("nightbus.otlp")
T = TypeVar("T")

_EVERY_SECONDS = 1.0
_CLOSE_SECONDS = 3.0
_MOST_AT_ONCE = 2_000  # notes, some 5,000 spans


class OtlpExport:
    """Of one node, which leaves its notes in `node.spans`; None there where spans are not exported."""

    def __init__(self, node: Node, otlp: Otlp) -> None:
        self._node = node
        self._otlp = otlp
        self._maker = SpanMaker()
        self._failing: set[str] = set()
        self._is_busy = asyncio.Lock()
        self._exporters: Exporters | None = None
        self._task: asyncio.Task[None] | None = None

    def in_memory(self) -> dict[str, int]:
        return self._maker.in_memory()

    def start(self) -> None:
        """Export from now on, until `close`."""
        self._task = asyncio.create_task(self._run(), name="export by OTLP")

    async def close(self) -> None:
        """Once the node has stopped: export the last spans, for which there are some seconds."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        exporters = self._exporters
        if exporters is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._export_spans(exporters), _CLOSE_SECONDS)
            await asyncio.to_thread(exporters.close)

    async def _run(self) -> None:
        from nightbus.node.otlp.sdk import Exporters

        attributes = {"service.instance.id": self._node.endpoint}
        self._exporters = exporters = await asyncio.to_thread(Exporters, attributes)
        last_metrics = float("-inf")
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            try:
                await self._export_spans(exporters)
                now = time.monotonic()
                if self._otlp.metrics and now - last_metrics >= self._otlp.interval_ms / 1000:
                    last_metrics = now
                    await self._export_metrics(exporters)
            except Exception:
                log.exception("an export by OTLP failed")

    async def _export_spans(self, exporters: Exporters) -> None:
        async with self._is_busy:
            while self._node.spans:
                spans = await asyncio.to_thread(self._made, self._node.spans.take(_MOST_AT_ONCE))
                if spans:
                    self._tell(
                        "spans", await _in_own_thread(functools.partial(exporters.export_spans, spans))
                    )

    def _made(self, notes: list[Note]) -> list[Span]:
        spans: list[Span] = []
        for note in notes:
            try:
                spans += self._maker.spans(note)
            except Exception:  # one that is not as it should be takes no other with it
                log.exception("a note is not made a span")
        return spans

    async def _export_metrics(self, exporters: Exporters) -> None:
        node = self._node
        families = await families_of(node)
        started, now = node.started_ms, node.clock.now_ms()
        exported = await _in_own_thread(lambda: exporters.export_metrics(families, started, now))
        self._tell("metrics", exported)

    def _tell(self, what: str, succeeded: bool) -> None:
        """Once when it fails, and once when it works again."""
        if not succeeded and what not in self._failing:
            self._failing.add(what)
            log.warning("%s are not exported: nobody takes them at the endpoint of OTLP", what)
        elif succeeded and what in self._failing:
            self._failing.discard(what)
            log.warning("%s are exported again", what)


async def _in_own_thread(do: Callable[[], T]) -> T:
    """As `asyncio.to_thread`, but the end of the process does not wait for it: a collector may be slow to answer."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, failure: BaseException | None) -> None:
        if done.done():  # nobody waits any more
            return
        if failure is not None:
            done.set_exception(failure)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, failure = None, None
        try:
            result = do()
        except Exception as raised:
            failure = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(tell, result, failure)

    threading.Thread(target=run, name="export by OTLP", daemon=True).start()
    return await done
