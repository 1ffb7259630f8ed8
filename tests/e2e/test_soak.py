"""An hour and more of making, using and deleting, with NIGHTBUS_SOAK_MINUTES: the node ends as it began."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from nodes import RunningNode
from soak_rig import Soak, all_gone

MINUTES = float(os.environ.get("NIGHTBUS_SOAK_MINUTES") or 0)
_WARM_CYCLES = 20
_REPORT_SECONDS = 300.0
_SHOWN = ("process: ", "files: bytes", "rows: entry", "rows: name", "memory: names")


@pytest.mark.skipif(not MINUTES, reason="set NIGHTBUS_SOAK_MINUTES")
def test_a_node_ends_a_long_run_as_it_began(tmp_path: Path) -> None:
    node = RunningNode(tmp_path / "data", {"NIGHTBUS_HISTORY_MEGABYTES": "1"})
    try:
        soak = Soak(node)
        for _ in range(_WARM_CYCLES):
            soak.cycle()
        soak.come_back(all_gone(soak.held()), 300)
        before = soak.held()
        _run(soak, before)
        soak.come_back(before, 900)
        _report(soak, before)
        allowed = before["process: resident_bytes"] * 1.25
        assert soak.held()["process: resident_bytes"] < allowed
    finally:
        assert node.stop() == 0


def _run(soak: Soak, before: dict[str, int]) -> None:
    end = time.monotonic() + MINUTES * 60
    shown = time.monotonic()
    while time.monotonic() < end:
        soak.cycle()
        if time.monotonic() - shown > _REPORT_SECONDS:
            shown = time.monotonic()
            _report(soak, before)


def _report(soak: Soak, before: dict[str, int]) -> None:
    now = soak.held()
    figures = {name: (before.get(name, 0), size) for name, size in now.items() if name.startswith(_SHOWN)}
    print(f"\nafter {soak.number} cycles, {len(soak.node.output)} lines of log: {figures}", flush=True)
