"""How many events a second does a node take in on PostgreSQL, beside SQLite, and what does an event cost the database?

PutEvents with ten events a request at 16 connections and one rule to SQS: one node on SQLite, one on PostgreSQL, two on
PostgreSQL with half of the connections each. The same run prints `pgbench -N` and fdatasync of the same disk. All of it
is on one machine, so nodes, server and client share its cores; the processor time of each is stated, from which more
machines can be calculated. Linux only, since it reads /proc.

Run: python bench/cluster_puts.py [--store URL] [--rounds N] [--seconds N] [--folder DIR]. Without --store it starts a
PostgreSQL with fsync of its own. Tables for docs/benchmarks.md come out; about two minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from node import fdatasync_ms
from plane_client import Client, Load
from plane_endpoint import Endpoint
from plane_measures import check_delivered, put_load
from plane_process import family
from plane_wire import EVENTS_A_REQUEST

from nodes import RunningNode
from postgres_server import PostgresServer, start_server

CONNECTIONS = 16
SETTINGS: dict[str, str] = {
    "fsync": "on",
    "full_page_writes": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "log_min_messages": "error",
}
_TICKS = os.sysconf("SC_CLK_TCK")
_BENCH_TABLES = "pgbench_accounts, pgbench_branches, pgbench_history, pgbench_tellers"


def main() -> None:
    chosen = options().parse_args()
    client = Client()
    load = os.getloadavg()[0]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=chosen.folder)))
        server = None if chosen.store else stack.enter_context(own_server())
        database = Database(chosen.store or (server.url() if server else ""), server)
        disk = statistics.median(fdatasync_ms(folder) for _ in range(3))
        transactions = pgbench(database.url, chosen.seconds)
        rows = [
            ("one node, SQLite", measure(client, chosen, folder / "sqlite", None, 1)),
            ("one node, PostgreSQL", measure(client, chosen, folder / "one", database, 1)),
            ("two nodes, PostgreSQL", measure(client, chosen, folder / "two", database, 2)),
        ]
        version = database.ask("SHOW server_version")
    print(
        f"PutEvents, 10 events a request, 1 rule → SQS, {CONNECTIONS} connections in all, PostgreSQL {version},"
        f" {os.cpu_count()} cores, {client.name}, median of {chosen.rounds} rounds of {chosen.seconds:g} s, load"
        f" {load:.1f} at the beginning. pgbench -N -c {CONNECTIONS}: {transactions:,.0f} transactions/s; fdatasync of 4"
        f" KB: {disk:.2f} ms.\n"
    )
    print(table(rows))


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--store", metavar="URL", help="an empty database to measure; one of its own by default"
    )
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts; 3")
    parser.add_argument("--seconds", type=float, default=5.0, help="of one round; 5")
    parser.add_argument("--folder", type=Path, help="on the disk to measure; the system's temporary folder")
    return parser


@contextmanager
def own_server() -> Iterator[PostgresServer]:
    server = start_server(None, **SETTINGS)
    try:
        yield server
    finally:
        server.stop()


@dataclass(frozen=True)
class Database:
    """`server` is None where it is not this script's own, and its processor time is not known."""

    url: str
    server: PostgresServer | None

    def ask(self, query: str) -> Any:
        return asyncio.run(self._ask(query))

    async def _ask(self, query: str) -> Any:
        import asyncpg

        connection = await asyncpg.connect(self.url)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    def reset(self) -> None:
        """The next cluster begins with nothing."""
        self.ask("DROP SCHEMA IF EXISTS nightbus CASCADE")
        self.ask("CHECKPOINT")

    def written(self) -> tuple[int, int]:
        """The bytes of its write-ahead log, and the commits of all sessions, which the server counts once a second."""
        time.sleep(1.2)
        position = int(self.ask("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"))
        commits = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        return position, int(self.ask(commits))

    def processor_seconds(self) -> float:
        return 0.0 if self.server is None else processor_seconds(self.server.process.pid)


@dataclass(frozen=True)
class Round:
    """`node` and `database`: microseconds of processor time for each event; `log`: bytes for each event."""

    events: float
    p50: float
    p99: float
    node: float
    database: float
    log: float
    per_commit: float


def measure(
    client: Client, chosen: argparse.Namespace, folder: Path, database: Database | None, count: int
) -> list[Round]:
    """One round after the other on the same nodes, after one that does not count."""
    environ, options = {"NIGHTBUS_CLUSTER_KEY": secrets.token_hex(32)}, list[str]()
    if database is not None:
        database.reset()
        options = ["--store", database.url]
    with ExitStack() as stack:
        endpoints = []
        for number in range(count):
            node = RunningNode(folder / str(number), environ, options=options)
            stack.callback(node.stop)
            endpoints.append(Endpoint(f"node {number}", node.endpoint, node.process.pid))
        one_round(client, endpoints, database, 1.0)
        return [one_round(client, endpoints, database, chosen.seconds) for _ in range(chosen.rounds)]


def one_round(client: Client, endpoints: list[Endpoint], database: Database | None, seconds: float) -> Round:
    first, pids = endpoints[0], [one.pid for one in endpoints if one.pid]
    first.fresh_queue()
    first.set_rules(1)

    def put(endpoint: Endpoint) -> Load:
        return put_load(client, endpoint, CONNECTIONS // len(endpoints), seconds, 0.5)

    log, commits = database.written() if database else (0, 0)
    of_nodes = sum(map(processor_seconds, pids))
    of_database = database.processor_seconds() if database else 0.0
    with ThreadPoolExecutor(len(endpoints)) as pool:
        loads = list(pool.map(put, endpoints))
    of_nodes = sum(map(processor_seconds, pids)) - of_nodes
    of_database = (database.processor_seconds() if database else 0.0) - of_database
    queued = first.queued()  # of this round, with what was put to warm up
    after = database.written() if database else (0, 0)
    accepted = sum(load.requests for load in loads) * EVENTS_A_REQUEST
    check_delivered(first, accepted)
    return Round(
        sum(load.rate for load in loads) * EVENTS_A_REQUEST,
        max(load.p50 for load in loads),
        max(load.p99 for load in loads),
        of_nodes / queued * 1e6,
        of_database / queued * 1e6,
        (after[0] - log) / queued,
        queued / max(1, after[1] - commits),
    )


def processor_seconds(pid: int) -> float:
    """Of a process and all below it, those that have ended included."""
    ticks = 0
    for each in family(pid):
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS


def pgbench(url: str, seconds: float) -> float:
    """Transactions a second of its simple update with prepared statements."""
    program = PostgresServer.program("pgbench")
    subprocess.run([program, "-i", "-q", "-s", "10", url], check=True, capture_output=True)
    command = [
        program,
        "-N",
        "-M",
        "prepared",
        "-c",
        str(CONNECTIONS),
        "-j",
        "2",
        "-T",
        f"{max(1, round(seconds))}",
    ]
    said = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    asyncio.run(Database(url, None)._ask(f"DROP TABLE {_BENCH_TABLES}"))
    return float(next(line for line in said.splitlines() if line.startswith("tps")).split()[2])


def table(rows: list[tuple[str, list[Round]]]) -> str:
    lines = [
        "| | events/s | ms p50 | ms p99 | node, µs an event | server, µs an event | log, bytes an event"
        " | events a transaction |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, rounds in rows:

        def median(of: str, rounds: list[Round] = rounds) -> float:
            return float(statistics.median(getattr(one, of) for one in rounds))

        shared = "SQLite" not in name
        server = [
            f"{median('database'):.0f}" if shared and median("database") else "",
            f"{median('log'):,.0f}" if shared else "",
            f"{median('per_commit'):.0f}" if shared else "",
        ]
        times = f"{median('p50'):.1f} | {median('p99'):.1f} | {median('node'):.0f}"
        lines.append(f"| {name} | {median('events'):,.0f} | {times} | {' | '.join(server)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
