"""Keeps the key with which a scraper reads the metrics, and nothing else: `metrics.key` in the data folder.

It stays the same over restarts, unlike the operator's key, since it is copied into the configuration of a scraper,
which runs as another user or on another machine. The nodes of a cluster have one key.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

NAME = "metrics.key"
METRICS = "metrics"  # the name of the secret of a cluster that is this key


def kept_metrics_key(folder: Path) -> str:
    """The key, which is made at the first start. Where it cannot be written it lasts until the node stops."""
    with contextlib.suppress(OSError):
        kept = (folder / NAME).read_text().strip()
        if kept:
            return kept
    key = secrets.token_urlsafe(32)
    write_metrics_key(folder, key)
    return key


def write_metrics_key(folder: Path, key: str) -> None:
    """Where it cannot be written, whoever scrapes finds it at another node, or shows the operator's key."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.suppress(OSError), os.fdopen(os.open(folder / NAME, flags, 0o600), "w") as file:
        file.write(key)
