"""Measures what the node holds in memory and on disk, for `/_nightbus/sizes`.

Every map that lives as long as the node has its owner, which says its size by `in_memory`. A node that is left alone
comes back to the same figures, whatever was made and deleted in between.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from nightbus.node.node import HoldsInMemory, Node

_KILOBYTE = 1024


async def sizes(node: Node) -> dict[str, Any]:
    """`rows` of the store, `memory` (sizes of maps), `process` and `files` of the data folder; of a store that nodes
    share also `tables`, the bytes of each.
    """
    platform = node.platform
    owners: tuple[HoldsInMemory, ...] = (platform.store, platform.queues, platform.topics, *node.owners)
    tables = node.storage.table_sizes
    return ({} if tables is None else {"tables": await tables()}) | {
        "rows": await platform.store.rows(),
        "memory": {name: size for owner in owners for name, size in owner.in_memory().items()},
        "process": await asyncio.to_thread(_process),
        "files": await asyncio.to_thread(_files, node.folder),
    }


def _process() -> dict[str, int]:
    """Of this process, as far as the system says: resident bytes, open files, threads, and processes below it."""
    if not Path("/proc/self/status").exists():
        return {}
    lines = (line.partition(":") for line in Path("/proc/self/status").read_text().splitlines())
    status = {name: value.split() for name, _, value in lines}
    return {
        "resident_bytes": int(status["VmRSS"][0]) * _KILOBYTE,
        "threads": int(status["Threads"][0]),
        "open_files": len(list(Path("/proc/self/fd").iterdir())),
        "children": _children(os.getpid()),
    }


def _children(pid: int) -> int:
    """How many processes this one has started, and they, that have not ended."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_bytes().rpartition(b")")[2].split()[1])
        except OSError:  # it has ended
            continue
    family, size = {pid}, 0
    while len(family) > size:
        size = len(family)
        family |= {one for one, parent in parents.items() if parent in family}
    return size - 1


def _files(folder: Path) -> dict[str, int]:
    """How many files lie in each part of the data folder, and how many bytes all of them have."""
    counts: dict[str, int] = {"bytes": 0}
    for parent, _, names in os.walk(folder):
        part = "/".join(Path(parent).relative_to(folder).parts[:2]) or "."
        part = "blobs" if part.startswith("blobs/") and part != "blobs/incoming" else part
        for name in names:
            counts[part] = counts.get(part, 0) + 1
            try:
                counts["bytes"] += os.lstat(os.path.join(parent, name)).st_size  # noqa: PTH118 - many files
            except OSError:  # gone meanwhile
                continue
    return counts
