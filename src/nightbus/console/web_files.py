"""Reads the files of the console from the package, compresses each once, and says how long a browser may keep them.

The shell (`index.html`) is asked for each time. It names the other files below a folder `v-VERSION` that stands for the
state of all of them, so a browser keeps those for good, and pages are never of two releases. The shell of each page
also names the bundle that the page needs (`web_bundles.py`), and the answers of the API. A file without the version is
kept too, and asked for by its ETag.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path

from nightbus.bounded import Bounded
from nightbus.console.web_bundles import BUNDLES, bundle
from nightbus.console.web_modules import Route, ahead, preloads, route_of

FOLDER = Path(__file__).parent / "web"
SHELL = "index.html"
_LINKS = b"/_nightbus/console/web/"
_VERSION = re.compile(r"v-([0-9a-f]{16})/(.+)", re.ASCII)
_FOR_GOOD = b"private, max-age=31536000, immutable"
_MOST_FILES = 500
_MOST_SHELLS = 100  # one for each route
_PRELOADS = b"<!-- preloads -->"
_AHEAD = b"{ahead}"
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
    """`compressed` is None where that is not shorter. `state` is the file's size and time, to see that it changed; of
    the shell and of bundles it is the version."""

    type: str
    body: bytes
    compressed: bytes | None
    etag: bytes
    state: tuple[int, int] | str
    lasting: bool = False

    def response(self, known: bytes, accepted: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Status, headers and body, by the request's `If-None-Match` and `Accept-Encoding`."""
        kept = _FOR_GOOD if self.lasting else b"no-cache"
        headers = [(b"etag", self.etag), (b"cache-control", kept), (b"vary", b"accept-encoding")]
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
        self._shells: Bounded[str, WebFile] = Bounded(_MOST_SHELLS)
        self._lasting: Bounded[str, WebFile] = Bounded(_MOST_FILES)
        self._version = ""  # of the newest shell
        self._digests: Bounded[Path, tuple[tuple[int, int], bytes]] = Bounded(_MOST_FILES)

    async def find(self, name: str) -> WebFile | None:
        """The file, as it is now; None where there is none that is to be shown. `name` may begin with a version."""
        kept = self._lasting.get(name)
        if kept is not None:
            return kept
        versioned = _VERSION.fullmatch(name)
        plain = versioned[2] if versioned else name
        if plain == SHELL:
            return await self.shell("/")
        version, known = self._version, self._read.get(plain)
        file = await asyncio.to_thread(self._load, plain, known)
        if file is not None and file is not known:
            self._read[plain] = file
        if file is None or versioned is None:
            return file
        # An old page that is still open names the version that it knows, and gets what there is now.
        file = replace(file, lasting=version == versioned[1])
        if file.lasting and version == self._version:
            self._lasting[name] = file
        return file

    async def shell(self, path: str) -> WebFile | None:
        """The shell as the page at `path` below the console needs it: it names that page's modules."""
        version, route = await asyncio.to_thread(self._state, path)
        if version != self._version:
            self._version = version
            self._lasting.clear()
            self._shells.clear()
        known = self._shells.get(route.path)
        if known is not None:
            return known
        shell = await asyncio.to_thread(self._load_shell, route, version)
        if shell is not None:
            self._shells[route.path] = shell
        return shell

    def _state(self, path: str) -> tuple[str, Route]:
        return self.version(), route_of(self._folder, path)

    def version(self) -> str:
        """Stands for the names and contents of all files: nodes of one release have one, on whichever machine."""
        digest = hashlib.sha256()
        for path in sorted(self._folder.rglob("*")):
            if path.is_file():
                digest.update(f"{path.relative_to(self._folder)}\n".encode() + self._digest(path))
        return digest.hexdigest()[:16]

    def _digest(self, path: Path) -> bytes:
        found = path.stat()
        state = (found.st_size, found.st_mtime_ns)
        known = self._digests.get(path)
        if known is None or known[0] != state:
            known = self._digests[path] = (state, hashlib.sha256(path.read_bytes()).digest())
        return known[1]

    def _load_shell(self, route: Route, version: str) -> WebFile | None:
        try:
            body = (self._folder / SHELL).read_bytes()
            body = body.replace(_PRELOADS, preloads(route).encode()).replace(_AHEAD, ahead(route).encode())
        except OSError:
            return None
        return _made(body.replace(_LINKS, b"%bv-%b/" % (_LINKS, version.encode())), _TYPES[".html"], version)

    def _load(self, name: str, known: WebFile | None) -> WebFile | None:
        parts = name.split("/")
        kind = _TYPES.get(Path(parts[-1]).suffix)
        if kind is None or any(
            not part or part.startswith(".") or "\\" in part or "\0" in part for part in parts
        ):
            return None
        if name.startswith(BUNDLES):
            return self._load_bundle(name.removeprefix(BUNDLES), kind, known)
        path = self._folder.joinpath(*parts)
        try:
            found = path.stat()
            state = (found.st_size, found.st_mtime_ns)
            return known if known is not None and known.state == state else _read(path, kind, state)
        except (OSError, ValueError):
            return None

    def _load_bundle(self, name: str, kind: str, known: WebFile | None) -> WebFile | None:
        version = self.version()
        if known is not None and known.state == version:
            return known
        try:
            text = bundle(self._folder, name)
        except OSError:
            return None
        return None if text is None else _made(text.encode(), kind, version)

    def in_memory(self) -> dict[str, int]:
        held = len(self._read) + len(self._lasting) + len(self._shells) + len(self._digests)
        return {"files of the console": held}


def _read(path: Path, kind: str, state: tuple[int, int]) -> WebFile:
    return _made(path.read_bytes(), kind, state)


def _made(body: bytes, kind: str, state: tuple[int, int] | str) -> WebFile:
    compressed = (
        gzip.compress(body, mtime=0) if len(body) >= _LEAST_COMPRESSED and kind != "image/png" else None
    )
    if compressed is not None and len(compressed) >= len(body):
        compressed = None
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:20]}"'
    return WebFile(kind, body, compressed, etag.encode(), state)
