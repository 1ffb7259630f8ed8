"""Puts one running node together, starts it, and stops it in order.

Parts are made from the bottom up and closed from the top down, so that whatever is still being delivered or
provisioned when the node stops finds its store open, and what does not finish is taken up at the next start.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import logging
import shutil
import tempfile
from collections.abc import Mapping, Sequence
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
from nightbus.node.background_work import BackgroundWork
from nightbus.node.counted_functions import CountedFunctions
from nightbus.node.draining import Draining
from nightbus.node.forgetting import forget_hourly
from nightbus.node.membership import NodeLoad, real_clock, share_limits
from nightbus.node.metrics.loop_lag import LoopLag
from nightbus.node.operations import OperationRegistry
from nightbus.node.operator_key import write_operator_key
from nightbus.node.resource_access import ServiceResources
from nightbus.node.settings import ALL, ENFORCE, LOOPBACK, MEMORY_FOLDER_PREFIX
from nightbus.node.shared_store import SharedStore
from nightbus.node.stopping import Stopping
from nightbus.node.storage import Storage, open_embedded, open_shared
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
from nightbus.store.interface import Store
from nightbus.store.known_records import KnownRecords
from nightbus.store.vault import SIGNING

if TYPE_CHECKING:
    from nightbus.node.virtual_time.control import VirtualTime
    from nightbus.node.workers import Worker

log = logging.getLogger("nightbus.node")
_DISPATCHER = "dispatcher"


class HoldsInMemory(Protocol):
    def in_memory(self) -> dict[str, int]:
        """The sizes of the maps that it owns, by name."""
        ...


class Node:
    """One node over one data folder.

    `folder`: the data folder; None keeps everything in a temporary one until the node stops.
    `shared`: the store that the node shares with others; by default none, and the store is in the data folder.
    `worker`: the node is one of several processes on one port and one data folder; by default none.
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
        shared: SharedStore | None = None,
        worker: Worker | None = None,
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
        self.clock: Clock = real_clock(shared is not None) if virtual is None else virtual.clock
        self.started_ms = self.clock.now_ms()
        self.counters, self.loop_lag = Counters(), LoopLag()
        self.spans = spans
        self._shared, self._worker = shared, worker
        self._work = BackgroundWork(self.clock)
        self.holds: loop_holds.LoopHolds | None = None
        self.ending = asyncio.Event()  # set once the node is to stop, so that what streams ends

    async def start(self) -> None:
        """Open the store, recover what a crash cut off, start the background work.

        Raises FolderInUse, VaultClosed, CannotOpenStore.
        """
        self.storage = await self._open_storage()
        self.started_ms = self.clock.now_ms()
        store, vault, self.metrics_key = self.storage.store, self.storage.vault, self.storage.metrics_key
        self.store: Store = store
        self.operator_key = (
            write_operator_key(self.folder) if self._worker is None else self._worker.operator_key
        )
        http = HttpClient()
        CountedFunctions(store, self.counters)
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
            (self.folder if self._worker is None else self._worker.folder(self.folder)) / "functions",
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
        strikes = {} if faults is None else {"strikes": faults.strikes_delivery}
        topics = Topics(store, queues, self.endpoint, vault, self.counters.hops, **strikes)
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
        self._join()

    async def _open_storage(self) -> Storage:
        port = urlsplit(self.endpoint).port or 0
        if self._shared is not None:
            return await open_shared(
                self._shared, self.folder, self.clock, port, counters=self.counters, worker=self._worker
            )
        virtual, kept = self.virtual is not None, self._temporary is None
        return open_embedded(
            self.folder, self.clock, port, kept=kept, virtual=virtual, counters=self.counters
        )

    def _join(self) -> None:
        """Keep limits with the other nodes, let them know how busy this one is, end it when somebody asks for that."""
        running, nodes = self.platform.running, self.storage.nodes
        share_limits(self.platform, self.dispatcher.rates, self.storage.slots, self.storage.rates)
        end_duties = functools.partial(self._work.end, but=_DISPATCHER)
        self.draining = Draining(end_duties, self.dispatcher.close, lambda: running.count)
        if nodes is not None:
            nodes.presence.load = NodeLoad(self.storage.under_way, self.clock, self.counters, running)
            nodes.on_draining = lambda draining: self.draining.begin() if draining else None

    def start_background_work(self) -> None:
        """Once the node listens, since what goes on from before a restart may call it."""
        work = self._work
        if loop_holds.is_enabled():
            self.holds = loop_holds.LoopHolds()
            work.add("measurement of the loop", self.holds.run())
        if self.functions.networks is not None:
            work.add("trial of functions' networks", self.functions.say_lost_network())
        if self._shared is not None:
            work.add_lasting("administrators' keys of other nodes", self.administrator_keys.follow)
        work.add("start of the services' work", self._start_work_of_services())
        work.add_lasting("stacks", self.stacks.run)
        work.add_duty(self.store, "stack recovery", self.stacks.recover)
        work.add_duty(self.store, "forgetting deleted stacks", self.stacks.forget_deleted_stacks)
        work.add_duty(self.store, "forgetting duties", lambda: forget_hourly(self.store, self.clock))

    async def _start_work_of_services(self) -> None:
        """One service after the other: importing all of them takes 0.2 s, in which first requests are answered."""
        work = self._work
        for package in (SERVICES[name] for name in SERVICES if name not in WITHOUT_WORK):
            await asyncio.sleep(0)
            services = importlib.import_module(package)
            for make in getattr(services, "JOB_QUEUES", ()):
                self.dispatcher.add(make(self.platform))
            for worker in getattr(services, "WORKERS", ()):
                work.add_lasting(f"{package} {worker.__name__}", functools.partial(worker, self.platform))
            for worker in getattr(services, "DUTIES", ()):
                work.add_duty(
                    self.store, f"{package} {worker.__name__}", functools.partial(worker, self.platform)
                )
        work.add_lasting(_DISPATCHER, self.dispatcher.run)

    async def stop(self) -> None:
        """In order: no new deliveries, stacks parked, workers ended, functions ended, store closed; in 15 s or so.

        Workers end before functions do: a worker would take the end of its function for a failure of it.
        """
        self.loop_lag.close()
        self.ending.set()
        stopping = Stopping(self._shared is not None)
        await stopping.end(4, deliveries=self.dispatcher.close, stacks=self.stacks.close, work=self._work.end)
        await stopping.end(5, functions=self.functions.close, forwarding=self.forwarding.close)
        await stopping.end(2, logs=self._log_writer.close, trail=self.trail.close, uses=self._last_uses.close)
        if self._mailer is not None:
            self._mailer.close()
        await self.storage.close()
        if self._temporary is not None:
            await asyncio.to_thread(shutil.rmtree, self._temporary, ignore_errors=True)


async def _has_resources(store: Store) -> bool:
    """Return whether the store has something that acts or is acted for, so it was used before."""
    return any([await store.scopes(kind) for kind in (FUNCTION, RULE, STACK)])
