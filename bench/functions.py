"""How fast does a running node invoke functions, and how much memory do idle environments take?

Run: python bench/functions.py [--quick]. It starts a node of its own on loopback, asks it over HTTP, prints each figure
beside what is wanted, and ends by itself in about two minutes. docs/benchmarks.md says what each row means.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from function_processes import environments, private_megabytes, processor_ms  # noqa: E402
from plane_client import Client  # noqa: E402
from plane_endpoint import Endpoint  # noqa: E402
from plane_figures import percentile  # noqa: E402
from plane_measures import (  # noqa: E402
    CALLED_CODE,
    CALLED_FUNCTION,
    ECHO_CODE,
    ECHO_FUNCTION,
    Results,
    invoke_latencies,
    result_latencies,
    result_rate,
)
from plane_report import write_markdown  # noqa: E402
from plane_wire import Connection, invoke  # noqa: E402

from nodes import RunningNode  # noqa: E402

LOG_FUNCTION = "plane-logs"
LOG_CODE = (
    "def handler(event, context):\n    for n in range(10):\n        print('line', n)\n    return event\n"
)
NEXT_FUNCTION = "plane-next"
CLIENT_FUNCTION = "plane-client"
CLIENT_CODE = "import boto3\nclient = boto3.client('dynamodb')\n" + ECHO_CODE
BEGIN, END = "<!-- functions -->", "<!-- /functions -->"
PAUSE_SECONDS = 0.05  # between two cold starts, as somebody would leave who has just changed the function


@dataclass(frozen=True)
class Options:
    """How much is measured. `seconds`: of each load; `environments`: functions with one idle environment each."""

    invocations: int = 1000
    seconds: float = 5.0
    connections: int = 16
    colds: int = 40
    events: int = 4000
    rounds: int = 3
    environments: int = 200


QUICK = Options(invocations=200, seconds=1.0, colds=8, events=1000, rounds=1, environments=20)


@dataclass(frozen=True)
class Row:
    """One figure. `wanted` is the most that it should be, or the least where `at_least`; None where none is wanted."""

    what: str
    unit: str
    value: float
    wanted: float | None = None
    at_least: bool = False

    @property
    def verdict(self) -> str:
        if self.wanted is None:
            return ""
        reached = self.value >= self.wanted if self.at_least else self.value <= self.wanted
        return "reached" if reached else "not reached"

    @property
    def cells(self) -> list[str]:
        wanted = "" if self.wanted is None else f"{'≥' if self.at_least else '≤'} {self.wanted:,.4g}"
        return [self.what, self.unit, f"{self.value:,.4g}", wanted, self.verdict]


def main() -> None:
    arguments, options = parsed()
    load = os.getloadavg()[0]
    began = time.monotonic()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="nightbus-bench-", dir=arguments.folder) as folder:
        for measure in (invocations, cold_starts, events, idle_environments):
            with running_node(Path(folder) / measure.__name__) as (node, endpoint):
                for row in measure(endpoint, options):
                    print(line(row.cells), flush=True)
                    rows.append(row)
                for said in node.output:
                    if "NO SANDBOX" in said:
                        sys.exit(f"not what is wanted: {said.strip()}")
    about = (
        f"{os.cpu_count()} cores (load {load:.1f} before, {os.getloadavg()[0]:.1f} after), Python "
        f"{sys.version.split()[0]}, sandboxed; {(time.monotonic() - began) / 60:.1f} minutes in all."
    )
    print(about)
    if arguments.json:
        measured = {"about": about, "options": asdict(options), "rows": [asdict(row) for row in rows]}
        arguments.json.write_text(json.dumps(measured, indent=2, ensure_ascii=False) + "\n")
    if arguments.markdown:
        write_markdown(arguments.markdown, table(rows, about), BEGIN, END)


def parsed() -> tuple[argparse.Namespace, Options]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a few of each; the figures mean little")
    for name, default in asdict(Options()).items():
        parser.add_argument(f"--{name}", type=type(default), help=f"{default}")
    parser.add_argument("--folder", type=Path, help="on the disk to measure; the system's temporary folder")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there")
    arguments = parser.parse_args()
    base = asdict(QUICK if arguments.quick else Options())
    chosen = {name: getattr(arguments, name) for name in base if getattr(arguments, name) is not None}
    return arguments, Options(**base | chosen)


@contextmanager
def running_node(folder: Path) -> Iterator[tuple[RunningNode, Endpoint]]:
    node = RunningNode(data=folder)
    try:
        yield node, Endpoint("nightbus", node.endpoint, node.process.pid)
    finally:
        node.stop()


def invocations(endpoint: Endpoint, options: Options) -> Iterator[Row]:
    """Warm ones, synchronous, over one connection and over several."""
    endpoint.create_function(ECHO_FUNCTION, ECHO_CODE, {})
    endpoint.create_function(LOG_FUNCTION, LOG_CODE, {})
    invoke_latencies(endpoint, ECHO_FUNCTION, options.invocations // 5)
    with processor(endpoint, options.invocations) as spent:
        took = invoke_latencies(endpoint, ECHO_FUNCTION, options.invocations)
    yield Row("warm Invoke, 1 connection", "ms p50", statistics.median(took), 1.0)
    yield Row("", "ms p99", percentile(took, 99))
    yield Row("", "ms of a processor, node", spent()[0])
    yield Row("", "ms of a processor, environment", spent()[1])
    took = invoke_latencies(endpoint, LOG_FUNCTION, options.invocations)
    yield Row("warm Invoke, ten lines of log", "ms p50", statistics.median(took))
    client, raw = Client(), invoke(endpoint.url, ECHO_FUNCTION, b"{}")
    client.run(endpoint.url, raw, options.connections, min(options.seconds, 2.0))
    with processor(endpoint, 1) as spent:
        load = client.run(endpoint.url, raw, options.connections, options.seconds)
    yield Row(f"warm Invoke, {options.connections} connections", "requests/s", load.rate, 2000, at_least=True)
    yield Row("", "ms p50", load.p50)
    yield Row("", "ms of a processor, node", spent()[0] / load.requests)
    yield Row("", "ms of a processor, environment", spent()[1] / load.requests)


def cold_starts(endpoint: Endpoint, options: Options) -> Iterator[Row]:
    """Each after a change of the function's configuration, which ends its environments. Of the plain handler there is
    a second function, which starts right after the first one, while no process is forked ahead."""
    endpoint.create_function(NEXT_FUNCTION, ECHO_CODE, {})
    for name, following, code, what, wanted in (
        (ECHO_FUNCTION, NEXT_FUNCTION, ECHO_CODE, "cold start, plain handler", 15.0),
        (CLIENT_FUNCTION, "", CLIENT_CODE, "cold start, a boto3 client at import", 80.0),
    ):
        endpoint.create_function(name, code, {})
        client, raw = endpoint.client("lambda"), invoke(endpoint.url, name, b"{}")
        connection, took, took_next = Connection(endpoint.url), [], []
        try:
            first = asked_ms(connection, raw)
            for number in range(options.colds):
                for changed in filter(None, (name, following)):
                    client.update_function_configuration(FunctionName=changed, Description=f"{number}")
                    client.get_waiter("function_updated_v2").wait(FunctionName=changed)
                time.sleep(PAUSE_SECONDS)
                took.append(asked_ms(connection, raw))
                if following:
                    took_next.append(asked_ms(connection, invoke(endpoint.url, following, b"{}")))
        finally:
            connection.close()
        yield Row(what, "ms p50", statistics.median(took), wanted)
        yield Row("", "ms p90", percentile(took, 90))
        yield Row("", "ms, the first of all", first)
        if following:
            yield Row("cold start right after another one", "ms p50", statistics.median(took_next))


def events(endpoint: Endpoint, options: Options) -> Iterator[Row]:
    """From an event on a bus to the function that a rule calls."""
    results = Results()
    called = endpoint.create_function(CALLED_FUNCTION, CALLED_CODE, results.variables)
    endpoint.call_function(CALLED_FUNCTION, called)
    first = time.time_ns() // 1000
    result_rate(endpoint, results, max(200, options.events // 4), first)
    rates, took, node, environment = [], [], [], []
    for _ in range(options.rounds):
        first += 100_000
        with processor(endpoint, options.events) as spent:
            rates.append(result_rate(endpoint, results, options.events, first))
        node.append(spent()[0])
        environment.append(spent()[1])
        first += 100_000
        took += result_latencies(endpoint, results, options.invocations // 3, first)
    results.close()
    yield Row("event → function, ten events a request", "results/s", statistics.median(rates), 3000, True)
    yield Row("", "ms of a processor, node", statistics.median(node))
    yield Row("", "ms of a processor, environments", statistics.median(environment))
    yield Row("event → function, one event at a time", "ms p50", statistics.median(took), 2.0)
    yield Row("", "ms p99", percentile(took, 99))


def idle_environments(endpoint: Endpoint, options: Options) -> Iterator[Row]:
    """One environment of each of many functions, all of them warm at once."""
    wanted, pid = options.environments, endpoint.pid or 0
    for number in range(wanted):
        name = f"plane-idle-{number}"
        endpoint.create_function(name, ECHO_CODE, {})
        invoke_latencies(endpoint, name, 2)
    idle = [each for each in environments(pid) if sum(map(private_megabytes, each))]  # and no zombies
    took = [fresh_connection_ms(endpoint, f"plane-idle-{number}") for number in range(wanted)]
    private = [sum(map(private_megabytes, each)) for each in idle]
    yield Row("functions with an idle environment each", "environments", len(idle), wanted, at_least=True)
    yield Row("", "ms p50 of an Invoke of each", statistics.median(took))
    yield Row("private memory of an idle environment", "MB, median", statistics.median(private), 8.0)
    yield Row("", "MB, the largest", max(private))


def fresh_connection_ms(endpoint: Endpoint, function: str) -> float:
    connection = Connection(endpoint.url)
    try:
        return asked_ms(connection, invoke(endpoint.url, function, b"{}"))
    finally:
        connection.close()


@contextmanager
def processor(endpoint: Endpoint, items: int) -> Iterator[Callable[[], tuple[float, float]]]:
    """Afterwards the milliseconds of a processor that the node and its environments took for each item."""
    pid = endpoint.pid or 0
    before, after = processor_ms(pid), (0.0, 0.0)
    yield lambda: ((after[0] - before[0]) / items, (after[1] - before[1]) / items)
    after = processor_ms(pid)


def asked_ms(connection: Connection, raw: bytes) -> float:
    began = time.perf_counter()
    connection.ask(raw)
    return (time.perf_counter() - began) * 1000


def line(cells: list[str]) -> str:
    what, unit, value, wanted, verdict = cells
    return f"{what:42} {unit:32} {value:>9} {wanted:>9} {verdict}"


def table(rows: list[Row], about: str) -> str:
    body = ["| " + " | ".join(row.cells) + " |" for row in rows]
    head = ["|  |  | measured | wanted |  |", "| --- | --- | ---: | ---: | --- |"]
    return "\n".join([about, "", *head, *body]) + "\n"


if __name__ == "__main__":
    main()
