"""Keeps the key with which a scraper reads the metrics, and nothing else: `metrics.key` in the data folder.

It stays the same over restarts, unlike the operator's key, since it is copied into the configuration of a scraper,
which runs as another user or on another machine.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

NAME = "metrics.key"


def metrics_key(folder: Path) -> str:
    """The key, which is made at the first start. Where it cannot be written it lasts until the node stops."""
    with contextlib.suppress(OSError):
        kept = (folder / NAME).read_text().strip()
        if kept:
            return kept
    key = secrets.token_urlsafe(32)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.suppress(OSError), os.fdopen(os.open(folder / NAME, flags, 0o600), "w") as file:
        file.write(key)
    return key
