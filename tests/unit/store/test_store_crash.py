"""Is every acknowledged commit there after kill -9, and none by halves?"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from blob_files import read_blob
from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock
from nightbus.store.sqlite.store import SqliteStore

HERE = Scope("111111111111", "eu-west-1")

_WORKERS = 8
_CHILD = """
import asyncio, sys
from pathlib import Path
from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock
from nightbus.store.interface import Append, Enqueue, KeepBlob, PutRecord
from nightbus.store.sqlite.store import SqliteStore

HERE = Scope("111111111111", "eu-west-1")

async def work(store, worker):
    for n in range(1_000_000):
        text = f"{worker}/{n}"
        blob = await store.put_blob(text.encode()) if n % 10 == 0 else None
        keep = [KeepBlob(blob.digest, text)] if blob else []
        await store.commit(
            PutRecord(HERE, "k", f"{worker}", {"n": n}), Append(HERE, f"log{worker}", n, text.encode()),
            Enqueue(HERE, f"q{worker}", text.encode(), 0), *keep,
        )
        print(text, blob.digest if blob else "-", flush=True)

async def main():
    store = SqliteStore.open(Path(sys.argv[1]), SystemClock())
    await asyncio.gather(*[work(store, worker) for worker in range(int(sys.argv[2]))])

asyncio.run(main())
"""


@pytest.mark.parametrize("lines", [1, 137, 1500])
async def test_acknowledged_is_kept_and_nothing_is_half(tmp_path: Path, lines: int) -> None:
    acknowledged = _run_and_kill(tmp_path / "data", lines)
    store = SqliteStore.open(tmp_path / "data", SystemClock())
    try:
        for worker in range(_WORKERS):
            mine = [int(text.split("/")[1]) for text in acknowledged if text.startswith(f"{worker}/")]
            record = await store.get(HERE, "k", str(worker))
            entries = await store.read(HERE, f"log{worker}", limit=1_000_000)
            items = await store.lease(HERE, f"q{worker}", 1_000_000, 1000)
            written = record.value["n"] + 1 if record else 0
            assert written >= max(mine, default=-1) + 1
            expected = [f"{worker}/{n}".encode() for n in range(written)]
            assert [one.data for one in entries] == expected
            assert [one.data for one in items] == expected
        for text, digest in acknowledged.items():
            if digest != "-":
                assert await read_blob(store, digest) == text.encode()
    finally:
        await store.close()


def _run_and_kill(folder: Path, lines: int) -> dict[str, str]:
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(folder), str(_WORKERS)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(lines)]
    child.send_signal(signal.SIGKILL)
    told += child.stdout.readlines()
    child.wait()
    child.stdout.close()
    whole = [line.split() for line in told if line.endswith("\n")]
    assert len(whole) >= lines
    return {words[0]: words[1] for words in whole}
