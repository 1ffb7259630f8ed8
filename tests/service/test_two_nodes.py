"""Service tests of queues, rules and functions pass on two nodes with one slow store (`tests/two_nodes.py`).

What fails there relies on one node's memory, or on nothing happening between two calls of the store. These are a part
that takes about a minute; `make soak` runs the others too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = {
    "queues": [
        "test_sqs_messages",
        "test_sqs_fifo",
        "test_sqs_visibility",
        "test_sqs_dead_letters",
        "test_sns_fifo",
    ],
    "rules": [
        "test_event_delivery",
        "test_events_publishing",
        "test_events_target_input",
        "test_events_archives",
    ],
    "functions": ["test_lambda_functions", "test_lambda_event_sources"],
    "changes": ["test_parallel_changes"],
}


@pytest.mark.skipif(
    any(os.environ.get(f"NIGHTBUS_TEST_{name}") for name in ("TWO_NODES", "YIELDS", "STORE")),
    reason="every node of this run is a special one already",
)
@pytest.mark.parametrize("what", FILES)
def test_service_tests_pass(what: str) -> None:
    files = [str(HERE / f"{name}.py") for name in FILES[what]]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files],
        cwd=HERE.parents[1],
        env={**os.environ, "NIGHTBUS_TEST_TWO_NODES": "1"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout[-10_000:] + ran.stderr[-2_000:]
    assert " passed" in ran.stdout
