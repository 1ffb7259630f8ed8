"""Listens for HTTP, and stops the node at SIGINT or SIGTERM.

One uvicorn server on a socket that is bound before anything else is done, so that a taken port is said at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightbus.bus.json_text import RECURSION
from nightbus.node.application import Application
from nightbus.node.draining import MOST_SECONDS
from nightbus.node.garbage_collection import short_collections
from nightbus.node.http import HttpProtocol
from nightbus.node.mounts import Mount
from nightbus.node.node import Node
from nightbus.node.otlp.variables import Otlp, otlp_wanted
from nightbus.node.settings import Settings
from nightbus.node.shared_store import SharedStore
from nightbus.node.stopping import end_leftovers
from nightbus.node.tls_listener import TlsListener
from nightbus.node.uvicorn_parts import Config, Server
from nightbus.node.workers import Worker, WorkerListener
from nightbus.span_notes import SpanNotes

if TYPE_CHECKING:
    from nightbus.node.otlp.exporting import OtlpExport
    from nightbus.node.virtual_time.control import VirtualTime

_GRACE_SECONDS = 5
_BACKLOG = 1024
_DESCRIPTORS = 8192


class CannotListen(Exception):
    """The address cannot be listened on; the text says why, and what to do."""


class _Server(Server):
    """Says when it listens, and leaves signals to the node, which stops more than this server."""

    def __init__(
        self,
        config: Config,
        listening: Callable[[], None],
        tls: ssl.SSLContext | None = None,
        worker: Worker | None = None,
    ) -> None:
        super().__init__(config)
        self._listening = listening
        self._tls = tls
        self._worker = worker

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self._worker is not None:
            await super().startup([])
            found: list[Any] = [self._shared_listener(one, self._worker) for one in sockets or ()]
            self.servers += found
        elif self._tls is None:
            await super().startup(sockets)
        else:
            await super().startup([])
            found = [TlsListener(one, self._tls, self._protocol) for one in sockets or ()]
            self.servers += found
        self._listening()

    def _protocol(self) -> asyncio.Protocol:
        return HttpProtocol(self.config, self.server_state, self.lifespan.state)

    def _shared_listener(self, listener: socket.socket, worker: Worker) -> WorkerListener:
        def protocol() -> asyncio.Protocol:
            return _Counted(lambda: shared.count(), self.config, self.server_state, self.lifespan.state)

        shared = WorkerListener(
            listener, self._tls, protocol, worker, lambda: len(self.server_state.connections)
        )
        return shared

    async def serve_on(self, listener: socket.socket) -> _FurtherListener:
        """Serve the same on one more listener, until what is returned is closed, or the server shuts down."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._protocol, sock=listener, backlog=_BACKLOG)
        if self.should_exit:
            server.close()
        else:
            self.servers.append(server)
        return _FurtherListener(server, self.servers)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Counted(HttpProtocol):
    """Says when its connection has ended."""

    def __init__(self, ended: Callable[[], None], *arguments: Any) -> None:
        super().__init__(*arguments)
        self._ended = ended

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._ended()


class _FurtherListener:
    def __init__(self, server: asyncio.Server, all_servers: list[asyncio.Server]) -> None:
        self._server = server
        self._all = all_servers

    def close(self) -> None:
        self._server.close()
        if self._server in self._all:
            self._all.remove(self._server)


def bind(settings: Settings) -> tuple[socket.socket, Settings]:
    """The listening socket, and the settings with the port that it got. Raises CannotListen."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            settings.host or None, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, proto)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as failure:
        raise CannotListen(_why(settings, failure)) from failure
    listener.setblocking(False)
    return listener, replace(settings, port=listener.getsockname()[1])


def _why(settings: Settings, failure: OSError) -> str:
    where = f"{settings.host}:{settings.port}"
    if failure.errno == errno.EADDRINUSE:
        return f"{where} is in use: another node may be running (nightbus status), or choose another --port"
    return f"cannot listen on {where}: {failure.strerror or failure}"


async def serve(
    settings: Settings,
    listener: socket.socket,
    ready: Callable[[Node], None],
    mounts: Sequence[Mount] = (),
    worker: Worker | None = None,
) -> None:
    """Run a node until SIGINT or SIGTERM; `ready` is called when it answers, `mounts` answer further paths of it.
    `worker`: the node is one of several on the listener; it stops too when the process that supervises them is gone.

    Raises FolderInUse, CannotOpenStore, SettingsError.
    """
    sys.setrecursionlimit(max(RECURSION, sys.getrecursionlimit()))
    virtual = None
    if settings.virtual_time_from is not None:
        virtual = _virtual_time(settings.virtual_time_from, settings.test_cache)
    otlp = otlp_wanted(os.environ)
    node = Node(
        None if settings.memory else settings.data,
        settings.endpoint,
        settings.smtp,
        settings.forward,
        settings.quotas,
        settings.retention,
        settings.service_events,
        concurrent_executions=settings.concurrent_executions,
        idle_seconds=settings.environment_idle_seconds,
        preload_sdk=settings.preload_sdk,
        functions_network=settings.functions_network,
        trail_retention=settings.trail_retention,
        data_events=settings.audit_data_events,
        authorization=settings.authorization,
        dev_credentials=settings.dev_credentials,
        functions_endpoint=settings.plain_endpoint,
        virtual=virtual,
        spans=SpanNotes() if otlp.spans else None,
        shared=_shared(settings),
        worker=worker,
    )
    await node.start()
    export = _export(node, otlp)
    node.owners = (*node.owners, *mounts, *export)
    context = await _tls_context(settings, node) if settings.tls else None
    config = Config(
        Application(node, settings, mounts),
        http=HttpProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        backlog=_BACKLOG,
    )
    loop = asyncio.get_running_loop()

    def listening() -> None:
        ready(node)
        node.start_background_work()
        for mount in mounts:
            mount.begin(node)
        for one in export:
            one.start()
        resources.enter_context(short_collections())

    def stop() -> None:
        node.ending.set()
        loop.call_later(_GRACE_SECONDS - 1, node.platform.running.end_detached)
        server.should_exit = True

    def drained() -> None:
        node.ending.set()
        config.timeout_graceful_shutdown = MOST_SECONDS
        server.should_exit = True

    server = _Server(config, listening, context, worker)
    node.draining.end = drained
    _raise_descriptor_limit()
    if node.functions.networks is not None:
        node.functions.networks.serve_node = server.serve_on
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    if worker is not None:
        loop.add_reader(worker.lifeline, _once(worker.lifeline, stop))
    try:
        with contextlib.ExitStack() as resources:
            await server.serve(sockets=[listener])
        await node.draining.finish_invocations()
    finally:
        await node.stop()
        for one in export:
            await one.close()


def _once(descriptor: int, call: Callable[[], None]) -> Callable[[], None]:
    def react() -> None:
        asyncio.get_running_loop().remove_reader(descriptor)
        call()

    return react


def _shared(settings: Settings) -> SharedStore | None:
    """Return the shared store with the address that the cluster's other nodes show for this one."""
    if settings.store is None:
        return None
    return replace(settings.store, node_url=settings.endpoint_for_others(socket.gethostname()))


def _export(node: Node, otlp: Otlp) -> Sequence[OtlpExport]:
    """The export, if there is one: where nothing is exported, nothing of it is imported."""
    if not (otlp.spans or otlp.metrics):
        return ()
    from nightbus.node.otlp.exporting import OtlpExport

    return (OtlpExport(node, otlp),)


def _virtual_time(start_ms: int, cache: Path | None) -> VirtualTime:
    from nightbus.node.virtual_time.control import VirtualTime
    from nightbus.node.virtual_time.resting_loop import RestingLoop

    loop = asyncio.get_running_loop()
    assert isinstance(loop, RestingLoop)
    return VirtualTime(loop, start_ms, cache)


async def _tls_context(settings: Settings, node: Node) -> ssl.SSLContext:
    """Return the context of the node's certificate, which is made if need be. Stops the node if that fails."""
    from nightbus.node.tls_certificate import certificate_of

    try:
        return await asyncio.to_thread(lambda: certificate_of(settings, node.folder).context())
    except BaseException:
        await node.stop()
        raise


def _raise_descriptor_limit() -> None:
    """An environment takes five descriptors, those with extensions and with a network of their own some more; usual are
    1,024 for all."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def run(
    settings: Settings,
    listener: socket.socket,
    ready: Callable[[Node], None],
    mounts: Sequence[Mount] = (),
    worker: Worker | None = None,
) -> None:
    """`serve` on the fastest event loop that there is."""
    with asyncio.Runner(loop_factory=_loop_factory(settings)) as runner:
        try:
            runner.run(serve(settings, listener, ready, mounts, worker))
        finally:
            runner.run(end_leftovers())


def _loop_factory(settings: Settings) -> Callable[[], asyncio.AbstractEventLoop]:
    if settings.virtual_time_from is not None:
        from nightbus.node.virtual_time.resting_loop import RestingLoop

        return RestingLoop
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
