"""Reads the files of the console from the package, compresses each once, and answers by its ETag.

A browser keeps the files and asks each time whether they are the same still, which is a short answer on loopback; so a
node that was updated never shows pages of two releases.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from nightbus.bounded import Bounded

FOLDER = Path(__file__).parent / "web"
_MOST_FILES = 500
_LEAST_COMPRESSED = 512
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".md": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class WebFile:
    """`compressed` is None where that is not shorter. `state` is the file's size and time, to see that it changed."""

    type: str
    body: bytes
    compressed: bytes | None
    etag: bytes
    state: tuple[int, int]

    def response(self, known: bytes, accepted: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Status, headers and body, by the request's `If-None-Match` and `Accept-Encoding`."""
        headers = [(b"etag", self.etag), (b"cache-control", b"no-cache"), (b"vary", b"accept-encoding")]
        if self.etag in (one.strip() for one in known.split(b",")):
            return 304, headers, b""
        body = self.body
        if self.compressed is not None and b"gzip" in accepted:
            body = self.compressed
            headers.append((b"content-encoding", b"gzip"))
        headers += [(b"content-type", self.type.encode()), (b"content-length", str(len(body)).encode())]
        return 200, headers, body


class WebFiles:
    """The files below `folder`, by their paths in it."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._read: Bounded[str, WebFile] = Bounded(_MOST_FILES)

    async def find(self, name: str) -> WebFile | None:
        """The file, as it is now; None where there is none that is to be shown."""
        known = self._read.get(name)
        file = await asyncio.to_thread(self._load, name, known)
        if file is not None and file is not known:
            self._read[name] = file
        return file

    def _load(self, name: str, known: WebFile | None) -> WebFile | None:
        parts = name.split("/")
        kind = _TYPES.get(Path(parts[-1]).suffix)
        if kind is None or any(
            not part or part.startswith(".") or "\\" in part or "\0" in part for part in parts
        ):
            return None
        path = self._folder.joinpath(*parts)
        try:
            found = path.stat()
            state = (found.st_size, found.st_mtime_ns)
            return known if known is not None and known.state == state else _read(path, kind, state)
        except (OSError, ValueError):
            return None

    def in_memory(self) -> dict[str, int]:
        return {"files of the console": len(self._read)}


def _read(path: Path, kind: str, state: tuple[int, int]) -> WebFile:
    body = path.read_bytes()
    compressed = (
        gzip.compress(body, mtime=0) if len(body) >= _LEAST_COMPRESSED and kind != "image/png" else None
    )
    if compressed is not None and len(compressed) >= len(body):
        compressed = None
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:20]}"'
    return WebFile(kind, body, compressed, etag.encode(), state)
