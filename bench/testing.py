"""Measures how long the example's tests take with `nightbus.testing`, once its packages are built.

    python bench/testing.py [--runs N]

Of each run: what pytest says, the wall time of the whole process, and the processor time of it and of the node. Run it
where .pyc files may be written: with PYTHONDONTWRITEBYTECODE each run compiles what has changed since.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

_TESTS = Path(__file__).parents[1] / "examples" / "order-to-invoice" / "tests"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    run()  # builds what is not built yet
    runs = [run() for _ in range(given.runs)]
    for label, values in zip(("pytest says", "wall", "processor"), zip(*runs, strict=True), strict=True):
        print(f"{label:12} median {statistics.median(values):5.2f} s   least {min(values):5.2f} s")


def run() -> tuple[float, float, float]:
    """What pytest says, the wall time and the processor time of a run, in seconds."""
    began, before = time.perf_counter(), os.times()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", str(_TESTS), str(_TESTS)],
        check=True,
        capture_output=True,
        text=True,
    )
    said = re.search(r"passed.* in ([\d.]+)s", done.stdout)
    assert said is not None, done.stdout
    after = os.times()
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    return float(said[1]), time.perf_counter() - began, processor


if __name__ == "__main__":
    main()
