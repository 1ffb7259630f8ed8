"""In what order is it measured? Endpoints take turns in every round, and those whose turn it is not are paused."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

from node import fdatasync_ms
from plane_client import Client, Load
from plane_endpoint import Endpoint, Missing, reasons
from plane_figures import Figures, percentile
from plane_measures import (
    CALLED_CODE,
    CALLED_FUNCTION,
    ECHO_CODE,
    ECHO_FUNCTION,
    Results,
    check_delivered,
    invoke_latencies,
    put_load,
    receive_latencies,
    result_latencies,
    result_rate,
)
from plane_process import paused
from plane_wire import EVENTS_A_REQUEST, put_events

CONNECTIONS = (1, 16)
BASELINE = "baseline"
RECEIVE = "PutEvents → long-poll receive"
RESULT = "event → Lambda"
INVOKE = "warm Invoke"
FDATASYNC = "fdatasync of 4 KB"
MS = ("ms p50", "ms p99")
LOAD = ("requests/s", "events/s", *MS)


@dataclass(frozen=True)
class Settings:
    rounds: int = 3
    seconds: float = 5.0
    warm: float = 1.0
    rules: tuple[int, ...] = (0, 1, 100, 1000)
    times: int = 300
    invocations: int = 1000
    results: int = 2000
    events: int = 1_000_000
    rest: float = 60.0


def put_name(rules: int, connections: int) -> str:
    if rules < 2:
        return f"PutEvents, {'1 rule → SQS' if rules else 'no rule'}, {counted(connections)}"
    return f"PutEvents, {rules:,} rules, 1 matches → SQS, {counted(connections)}"


def echo_name(connections: int) -> str:
    return f"the same request echoed, {counted(connections)}"


def counted(connections: int) -> str:
    return f"{connections} connection{'s' if connections > 1 else ''}"


@dataclass(frozen=True)
class Measure:
    """What is found out of each endpoint in each round; `run` adds its figures or raises."""

    what: str
    units: tuple[str, ...]
    run: Callable[[Endpoint], None]


class Rounds:
    def __init__(
        self,
        settings: Settings,
        client: Client,
        endpoints: list[Endpoint],
        figures: Figures,
        say: Callable[[str], None],
    ) -> None:
        self._figures = figures
        self._settings = settings
        self._client = client
        self._endpoints = endpoints
        self._say = say
        self._results = Results()
        self._with_functions: set[str] = set()

    def run(self, folder: Path) -> None:
        """Every measure in every round; an endpoint that fails in one is left out of its further rounds."""
        rounds, failed = self._settings.rounds, set[tuple[str, str]]()
        with echo_server() as echo:
            for number in range(1, rounds + 1):
                self._say(f"round {number} of {rounds}: {FDATASYNC}, and the same request echoed")
                self._baseline(folder, echo)
                for measure, endpoint in product(self._measures(), self._endpoints):
                    case = measure.what, endpoint.name
                    if case not in failed:
                        self._say(f"round {number} of {rounds}: {measure.what} · {endpoint.name}")
                        if not self._measured(measure, endpoint):
                            failed.add(case)
        self._results.close()

    def _measures(self) -> Iterator[Measure]:
        for rules in self._settings.rules:
            for connections in CONNECTIONS:
                put = partial(self._put, rules=rules, connections=connections)
                yield Measure(put_name(rules, connections), LOAD, put)
        yield Measure(RECEIVE, MS, self._receive)
        yield Measure(INVOKE, MS, self._invoke)
        yield Measure(RESULT, ("results/s", *MS), self._result)

    def _measured(self, measure: Measure, endpoint: Endpoint) -> bool:
        try:
            with reasons():
                measure.run(endpoint)
        except Missing as missing:
            for unit in measure.units:
                self._figures.miss(measure.what, unit, endpoint.name, str(missing))
            return False
        return True

    def _alone(self, endpoint: Endpoint | None) -> contextlib.AbstractContextManager[None]:
        return paused([each.pid for each in self._endpoints if each is not endpoint and each.pid])

    def _baseline(self, folder: Path, echo: str) -> None:
        """What the disk and bare HTTP allow, on the same machine in the same minutes."""
        raw = put_events(echo, range(EVENTS_A_REQUEST))
        with self._alone(None):
            self._figures.add(FDATASYNC, "ms p50", BASELINE, fdatasync_ms(folder))
            for connections in CONNECTIONS:
                self._client.run(echo, raw, connections, self._settings.warm)
                load = self._client.run(echo, raw, connections, self._settings.seconds)
                self._add_load(echo_name(connections), BASELINE, load)

    def _put(self, endpoint: Endpoint, rules: int, connections: int) -> None:
        settings, what = self._settings, put_name(rules, connections)
        endpoint.fresh_queue()
        endpoint.set_rules(rules)
        with self._alone(endpoint):
            load = put_load(self._client, endpoint, connections, settings.seconds, settings.warm)
            if rules:
                check_delivered(endpoint, load.requests * EVENTS_A_REQUEST)
        self._add_load(what, endpoint.name, load)

    def _receive(self, endpoint: Endpoint) -> None:
        endpoint.fresh_queue()
        endpoint.set_rules(1)
        with self._alone(endpoint):
            took = receive_latencies(endpoint, self._settings.times)
        self._add_latencies(RECEIVE, endpoint.name, took)

    def _invoke(self, endpoint: Endpoint) -> None:
        self._set_functions(endpoint)
        with self._alone(endpoint):
            took = invoke_latencies(endpoint, ECHO_FUNCTION, self._settings.invocations)
        self._add_latencies(INVOKE, endpoint.name, took)

    def _result(self, endpoint: Endpoint) -> None:
        self._set_functions(endpoint)
        first, events = time.time_ns() // 1000, self._settings.results
        with self._alone(endpoint):
            result_rate(endpoint, self._results, events // 10, first)
            rate = result_rate(endpoint, self._results, events, first + events)
            took = result_latencies(endpoint, self._results, self._settings.times, first + 2 * events)
        self._figures.add(RESULT, "results/s", endpoint.name, rate)
        self._add_latencies(RESULT, endpoint.name, took)

    def _set_functions(self, endpoint: Endpoint) -> None:
        if endpoint.name not in self._with_functions:
            endpoint.create_function(ECHO_FUNCTION, ECHO_CODE, {})
            called = endpoint.create_function(CALLED_FUNCTION, CALLED_CODE, self._results.variables)
            endpoint.call_function(CALLED_FUNCTION, called)
            self._with_functions.add(endpoint.name)

    def _add_load(self, what: str, name: str, load: Load) -> None:
        found = load.rate, load.rate * EVENTS_A_REQUEST, load.p50, load.p99
        for unit, value in zip(LOAD, found, strict=True):
            self._figures.add(what, unit, name, value)

    def _add_latencies(self, what: str, name: str, took: list[float]) -> None:
        for unit, share in zip(MS, (50, 99), strict=True):
            self._figures.add(what, unit, name, percentile(took, share))


@contextlib.contextmanager
def echo_server() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        command = [sys.executable, str(Path(__file__).parent / "plane_echo.py"), str(listener.fileno())]
        process = subprocess.Popen(command, pass_fds=[listener.fileno()])
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            process.terminate()
            process.wait()
