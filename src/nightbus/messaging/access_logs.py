"""Keeps the lines of S3's server access logs until they are written to their buckets.

As on AWS their delivery is best effort: lines that wait here are lost if the node ends. While the target of a bucket
takes none, its lines go on waiting, and the oldest ones make room for new ones.
"""

from __future__ import annotations

from collections import deque

_MOST_LINES = 10_000  # of one bucket


class AccessLogs:
    """Collects lines by bucket."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[str]] = {}

    def in_memory(self) -> dict[str, int]:
        return {"lines of access logs": sum(len(lines) for lines in self._lines.values())}

    def add(self, bucket: str, line: str) -> None:
        self._lines.setdefault(bucket, deque(maxlen=_MOST_LINES)).append(line)

    def put_back(self, bucket: str, lines: list[str]) -> None:
        """Let lines wait again that could not be written; they stand before those that came meanwhile."""
        self._lines[bucket] = deque([*lines, *self._lines.get(bucket, ())], maxlen=_MOST_LINES)

    def take(self) -> dict[str, list[str]]:
        """Return all lines by bucket, and forget them."""
        taken, self._lines = self._lines, {}
        return {bucket: list(lines) for bucket, lines in taken.items()}
