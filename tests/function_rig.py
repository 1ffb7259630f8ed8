"""Functions made of a few lines of code, and what they logged, for tests of execution environments."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import textwrap
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from nightbus.aws.calls import Scope
from nightbus.aws.ids import new_uuid
from nightbus.clock import Clock, SystemClock
from nightbus.functions.interface import FunctionSpec, InvokeResult, LogLine, LogPart
from nightbus.functions.runner import Runner
from nightbus.identity.credentials import CredentialIssuer
from nightbus.store.interface import Append, Change

SCOPE = Scope("123456789012", "eu-central-1")
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:f"


OWN_NAMESPACE = "os.stat('/proc/self/ns/pid').st_ino"


class RecordingSink:
    """A LogSink that keeps what it gets, by stream."""

    def __init__(self) -> None:
        self.lines: dict[str, list[LogLine]] = {}
        self.records: list[Append] = []
        self.writes = 0
        self.writer: asyncio.Task[Any] | None = None  # the task that wrote last

    async def write(self, scope: Scope, part: LogPart, also: Sequence[Change] = ()) -> None:
        self.writes += 1
        self.writer = asyncio.current_task()
        self.lines.setdefault(f"{part.group}/{part.stream}", []).extend(part.lines)
        self.records += part.records

    @property
    def messages(self) -> list[str]:
        return [line.message for lines in self.lines.values() for line in lines]


def zip_of(files: Mapping[str, str | bytes], mode: int = 0) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (mode or 0o600) << 16
            package.writestr(entry if mode else name, content)
    return packed.getvalue()


class Functions:
    """A runner over one folder; `define` makes a function of code, `run` invokes it with a JSON event."""

    def __init__(self, folder: Path, clock: Clock | None = None, preload_sdk: bool = True) -> None:
        self.folder = folder
        self.sink = RecordingSink()
        clock = clock or SystemClock()
        issuer = CredentialIssuer(b"n" * 32, clock)
        self.runner = Runner(
            folder / "data" / "functions",
            clock,
            self.sink,
            issuer,
            "http://127.0.0.1:4566",
            self.open_package,
            preload_sdk=preload_sdk,
        )
        self._revisions = 0

    async def open_package(self, digest: str) -> BinaryIO:
        return (self.folder / f"{digest}.zip").open("rb")

    def package(self, files: Mapping[str, str | bytes], mode: int = 0) -> str:
        """The digest by which a function or a layer names it."""
        return self.keep(zip_of(files, mode))

    def keep(self, data: bytes) -> str:
        """The digest of a zip."""
        digest = hashlib.sha256(data).hexdigest()
        (self.folder / f"{digest}.zip").write_bytes(data)
        return digest

    def define(
        self, code: str, files: Mapping[str, str | bytes] | None = None, **settings: Any
    ) -> FunctionSpec:
        digest = settings.pop("code_digest", "") or self.package(
            {"app.py": textwrap.dedent(code), **(files or {})}
        )
        self._revisions += 1
        spec = FunctionSpec(
            scope=SCOPE,
            name="f",
            version="$LATEST",
            arn=ARN,
            role="arn:aws:iam::123456789012:role/r",
            runtime="python3.11",
            handler="app.handler",
            code_digest=digest,
            revision=str(self._revisions),
        )
        return replace(spec, **settings)

    async def run(self, spec: FunctionSpec, event: Any = None) -> Any:
        """What the handler returned. Fails when it failed."""
        result = await self.invoke(spec, event)
        assert result.error is None, result.payload
        return json.loads(result.payload)

    async def fail(self, spec: FunctionSpec, event: Any = None) -> dict[str, Any]:
        """The error as the client gets it."""
        result = await self.invoke(spec, event)
        assert result.error == "Unhandled", result.payload
        body = json.loads(result.payload)
        assert isinstance(body, dict)
        return body

    async def invoke(self, spec: FunctionSpec, event: Any = None, **options: Any) -> InvokeResult:
        payload = json.dumps(event).encode()
        options.setdefault("request_id", new_uuid())
        return await self.runner.invoke(spec, payload, invoked_arn=ARN, **options)


def machine_pids(seen: Sequence[int]) -> list[int]:
    """The machine's pids of processes that a function named: `seen` is `OWN_NAMESPACE`, then their pids as it saw them.

    Where functions have no pid namespace of their own they are the same. Raises KeyError for one that is gone.
    """
    namespace, *pids = seen
    found = {}
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and (folder / "ns" / "pid").stat().st_ino == namespace:
                lines = (folder / "status").read_text().splitlines()
                (levels,) = [line.split()[1:] for line in lines if line.startswith("NSpid:")]
                found[int(levels[-1])] = int(levels[0])
        except OSError:
            continue
    return [found[pid] for pid in pids]


def zygote_pid(functions: Functions) -> int:
    """Of the only zygote."""
    (zygote,) = functions.runner._zygotes._running.values()
    return zygote._process.pid
