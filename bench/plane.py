"""How fast does a node take events in, deliver them, call functions, and what does it cost: one table of it all.

It starts nodes of its own on loopback, with their store on disk, and ends by itself in less than ten minutes. Beside
them: a bare echo server, one fdatasync, and with --peer any other endpoint, measured the same way. docs/benchmarks.md
says what each row means. Linux only, since it reads /proc.

Run: python bench/plane.py [--quick] [--peer NAME=URL] [--json FILE] [--chart FILE] [--markdown FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from plane_chart import chart
from plane_client import Client
from plane_endpoint import Endpoint
from plane_figures import Figures
from plane_memory import Memory
from plane_process import listener, megabytes
from plane_report import conditions, flatness, markdown, print_tables, write_markdown
from plane_rounds import BASELINE, Rounds, Settings
from plane_wire import Connection, address

from nodes import RunningNode

NAME = "nightbus"
QUIET_LOAD = 0.5
QUICK = Settings(
    rounds=1, seconds=1, rules=(0, 1), times=50, invocations=100, results=200, events=20_000, rest=3
)


def main() -> None:
    chosen = options().parse_args()
    settings, client, others = chosen_settings(chosen), Client(own=chosen.own_client), peers(chosen)
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit("stopped")
    )  # what is paused goes on, what was started ends
    began, load = time.monotonic(), os.getloadavg()[0]
    if load > QUIET_LOAD:
        say(f"this machine is busy (load {load:.1f}): the figures will say less")
    with tempfile.TemporaryDirectory(prefix="nightbus-plane-", dir=chosen.folder) as name:
        figures = measure(settings, client, others, Path(name))
    minutes = (time.monotonic() - began) / 60
    about = conditions(settings, client.name, load, minutes)
    found = flatness(figures, settings)
    print_tables(figures, about, found)
    if chosen.markdown:
        write_markdown(chosen.markdown, markdown(figures, about, found))
    if chosen.chart:
        chosen.chart.write_text(chart(figures, settings))
    if chosen.json:
        measured = {
            "about": about,
            "settings": asdict(settings),
            "figures": [figure.as_json() for figure in figures],
        }
        chosen.json.write_text(json.dumps(measured, indent=2, ensure_ascii=False) + "\n")


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--peer", action="append", default=[], metavar="NAME=URL", help="measure this one too"
    )
    parser.add_argument(
        "--peer-pid", action="append", default=[], metavar="NAME=PID",
        help="its process, where it is not the one that listens on the URL's port (a container's, say)",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, help="of which the median counts; 3")
    parser.add_argument("--seconds", type=float, help="of one round of PutEvents; 5")
    parser.add_argument("--rules", type=numbers, metavar="N,N", help="how many rules; 0,1,100,1000")
    parser.add_argument("--events", type=int, help="before memory is measured again; 1000000")
    parser.add_argument(
        "--quick", action="store_true", help="a minute, to see that it works; the figures mean little"
    )
    parser.add_argument(
        "--own-client", action="store_true", help="drive with plane_load.py even where there is wrk"
    )
    parser.add_argument("--folder", type=Path, help="on the disk to measure; the system's temporary folder")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round's figures there")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="draw the medians there, as SVG")
    parser.add_argument(
        "--markdown",
        type=Path,
        metavar="FILE",
        help="write the tables there",
    )
    return parser


def numbers(text: str) -> tuple[int, ...]:
    return tuple(sorted({int(each) for each in text.split(",")}))


def chosen_settings(chosen: argparse.Namespace) -> Settings:
    base = asdict(QUICK if chosen.quick else Settings())
    named = {name: getattr(chosen, name) for name in ("rounds", "seconds", "rules", "events")}
    return Settings(**base | {name: value for name, value in named.items() if value is not None})


def peers(chosen: argparse.Namespace) -> list[Endpoint]:
    pids = dict(each.split("=", 1) for each in chosen.peer_pid)
    found = []
    for each in chosen.peer:
        name, url = each.split("=", 1)
        try:
            Connection(url).close()
        except OSError as failure:
            sys.exit(f"{name} does not answer at {url}: {failure}")
        pid = int(pids[name]) if name in pids else listener(address(url)[1])
        found.append(Endpoint(name, url.rstrip("/"), pid))
    return found


def measure(settings: Settings, client: Client, others: list[Endpoint], folder: Path) -> Figures:
    figures = Figures([BASELINE, NAME, *(peer.name for peer in others)])
    found = {peer.name: megabytes(peer.pid) for peer in others if peer.pid}
    with cleaned(others):
        # A thousand rules are more than AWS permits on one bus without asking.
        node = RunningNode(data=folder / "node", environ={"NIGHTBUS_QUOTAS": "false"})
        try:
            own = Endpoint(NAME, node.endpoint, node.process.pid)
            Rounds(settings, client, [own, *others], figures, say).run(folder)
        finally:
            node.stop()
        Memory(settings, client, figures, folder, say).run(NAME, others, found)
    return figures


@contextlib.contextmanager
def cleaned(others: list[Endpoint]) -> Iterator[None]:
    """Without what an earlier run left on the peers, and nothing left afterwards."""
    for peer in others:
        peer.clean()
    try:
        yield
    finally:
        for peer in others:
            peer.clean()


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
