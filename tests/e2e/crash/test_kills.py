"""Is everything that was acknowledged there, at its targets, after a node was killed again and again?

NIGHTBUS_CRASH_ROUNDS kills (50 unless it says otherwise, 1,000 in `make soak`), checked to the last event after every
fifty of them; the data folder lives through all. NIGHTBUS_CRASH_SEED repeats the choices of a run.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from crash import platform
from crash.changes import Changes
from crash.traffic import Ledger, Traffic

from nightbus.store.doctor import WRONG, examine
from nodes import RunningNode, clean_environment
from waiting import wait_for

ROUNDS = int(os.environ.get("NIGHTBUS_CRASH_ROUNDS", "50"))
SEED = int(os.environ.get("NIGHTBUS_CRASH_SEED", time.time_ns() % 1_000_000))
_BETWEEN_CHECKS = 50
_BUDGET = 90  # requests a round


@pytest.mark.timeout(60 + 10 * ROUNDS)
def test_what_was_acknowledged_survives_kills(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    print(f"NIGHTBUS_CRASH_SEED={SEED}")
    folder = tmp_path / "data"
    node = RunningNode(data=folder)
    port = node.port
    try:
        platform.set_up(node)
        changes = Changes(node, SEED)
        kills, ledger = 0, Ledger()
        while kills < ROUNDS:
            ledger = Ledger(next_number=ledger.next_number)
            until = min(ROUNDS, kills + _BETWEEN_CHECKS)
            while kills < until:
                _live_and_die(node, ledger, changes, chance, SEED + kills)
                kills += 1
                if kills < until and chance.random() < 0.15:
                    _die_while_starting(folder, port, chance)
                    kills += 1
                node = RunningNode(data=folder, port=port)
                changes.check()
            print(f"{kills} kills:", _check(node, ledger))
            changes.check_end()
            print(f"{changes.acknowledged} changes acknowledged")
    finally:
        assert node.stop() in (0, -9)
    left = list((folder / "functions").glob("environments/*"))
    assert len(left) < 100, "what environments of killed nodes leave piles up"
    assert [finding for finding in examine(folder) if finding.level == WRONG] == []


def _live_and_die(
    node: RunningNode, ledger: Ledger, changes: Changes, chance: random.Random, seed: int
) -> None:
    """Killed in the middle of publishing, or somewhat later, when the functions run."""
    traffic = Traffic(node, ledger, seed, _BUDGET)
    changes.begin()
    traffic.wait_for(chance.randint(0, _BUDGET - 10))
    time.sleep(chance.choice((0.0, chance.uniform(0, 0.005), chance.uniform(0, 0.6))))
    node.kill()
    traffic.end()
    changes.end()


def _die_while_starting(folder: Path, port: int, chance: random.Random) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "nightbus",
            "start",
            "--port",
            str(port),
            "--no-memory",
            "--data",
            str(folder),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=clean_environment(),
    )
    time.sleep(chance.uniform(0.05, 0.5))
    process.kill()
    process.wait()


def _check(node: RunningNode, ledger: Ledger) -> str:
    """Every event at every target, and none of a request at some of them only."""
    direct = list(platform.drain(node, platform.DIRECT))
    fanned = list(platform.drain(node, platform.FANNED))
    again = {message_id for message_id, _ in fanned} & ledger.deleted
    assert not again, f"{len(again)} messages are back after their deletion was acknowledged"
    asked = {number for request in ledger.requests for number in request.numbers}
    wanted = {number for request in ledger.requests if request.acknowledged for number in request.numbers}
    reached = {number for _, number in direct}
    fanned_out = {number for _, number in fanned} | ledger.consumed
    assert wanted <= reached <= asked, f"lost: {sorted(wanted - reached)[:20]}"
    for_function = {number for number in reached if number % platform.FUNCTION_EVERY == 0}
    runs = _runs(node, for_function)
    halves = [request for request in ledger.requests if not _is_whole(request.numbers, reached)]
    assert not halves, f"requests that were taken in part: {halves}"
    assert fanned_out == {number for number in reached if number % platform.FANNED_EVERY == 0}
    assert set(runs) & asked == for_function
    twice = len(direct) - len(reached)
    assert twice == 0, "a message of a standard queue that nobody had received came twice"
    unsaid = [request for request in ledger.requests if not request.acknowledged]
    whole = sum(request.numbers[0] in reached for request in unsaid)
    repeated = sum(runs[number] > 1 for number in for_function)
    return (
        f"{len(wanted)} events acknowledged, {len(for_function)} ran a function ({repeated} of them again), "
        f"of {len(unsaid)} requests without an answer {whole} were done"
    )


def _is_whole(numbers: range, reached: set[int]) -> bool:
    return len(reached.intersection(numbers)) in (0, len(numbers))


def _runs(node: RunningNode, wanted: set[int]) -> Counter[int]:
    """How often the function said each number, once it has said all that it must."""

    def said() -> Counter[int] | None:
        runs = Counter(platform.logged_numbers(node))
        return runs if wanted <= set(runs) else None

    return wait_for(said, seconds=120) if wanted else Counter()
