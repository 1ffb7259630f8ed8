"""Log files are made beside the event loop, which a file of 5,000 records would hold for a fifth of a second."""

from __future__ import annotations

import gzip
import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nightbus.aws.calls import Scope
from nightbus.clock import VirtualClock
from nightbus.identity.audit import TRAIL
from nightbus.services.cloudtrail import log_files, log_group
from nightbus.store.interface import Append
from nightbus.store.sqlite.store import SqliteStore

SCOPE = Scope("123456789012", "us-east-1")
RECORD = {
    "userIdentity": {"type": "Root"},
    "eventTime": "2026-01-01T00:00:00Z",
    "eventSource": "sns.amazonaws.com",
    "readOnly": False,
    "managementEvent": True,
}
VALUE = {
    "name": "t",
    "bucket": "b",
    "prefix": "",
    "started": 0,
    "positions": {},
    "global": True,
    "selectors": [
        {
            "ReadWriteType": "All",
            "IncludeManagementEvents": True,
            "DataResources": [],
            "ExcludeManagementEventSources": [],
        }
    ],
    "group": f"arn:aws:logs:us-east-1:{SCOPE.account}:log-group:g:*",
    "role": f"arn:aws:iam::{SCOPE.account}:role/r",
}


class Operations:
    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    async def call(self, service: str, operation: str, params: Any, call: Any) -> dict[str, Any]:
        self.calls.append((operation, params))
        return {}


async def test_no_file_is_made_on_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, clock = SqliteStore.open(tmp_path / "data", VirtualClock(), durable=False), VirtualClock()
    await store.commit(*[Append(SCOPE, TRAIL, 1, json.dumps(RECORD).encode()) for _ in range(3)])
    threads = []
    for module in (log_files, log_group):
        judge = module.is_wanted

        def noting(*args: Any, judge: Any = judge) -> bool:
            threads.append(threading.current_thread())
            return bool(judge(*args))

        monkeypatch.setattr(module, "is_wanted", noting)
    compress = gzip.compress

    def compressed(text: bytes) -> bytes:
        threads.append(threading.current_thread())
        return compress(text)

    monkeypatch.setattr(gzip, "compress", compressed)
    operations = Operations()
    platform: Any = SimpleNamespace(
        store=store, clock=clock, operations=operations, endpoint="http://localhost"
    )
    await log_files.deliver_files(platform, SCOPE, VALUE, [SCOPE.region])
    await log_group.deliver_events(platform, SCOPE, VALUE, [SCOPE.region])
    file, events = (params for _, params in operations.calls)
    assert len(json.loads(gzip.decompress(file["Body"]))["Records"]) == len(events["logEvents"]) == 3
    assert len(threads) == 7
    assert threading.main_thread() not in threads
    await store.close()
