"""Puts one running node together, starts it, and stops it in order.

Parts are made from the bottom up and closed from the top down, so that whatever is still being delivered or
provisioned when the node stops finds its store open, and what does not finish is taken up at the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import logging
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from nightbus.audit.trail import Trail
from nightbus.aws.grammar import DEFAULT_ACCOUNT
from nightbus.clock import Clock, SystemClock
from nightbus.counters import Counters
from nightbus.delivery.api_destinations.invoker import ApiInvoker
from nightbus.delivery.backlog import Backlog
from nightbus.delivery.buses import Buses
from nightbus.delivery.dispatcher import Dispatcher
from nightbus.delivery.forwarding.process import ForwardingProcess
from nightbus.delivery.retention import Retention
from nightbus.delivery.router import Router
from nightbus.delivery.rules import RULE
from nightbus.functions.pool.concurrency import ACCOUNT_LIMIT, RunningInvocations
from nightbus.functions.pool.pool import IDLE_SECONDS
from nightbus.functions.runner import Runner
from nightbus.gateway.app import Gateway
from nightbus.identity.access_keys import AccessKeys
from nightbus.identity.administrator_keys import AdministratorKeys
from nightbus.identity.authorization import Authorizer
from nightbus.identity.credentials import CredentialIssuer
from nightbus.identity.last_uses import LastUses
from nightbus.identity.principals import Principals
from nightbus.identity.signers import Signers
from nightbus.keys.directory import Keys
from nightbus.messaging.log_policies import LogPolicies
from nightbus.messaging.mail_server import Mailer, MailServer
from nightbus.messaging.queues import Queues
from nightbus.messaging.topics import Topics
from nightbus.node import loop_holds
from nightbus.node.counted_functions import CountedFunctions
from nightbus.node.metrics.key import metrics_key
from nightbus.node.metrics.loop_lag import LoopLag
from nightbus.node.operations import OperationRegistry
from nightbus.node.operator_key import write_operator_key
from nightbus.node.resource_access import ServiceResources
from nightbus.node.settings import ALL, ENFORCE, LOOPBACK, MEMORY_FOLDER_PREFIX
from nightbus.outbound.http_client import HttpClient
from nightbus.services import SERVICES, WITHOUT_WORK
from nightbus.services.context import Platform
from nightbus.services.lambda_.invocations.by_rules import RuleInvocations
from nightbus.services.lambda_.records import FUNCTION, OF_AN_INVOCATION
from nightbus.services.logs.writer import LogWriter
from nightbus.span_notes import SpanNotes
from nightbus.stacks.callbacks.stack_callbacks import StackCallbacks
from nightbus.stacks.engine import Engine
from nightbus.stacks.records import STACK
from nightbus.stacks.templates.sam import transform_sam
from nightbus.store.duties import forget_unattended, on_duty
from nightbus.store.interface import Store
from nightbus.store.known_records import KnownRecords
from nightbus.store.sqlite.store import SqliteStore
from nightbus.store.vault import SIGNING, Vault

if TYPE_CHECKING:
    from nightbus.node.virtual_time.control import VirtualTime

log = logging.getLogger("nightbus.node")
_STOP_SECONDS = 5.0
_AGAIN_SECONDS = 5.0


class HoldsInMemory(Protocol):
    def in_memory(self) -> dict[str, int]:
        """The sizes of the maps that it owns, by name."""
        ...


class Node:
    """One node over one data folder.

    `folder`: the data folder; None keeps everything in a temporary one until the node stops.
    `endpoint`: the URL by which clients and functions reach the node.
    `mail`: the server for SNS's e-mail; None where there is none.
    `forwards`: by service, the URL to which targets of services outside Nightbus go; by default none.
    `quotas`: keep to AWS's quotas; by default True.
    `retention`: how long, and how much of, the buses' history is kept; by default that of `Retention()`.
    `service_events`: let PutEvents take sources that begin with `aws.`; by default False.
    `concurrent_executions`: how many invocations an account may run at a time in a region; by default 1,000.
    `idle_seconds`: how long an environment is kept that nobody invokes; by default ten minutes.
    `preload_sdk`: import boto3 once for all environments of a Python, unless memory is short; by default True.
    `functions_network`: what functions reach, `all` or `loopback`; by default all.
    `trail_retention`: how long, and how much of, the audit trail is kept; by default 90 days and 256 MB.
    `data_events`: record successful data calls in the audit trail too; by default False.
    `authorization`: `enforce` the policies of callers, or `audit`: write down what they would refuse.
    `dev_credentials`: take access keys that the node did not issue for administrators' keys; by default False.
    `functions_endpoint`: the URL by which functions reach the node; by default the same as for clients.
    `virtual`: a test's control over the node's time; by default none, and the time is real.
    `spans`: takes notes of what spans are made of; None where nobody exports spans.
    """

    def __init__(
        self,
        folder: Path | None,
        endpoint: str,
        mail: MailServer | None = None,
        forwards: Mapping[str, str] | None = None,
        quotas: bool = True,
        retention: Retention | None = None,
        service_events: bool = False,
        *,
        concurrent_executions: int = ACCOUNT_LIMIT,
        idle_seconds: float = IDLE_SECONDS,
        preload_sdk: bool = True,
        functions_network: str = ALL,
        trail_retention: Retention | None = None,
        data_events: bool = False,
        authorization: str = ENFORCE,
        dev_credentials: bool = False,
        functions_endpoint: str | None = None,
        virtual: VirtualTime | None = None,
        spans: SpanNotes | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._functions_endpoint = functions_endpoint or endpoint
        self._mail = mail
        self._quotas = quotas
        self._retention = retention or Retention()
        self._service_events = service_events
        self._concurrent_executions = concurrent_executions
        self._idle_seconds = idle_seconds
        self._preload_sdk = preload_sdk
        self._functions_network = functions_network
        self._trail_retention = trail_retention or Retention(hours=90 * 24, megabytes=256)
        self._data_events = data_events
        self._authorization = authorization
        self.dev_credentials = dev_credentials
        self.forwarding = ForwardingProcess(forwards or {})
        self._temporary = Path(tempfile.mkdtemp(prefix=MEMORY_FOLDER_PREFIX)) if folder is None else None
        self.folder = folder or self._temporary or Path()
        self.virtual = virtual
        self.clock: Clock = SystemClock() if virtual is None else virtual.clock
        self.started_ms = self.clock.now_ms()
        self.counters, self.loop_lag = Counters(), LoopLag()
        self.spans = spans
        self._tasks: list[asyncio.Task[None]] = []
        self.holds: loop_holds.LoopHolds | None = None
        self.ending = asyncio.Event()  # set once the node is to stop, so that what streams ends

    async def start(self) -> None:
        """Open the store, recover what a crash cut off, start the background work. Raises FolderInUse, VaultClosed."""
        durable = self._temporary is None and self.virtual is None
        inline = self.virtual is not None
        store = SqliteStore.open(
            self.folder, self.clock, durable=durable, counts=self.counters.commits, inline=inline
        )
        store.announce(urlsplit(self.endpoint).port or 0)
        self.operator_key, self.metrics_key = write_operator_key(self.folder), metrics_key(self.folder)
        self.store: Store = store
        CountedFunctions(store, self.counters)
        vault, http = Vault(None if self._temporary else self.folder), HttpClient()
        secret = vault.keyed(SIGNING)
        real_clock = SystemClock()  # of signatures and credentials, which clients and functions date
        credentials = CredentialIssuer(secret, real_clock)
        faults = None if self.virtual is None else self.virtual.faults
        self.access_keys = AccessKeys(store)
        self.administrator_keys = AdministratorKeys(store, vault, self.clock, self.folder)
        if self._temporary is None or not self.dev_credentials:
            await self.administrator_keys.ensure(DEFAULT_ACCOUNT)
        self.enforces_first = self.administrator_keys.had_none and await _has_resources(store)
        operations, resources = OperationRegistry(), ServiceResources()
        principals, log_policies = Principals(store), LogPolicies(store)
        authorizer = Authorizer(
            principals, resources, self.clock, self._authorization, unknown_roles=self.dev_credentials
        )
        log_sink = self._log_writer = LogWriter(store, self.clock, authorizer)
        self.functions = Runner(
            self.folder / "functions",
            self.clock,
            log_sink,
            credentials,
            self._functions_endpoint,
            store.open_blob,
            self._idle_seconds,
            self._preload_sdk,
            self._functions_network == LOOPBACK,
            None if self.virtual is None else self.virtual.kept_packages,
        )
        self.callbacks = StackCallbacks(store, self.clock, vault, secret, self._functions_endpoint)
        self.stacks = Engine(store, self.clock, operations, vault, callbacks=self.callbacks)
        keys = Keys(store, vault, self.clock)
        backlog, buses = Backlog(store), Buses(store)
        log.debug(
            "%d deliveries wait from before", backlog.waiting
        )  # counted once, before anybody waits for it
        queues = Queues(store, self.clock, keys, self.counters.hops)
        topics = Topics(store, queues, self.endpoint, vault, self.counters.hops)
        invoker = ApiInvoker(store, vault, http, self.clock)
        invocables = KnownRecords(store, OF_AN_INVOCATION)
        rule_invocations = RuleInvocations(store, invocables)
        router = Router(
            store,
            self.clock,
            queues,
            topics,
            rule_invocations,
            backlog,
            buses,
            authorizer,
            self.counters,
            faults,
            self.spans,
        )
        self.trail = Trail(store, self.clock, router, log_sink, self._data_events)
        authorizer.refused.append(self.trail.refused)
        authorizer.seen = self.trail.see_needs
        last_uses = self._last_uses = LastUses(store, self.clock)
        self._mailer = None if self._mail is None else Mailer(self._mail)
        self.dispatcher = Dispatcher(
            store,
            self.clock,
            operations,
            self.endpoint,
            queues,
            self.forwarding,
            invoker,
            router,
            http=http,
            mailer=self._mailer,
            authorizer=authorizer,
            counters=self.counters,
            faults=faults,
            spans=self.spans,
        )
        self.platform = Platform(
            store=store,
            clock=self.clock,
            operations=operations,
            functions=self.functions,
            router=router,
            stacks=self.stacks,
            credentials=credentials,
            queues=queues,
            topics=topics,
            log_sink=log_sink,
            endpoint=self.endpoint,
            vault=vault,
            keys=keys,
            invocables=invocables,
            http=http,
            mail=self._mail,
            forwards=self.forwarding.endpoints,
            quotas=self._quotas,
            service_events=self._service_events,
            retention=self._retention,
            trail=self.trail,
            trail_retention=self._trail_retention,
            running=RunningInvocations(self._concurrent_executions),
            log_policies=log_policies,
            authorizer=authorizer,
            last_uses=last_uses,
            counters=self.counters,
            faults=faults,
            transform_sam=transform_sam if self.virtual is None else self.virtual.transform_sam,
            spans=self.spans,
        )
        if self.virtual is not None:
            self.virtual.attach(store, self.platform, self.functions, self.trail)
        operations.attach(self.platform)
        resources.attach(self.platform)
        signers = Signers(self.access_keys, credentials, vault, real_clock)
        self.gateway = Gateway(
            operations,
            signers,
            self.access_keys.sessions,
            real_clock,
            accepts_unknown_keys=self.dev_credentials,
            counters=self.counters,
            takes_traceparent=self.spans is not None,
        )
        self.owners: Sequence[HoldsInMemory] = (
            buses,
            router,
            rule_invocations,
            invoker,
            self.dispatcher,
            self.stacks,
            self.functions,
            log_sink,
            invocables,
            keys,
            self.access_keys,
            self.trail,
            last_uses,
            self.platform.lookups,
            principals,
            self.platform.specs,
            self.platform.access_logs,
            log_policies,
            authorizer,
            self.gateway.verifier,
            self.counters,
            *((self.spans,) if self.spans is not None else ()),
        )

    def start_background_work(self) -> None:
        """Once the node listens, since what goes on from before a restart may call it."""
        if loop_holds.is_enabled():
            self.holds = loop_holds.LoopHolds()
            self._spawn("measurement of the loop", self.holds.run())
        if self.functions.networks is not None:
            self._spawn("trial of functions' networks", self.functions.say_lost_network())
        self._spawn("start of the services' work", self._start_work_of_services())
        self._spawn("stacks", self._lasting("stacks", self.stacks.run))
        self._spawn_duty("stack recovery", self.stacks.recover)
        self._spawn_duty("forgetting deleted stacks", self.stacks.forget_deleted_stacks)
        self._spawn_duty("forgetting duties", lambda: forget_unattended(self.store, self.clock))

    async def _start_work_of_services(self) -> None:
        """One service after the other: importing all of them takes 0.2 s, in which first requests are answered."""
        for package in (SERVICES[name] for name in SERVICES if name not in WITHOUT_WORK):
            await asyncio.sleep(0)
            services = importlib.import_module(package)
            for make in getattr(services, "JOB_QUEUES", ()):
                self.dispatcher.add(make(self.platform))
            for worker in getattr(services, "WORKERS", ()):
                name = f"{package} {worker.__name__}"
                self._spawn(name, self._lasting(name, functools.partial(worker, self.platform)))
            for worker in getattr(services, "DUTIES", ()):
                name = f"{package} {worker.__name__}"
                self._spawn_duty(name, functools.partial(worker, self.platform))
        self._spawn("dispatcher", self._lasting("dispatcher", self.dispatcher.run))

    def _spawn_duty(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """The work, done while no other node on the same store does it."""
        self._spawn(name, self._lasting(name, lambda: on_duty(self.store, self.clock, name, work)))

    async def _lasting(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Work that fails, since the disk is full say, begins again."""
        while True:
            try:
                return await work()
            except Exception:
                log.exception("%s failed; it begins again in %.0f s", name, _AGAIN_SECONDS)
            await self.clock.sleep(_AGAIN_SECONDS)

    def _spawn(self, name: str, work: Awaitable[None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("%s stopped working; restart the node", name)

        self._tasks.append(asyncio.create_task(guarded(), name=name))

    async def stop(self) -> None:
        """In order: no new deliveries, stacks parked, workers ended, functions ended, store closed.

        Workers end before functions do: a worker would take the end of its function for a failure of it.
        """
        self.loop_lag.close()
        self.ending.set()
        await _in_time(self.dispatcher.close, self.stacks.close)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await _in_time(self.functions.close, self.forwarding.close, self._log_writer.close, self.trail.close)
        await _in_time(self._last_uses.close)
        if self._mailer is not None:
            self._mailer.close()
        await self.store.close()
        if self._temporary is not None:
            await asyncio.to_thread(shutil.rmtree, self._temporary, ignore_errors=True)


async def _has_resources(store: Store) -> bool:
    """Return whether the store has something that acts or is acted for, so it was used before."""
    return any([await store.scopes(kind) for kind in (FUNCTION, RULE, STACK)])


async def _in_time(*closes: Callable[[], Awaitable[None]]) -> None:
    """One after the other, each within `_STOP_SECONDS`."""
    for close in closes:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(close(), _STOP_SECONDS)
