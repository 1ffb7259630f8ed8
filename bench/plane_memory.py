"""How soon is a node ready, what memory does it hold, and what is left of a million events after a rest?

Nodes of its own, so that nothing was done on them before; a peer is measured as it was found, not started here.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from node import timed
from plane_client import Client
from plane_endpoint import Endpoint, Missing, reasons
from plane_figures import Figures
from plane_measures import check_delivered
from plane_process import machine_megabytes, megabytes, paused
from plane_rounds import Settings, put_name
from plane_wire import EVENTS_A_REQUEST, put_events

from nodes import RunningNode

READY = "start to ready"
IDLE = "idle memory"
STARTS = 5
STARTS_FULL = 3
SETTLE_SECONDS = 10.0
CONNECTIONS = 16
MOST_SECONDS = 150.0  # for all events at a peer
SLICE_SECONDS = 20.0
MOST_MEMORY = 0.5  # of the machine's
NOT_STARTED = "not started by the benchmark"
NO_PROCESS = "no local process found that listens there"


def count_name(events: int) -> str:
    return "a million events" if events == 1_000_000 else f"{events:,} events"


def full_name(settings: Settings) -> str:
    return f"memory after {count_name(settings.events)} and {settings.rest:.0f} s of rest"


def ready_full_name(settings: Settings) -> str:
    return f"{READY}, {count_name(settings.events)} in the store"


def start_seconds(folder: Path, times: int) -> float:
    def once() -> None:
        nodes.append(RunningNode(data=folder))

    nodes: list[RunningNode] = []
    took = []
    for _ in range(times):
        took.append(timed(once))
        nodes.pop().stop()
    return statistics.median(took)


class Memory:
    def __init__(
        self, settings: Settings, client: Client, figures: Figures, folder: Path, say: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._client = client
        self._figures = figures
        self._folder = folder / "memory"
        self._say = say

    def run(self, name: str, peers: list[Endpoint], found: dict[str, float]) -> None:
        """`found` is the memory of each peer before anything was asked of it."""
        self._say(f"{READY}, {IDLE}")
        self._figures.add(READY, "s", name, start_seconds(self._folder, STARTS))
        node = RunningNode(data=self._folder)
        try:
            time.sleep(SETTLE_SECONDS)
            pid = node.process.pid
            self._figures.add(IDLE, "MB", name, megabytes(pid))
            self._of_peers(peers, found)
            self._all([Endpoint(name, node.endpoint, pid), *peers])
        finally:
            node.stop()
        what = ready_full_name(self._settings)
        self._say(what)
        self._figures.add(what, "s", name, start_seconds(self._folder, STARTS_FULL))
        for peer in peers:
            self._figures.miss(what, "s", peer.name, NOT_STARTED)

    def _of_peers(self, peers: list[Endpoint], found: dict[str, float]) -> None:
        for peer in peers:
            self._figures.miss(READY, "s", peer.name, NOT_STARTED)
            if peer.name in found:
                self._figures.add(IDLE, "MB", peer.name, found[peer.name])
            else:
                self._figures.miss(IDLE, "MB", peer.name, NO_PROCESS)

    def _all(self, endpoints: list[Endpoint]) -> None:
        """One after the other; then they rest together."""
        what, filled = full_name(self._settings), []
        for endpoint in endpoints:
            self._say(f"{count_name(self._settings.events)} · {endpoint.name}")
            try:
                with reasons(), paused([each.pid for each in endpoints if each is not endpoint and each.pid]):
                    self._fill(endpoint)
                filled.append(endpoint)
            except Missing as missing:
                self._figures.miss(what, "MB", endpoint.name, str(missing))
        self._say(f"{self._settings.rest:.0f} s of rest")
        time.sleep(self._settings.rest)
        for endpoint in filled:
            assert endpoint.pid
            self._figures.add(what, "MB", endpoint.name, megabytes(endpoint.pid))

    def _fill(self, endpoint: Endpoint) -> None:
        """So many events, each delivered to a queue that nobody reads."""
        self._check_worth(endpoint)
        endpoint.fresh_queue()
        endpoint.set_rules(1)
        raw = put_events(endpoint.url, range(EVENTS_A_REQUEST))
        left, seconds = self._settings.events / EVENTS_A_REQUEST, 1.0
        while left > 0:
            load = self._client.run(endpoint.url, raw, CONNECTIONS, seconds)
            left -= load.requests
            self._check_room(endpoint)
            seconds = min(SLICE_SECONDS, max(1.0, left / load.rate))
        check_delivered(endpoint, self._settings.events, MOST_SECONDS)

    def _check_room(self, endpoint: Endpoint) -> None:
        held = megabytes(endpoint.pid or 0)
        if held > machine_megabytes() * MOST_MEMORY:
            raise Missing(f"stopped at {held:,.0f} MB, which is too much for this machine")

    def _check_worth(self, endpoint: Endpoint) -> None:
        if not endpoint.pid:
            raise Missing(NO_PROCESS)
        measured = self._figures.find(put_name(1, CONNECTIONS), "events/s", endpoint.name)
        rate = measured.median if measured else None
        if rate and self._settings.events / rate > MOST_SECONDS:
            raise Missing(
                f"would take {self._settings.events / rate / 60:.0f} minutes at {rate:,.0f} events/s"
            )
