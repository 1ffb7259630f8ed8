"""Runs functions: the one object of this package that the rest of the node calls."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.bounded import Bounded
from nightbus.clock import Clock
from nightbus.functions.compiled_files import CompiledFiles
from nightbus.functions.debugging import Debugger, Debugging, debugger_packages, without_limits
from nightbus.functions.environment import Environment
from nightbus.functions.environment_network import LoopbackNetworks
from nightbus.functions.environment_paths import EnvironmentPaths
from nightbus.functions.interface import (
    CredentialSource,
    FunctionSpec,
    InvokeResult,
    LogSink,
    ProvisionedState,
    ProvisionedTarget,
    key_of,
)
from nightbus.functions.logs.reports import runtime_arn
from nightbus.functions.memory import Processes
from nightbus.functions.outcomes import EnvironmentEnded, InitTimedOut
from nightbus.functions.packages import PackageFolder
from nightbus.functions.pool.pool import IDLE_SECONDS, Pool
from nightbus.functions.removal import remove_tree
from nightbus.functions.runtime_api.response_stream import ResponseStream
from nightbus.functions.runtimes import Runtimes
from nightbus.functions.runtimes.interface import Runtime
from nightbus.functions.visible_paths import visible_paths, with_links
from nightbus.functions.zygote.isolation.report import examined, lost_network
from nightbus.functions.zygotes import ZygoteDied, Zygotes

log = logging.getLogger("nightbus.functions")

_SHORT = 16  # characters of a digest by which a merged folder names each layer
_FINISHING_SECONDS = 0.1
_MOST_KNOWN_PATHS = 1000
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def _packages(own: Path, kept: Path | None) -> PackageFolder:
    if kept is None:
        return PackageFolder(own)
    from nightbus.functions.kept_packages import KeptPackages

    return KeptPackages(own, kept, _boot_id())


def _boot_id() -> str:
    """Another one after each start of the machine; "" where the system does not say."""
    try:
        return _BOOT_ID.read_text()
    except OSError:
        return ""


def _unreachable_debugger() -> AwsError:
    reason = (
        "functions_network is loopback: a debugger in a function's own network cannot be reached from here. "
        "Start the node with functions_network all to debug."
    )
    return AwsError("DebuggerUnreachable", reason, 409)


class Runner:
    """Implements `FunctionRunner`.

    `idle_seconds`: how long an environment is kept that nobody invokes; by default ten minutes.
    `preload_sdk`: import boto3 once for all environments of a Python, unless memory is short; by default True.
    `own_networks`: each environment has a network of its own, without a way out; by default False.
    `kept_packages`: a folder for unpacked packages that outlives the node; by default none.
    `folder` is this package's own, inside the node's data folder. `open_blob` opens a package by its digest, and raises
    KeyError. `endpoint` is the node's base URL.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        logs: LogSink,
        credentials: CredentialSource,
        endpoint: str,
        open_blob: Callable[[str], Awaitable[BinaryIO]],
        idle_seconds: float = IDLE_SECONDS,
        preload_sdk: bool = True,
        own_networks: bool = False,
        kept_packages: Path | None = None,
    ) -> None:
        self._folder = folder.absolute()
        self._clock = clock
        self._logs = logs
        self._credentials = credentials
        self._endpoint = endpoint
        self._open_blob = open_blob
        self._packages = _packages(self._folder / "packages", kept_packages)
        self._runtimes = Runtimes()
        self.networks = LoopbackNetworks(endpoint) if own_networks else None
        self._zygotes = Zygotes(preload_sdk, own_networks)
        self._processes: Processes | None = None
        self._pool = Pool(clock, self._start, idle_seconds)
        self._visible_folders: dict[tuple[Runtime, Path], list[Path] | None] = {}
        self._known_paths: Bounded[Hashable, EnvironmentPaths] = Bounded(_MOST_KNOWN_PATHS)
        self._finishing: dict[str, set[asyncio.Task[None]]] = {}  # what extensions still do, by revision
        self._preparing: dict[str, asyncio.Lock] = {}
        self._debugging = Debugging()
        self._compiled = CompiledFiles(self._folder, clock)
        self._sweep()

    def _sweep(self) -> None:
        """Away with what the environments of a killed node have left, and with packages from before the machine
        started: they were unpacked without a sync to disk, and may be anything after a power cut.
        """
        remove_tree(self._folder / "environments")
        boot_file, booted = self._folder / "boot", _boot_id()
        if not boot_file.exists() or boot_file.read_text() != booted:
            remove_tree(self._folder / "packages")
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            boot_file.write_text(booted)
        for kind in (".unpacking-*", ".merging-*", ".gone-*"):
            for half in (self._folder / "packages").glob(kind):
                remove_tree(half)

    async def say_lost_network(self) -> None:
        """Log it, before a function is there, where functions are to have networks of their own and cannot."""
        if self.networks is None:
            return
        lost = lost_network(await asyncio.to_thread(examined, network=True))
        if lost:
            log.error("%s", lost)

    async def prewarm(self, runtime: str) -> None:
        """Start the zygote of that runtime, so that the first environment of its functions starts soon."""
        self._zygotes.of((await self._runtime(runtime)).zygote)

    async def prepare(self, spec: FunctionSpec) -> str:
        """Find the runtime, start its zygote, and unpack code and layers, so that an environment starts soon."""
        runtime = await self._runtime(spec.runtime)
        self._zygotes.of(runtime.zygote)  # it starts while the code is unpacked
        code = await self._unpacked(spec.code_digest)
        layers = [await self._unpacked(digest) for digest in spec.layers]
        merged = await asyncio.to_thread(self._packages.merged, layers)
        await asyncio.to_thread(self._runtimes.launch, runtime, spec, code, merged)
        return runtime_arn(spec.scope.region, runtime.label)

    async def warm(self, spec: FunctionSpec) -> None:
        """Start an environment that the next invocation takes. Where its code fails, that invocation starts another.

        Raises AwsError as an invocation does.
        """
        environment = await self._pool.take(spec)
        try:
            with contextlib.suppress(EnvironmentEnded, InitTimedOut):
                await environment.initialised("")
            await environment.output_written()
        finally:
            self._pool.give_back(environment)

    def invoke(
        self,
        spec: FunctionSpec,
        payload: bytes,
        *,
        request_id: str,
        invoked_arn: str,
        client_context: str = "",
        trace: str = "",
        log_with_result: bool = False,
        stream: ResponseStream | None = None,
    ) -> Coroutine[Any, Any, InvokeResult]:
        running = self._invoke(
            spec,
            payload,
            request_id=request_id,
            invoked_arn=invoked_arn,
            client_context=client_context,
            trace=trace,
            log_with_result=log_with_result,
            stream=stream,
        )
        return self._debugging.in_turn(spec, running) if self._debugging.ports else running

    async def _invoke(self, spec: FunctionSpec, payload: bytes, **options: Any) -> InvokeResult:
        if self._finishing:
            await self._finished_soon(spec)
        for repeated in (False, True):
            environment = await self._pool.take(spec)
            if repeated:
                environment.repeat_init()
            try:
                return await environment.invoke(payload, **options)
            except InitTimedOut:
                if repeated:
                    raise
            finally:
                if environment.rest is None:
                    self._pool.give_back(environment)
                else:
                    self._give_back_after(environment, environment.rest)
        raise AssertionError("unreachable")

    def _give_back_after(self, environment: Environment, rest: asyncio.Task[None]) -> None:
        """Its extensions go on after the answer."""
        revision = environment.spec.revision
        self._finishing.setdefault(revision, set()).add(rest)

        def give_back(_: asyncio.Task[None]) -> None:
            self._finishing[revision].discard(rest)
            if not self._finishing[revision]:
                del self._finishing[revision]
            self._pool.give_back(environment)

        rest.add_done_callback(give_back)

    async def _finished_soon(self, spec: FunctionSpec) -> None:
        """Wait a moment for extensions that are nearly done with an invocation, rather than start an environment."""
        rests = self._finishing.get(spec.revision)
        if rests:
            await asyncio.wait(rests, timeout=_FINISHING_SECONDS, return_when=asyncio.FIRST_COMPLETED)

    async def snapshot(self, spec: FunctionSpec) -> None:
        self._pool.begin_sweeping()
        await self._pool.snapshots.make(spec)

    async def _runtime(self, name: str) -> Runtime:
        """Found in a thread, since it may have to install packages; once at a time for each runtime."""
        known = self._runtimes.known(name)
        if known is not None:
            return known
        async with self._preparing.setdefault(name, asyncio.Lock()):
            return await asyncio.to_thread(self._runtimes.of, name)

    async def _start(self, spec: FunctionSpec) -> Environment:
        runtime = await self._runtime(spec.runtime)
        code = await self._unpacked(spec.code_digest)
        layers = [await self._unpacked(digest) for digest in spec.layers]
        paths = await self._known_paths_of(spec, runtime, code, layers)
        visible = self._visible(runtime, paths)
        port = self._debugging.port_of(spec)
        if port is not None:
            packages = await asyncio.to_thread(debugger_packages, runtime)
            spec, paths = without_limits(spec), replace(paths, debugger=Debugger(packages, port))
            visible = None if visible is None else [*visible, *with_links(packages)]
        self._processes = self._processes or Processes()
        for last in (False, True):
            network = None if self.networks is None else self.networks.make()
            environment = Environment(spec, paths, self._clock, self._logs, self._processes, network)
            self._compiled.watch(paths.pycache, environment)
            try:
                zygote = self._zygotes.of(runtime.zygote)
                await environment.start(zygote, self._credentials, self._endpoint, visible=visible)
                return environment
            except ZygoteDied as failure:
                await environment.close()
                if last:
                    log.exception("no environment of %s could be started", spec.name)
                    raise AwsError(
                        "ServiceException", f"No environment could be started: {failure}", 500
                    ) from failure
            except BaseException:
                await environment.close()
                raise
        raise AssertionError("unreachable")

    def _visible(self, runtime: Runtime, paths: EnvironmentPaths) -> list[Path] | None:
        """Looked up once, since it takes three milliseconds."""
        key = (runtime, paths.launch.folder)
        if key not in self._visible_folders:
            self._visible_folders[key] = visible_paths(runtime, paths.launch.folder)
        return self._visible_folders[key]

    async def _unpacked(self, digest: str) -> Path:
        """The folder of a package, which is read from the store once. Raises AwsError, KeyError."""
        folder = self._packages.find(digest)
        if folder is None:
            with await self._open_blob(digest) as package:
                folder = await asyncio.to_thread(self._packages.unpack, package, digest)
        return folder

    async def _known_paths_of(
        self, spec: FunctionSpec, runtime: Runtime, code: Path, unpacked_layers: Sequence[Path]
    ) -> EnvironmentPaths:
        """Looked up in a thread, and once for the same code and settings: a cold start waits for it."""
        settings = spec.memory, tuple(sorted(spec.environment.items()))
        key = runtime, spec.scope, spec.name, spec.role, spec.code_digest, tuple(spec.layers), settings
        known = self._known_paths.get(key)
        if known is None:
            known = await asyncio.to_thread(self._paths, spec, runtime, code, unpacked_layers)
            self._known_paths[key] = known
        return known

    def _paths(
        self, spec: FunctionSpec, runtime: Runtime, code: Path, unpacked_layers: Sequence[Path]
    ) -> EnvironmentPaths:
        """What is compiled is a function's own, which writes it: another one with the same code may not trust it, nor
        may the same one with other layers, whose modules lie at the same paths."""
        layers = self._packages.merged(unpacked_layers)
        whose = hashlib.sha256(repr((spec.scope, spec.name, spec.role, tuple(spec.layers))).encode())
        compiled = f"{runtime.version or runtime.name}-{whose.hexdigest()[:16]}-{spec.code_digest[:32]}"
        pycache = self._folder / "pycache" / compiled
        scratch = self._folder / "environments"
        for folder in (pycache, scratch):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        pycache.chmod(0o777)  # functions of root's node have another user; nobody else comes this far
        launch = self._runtimes.launch(runtime, spec, code, layers)
        extensions = _extensions_in(layers / "extensions") if layers else ()
        hidden = (self._folder.parent,)
        return EnvironmentPaths(code, layers, pycache, scratch, hidden, launch, extensions=extensions)

    async def sweep_packages(self, in_use: Callable[[], Awaitable[set[str]]]) -> None:
        """Away with unpacked code and layers, and what was compiled of it, that no function has any more.

        `in_use` says the digests that functions have. It is asked after this looked at what there is, so that code
        which a function gets meanwhile is not taken for old.
        """
        there = await asyncio.to_thread(self._packages.names)
        compiled = await asyncio.to_thread(_names_in, self._folder / "pycache")
        if not there and not compiled:
            return
        digests = await in_use()
        for spec in self._pool.specs():
            digests |= {spec.code_digest, *spec.layers}
        short = {digest[:_SHORT] for digest in digests}
        for name in there:
            parts = name.removeprefix("layers-").split("-")
            if not all(part[:_SHORT] in short for part in parts):
                await self._remove(self._packages.drop, name)
        for name in compiled:
            if name.rpartition("-")[2][:_SHORT] not in short:
                await self._remove(remove_tree, self._folder / "pycache" / name)

    async def _remove(self, remove: Callable[[Any], object], what: Any) -> None:
        """A function that comes back meanwhile finds its folders anew, also where not all could be removed."""
        try:
            await asyncio.to_thread(remove, what)
        finally:
            self._known_paths.clear()

    def in_memory(self) -> dict[str, int]:
        networks = {} if self.networks is None else {"networks of environments": len(self.networks)}
        known = {"known paths of environments": len(self._known_paths)}
        return self._pool.in_memory() | self._debugging.in_memory() | networks | known

    async def debug(self, scope: Scope, name: str, runtime: str, port: int | None) -> None:
        """Environments that wait for a debugger are ended where it is taken back: nobody else would end them."""
        if port is not None:
            if self.networks is not None:
                raise _unreachable_debugger()
            await asyncio.to_thread(debugger_packages, await self._runtime(runtime))
        was_debugged = self._debugging.set(scope, name, port)
        self._pool.retire(scope, name)
        if was_debugged and port is None:
            self._pool.kill_busy(scope, name)

    async def retire(self, scope: Scope, name: str, version: str = "") -> None:
        """Let go of the environments of the function, or of one version."""
        self._pool.retire(scope, name, version)

    @property
    def finishing(self) -> int:
        """How many invocations have their answer while extensions still work on them."""
        return sum(map(len, self._finishing.values()))

    def end(self, scope: Scope, name: str) -> None:
        """End all environments of the function, also those that run an invocation."""
        self._pool.retire(scope, name)
        self._pool.kill_busy(scope, name)

    async def provision(self, wanted: Sequence[ProvisionedTarget]) -> None:
        self._pool.begin_sweeping()
        self._pool.provisioned.set_targets(wanted)

    def provisioned(self, spec: FunctionSpec) -> ProvisionedState:
        return self._pool.provisioned.state(key_of(spec))

    async def close(self) -> None:
        """End all environments."""
        await self._compiled.close()
        await self._pool.close()
        await self._zygotes.close()


def _extensions_in(folder: Path) -> tuple[str, ...]:
    """Each file is one; folders have what they need."""
    return tuple(name for name in _names_in(folder) if (folder / name).is_file())


def _names_in(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir()) if folder.is_dir() else []
