"""Defines what an operation handler gets besides its parameters: the call, and the parts of the node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nightbus.aws.arn import arn
from nightbus.aws.calls import Call, Caller, Operations, Scope
from nightbus.aws.errors import AwsError
from nightbus.clock import Clock
from nightbus.counters import Counters
from nightbus.delivery.interface import EventRouter
from nightbus.delivery.jobs import JobQueue
from nightbus.delivery.retention import Retention
from nightbus.faults import Faults
from nightbus.functions.interface import FunctionRunner, LogSink
from nightbus.functions.known_specs import FunctionSpecs
from nightbus.functions.pool.concurrency import RunningInvocations
from nightbus.identity.asking_handlers import AskedKeys
from nightbus.identity.audit import AuditTrail
from nightbus.identity.authorization import Authorizer
from nightbus.identity.call_rates import CallRates
from nightbus.identity.credentials import CredentialIssuer
from nightbus.identity.global_keys import OF_SERVICES, call_keys
from nightbus.identity.last_uses import LastUses
from nightbus.keys.directory import Keys
from nightbus.messaging.access import Access
from nightbus.messaging.access_logs import AccessLogs
from nightbus.messaging.deduplication import SequenceNumbers
from nightbus.messaging.log_policies import LogPolicies
from nightbus.messaging.mail_server import MailServer
from nightbus.messaging.queues import Queues
from nightbus.messaging.topics import Topics
from nightbus.outbound.http_client import HttpClient
from nightbus.policies.document import Policy
from nightbus.policies.request import Need, Values
from nightbus.span_notes import SpanNotes
from nightbus.stacks.interface import StackEngine
from nightbus.stacks.templates.sam import SamTransform, transform_sam
from nightbus.store.interface import RecordReader, Store
from nightbus.store.vault import Vault


@dataclass(frozen=True, slots=True)
class Platform:
    """The parts of a running node that services may use.

    Every service imports this module, so the class of a part lies below the services (docs/extending.md).
    """

    store: Store
    clock: Clock
    operations: Operations
    functions: FunctionRunner
    router: EventRouter
    stacks: StackEngine
    credentials: CredentialIssuer
    queues: Queues
    topics: Topics
    log_sink: LogSink
    endpoint: str  # the node's base URL
    vault: Vault
    keys: Keys
    invocables: RecordReader  # the records that an invocation reads, cached in memory
    http: HttpClient = field(default_factory=HttpClient)
    mail: MailServer | None = None
    forwards: Mapping[str, str] = field(default_factory=dict)  # the endpoints of services outside Nightbus
    service_events: bool = False  # whether PutEvents accepts sources that begin with aws. from everybody
    quotas: bool = True  # whether AWS's quotas, those that an account may ask to raise, are enforced
    retention: Retention = field(default_factory=Retention)
    trail: AuditTrail | None = None
    lookups: CallRates = field(default_factory=CallRates)  # of LookupEvents
    trail_retention: Retention = field(default_factory=lambda: Retention(hours=90 * 24, megabytes=256))
    running: RunningInvocations = field(default_factory=RunningInvocations)
    specs: FunctionSpecs = field(default_factory=FunctionSpecs)
    access_logs: AccessLogs = field(default_factory=AccessLogs)
    object_numbers: SequenceNumbers = field(default_factory=SequenceNumbers)  # of the events of S3's objects
    log_policies: LogPolicies | None = None  # None where nobody asks
    authorizer: Authorizer | None = None  # None where everybody may do everything
    last_uses: LastUses | None = None
    counters: Counters = field(default_factory=Counters)
    faults: Faults | None = None  # None but on a node for tests
    transform_sam: SamTransform = transform_sam
    spans: SpanNotes | None = None  # None where nobody exports spans


@dataclass(frozen=True, slots=True)
class Context:
    """`handles` is the operation, such as `events:PutEvents`, "" for work that no operation does.

    `asked_keys` are those of its authorization, None where nobody was asked.
    """

    call: Call
    platform: Platform
    handles: str = ""
    asked_keys: AskedKeys | None = None

    @property
    def scope(self) -> Scope:
        return self.call.scope

    @property
    def global_scope(self) -> Scope:
        """The account's scope without a region, for the records of global services such as IAM."""
        return Scope(self.call.scope.account, "")

    @property
    def account(self) -> str:
        return self.call.scope.account

    @property
    def region(self) -> str:
        return self.call.scope.region

    @property
    def caller(self) -> Caller:
        return self.call.caller

    @property
    def store(self) -> Store:
        return self.platform.store

    def now_ms(self) -> int:
        return self.platform.clock.now_ms()

    def arn(self, service: str, resource: str) -> str:
        """Return an ARN in the call's account and region."""
        return arn(service, self.region, self.account, resource)

    async def operation(self, service: str, name: str, /, **params: Any) -> dict[str, Any]:
        """Call another service's operation in the caller's name. `params` have wire names. Raises AwsError."""
        by = self.handles.partition(":")[0]
        call = self.call.through(by) if by not in ("", service) else self.call
        return await self.platform.operations.call(service, name, params, call)

    def call_keys(self, policy: Policy) -> Mapping[str, Values] | None:
        """Return the condition keys of the call for a resource's policy that names some, None for another policy."""
        return call_keys(self.call, policy, self.now_ms())

    def policy_keys(self, policy: Policy, action: str, resource: str) -> Mapping[str, Values] | None:
        """Return the condition keys with which a handler asks the policy of `resource` about the caller's `action`.

        None: the policy names none, or only such as follow from the caller.
        """
        if policy.condition_keys <= OF_SERVICES:
            return None
        asked = self.asked_keys.of(action, resource) if self.asked_keys is not None else None
        return asked or self.call_keys(policy)

    def refusal_of(
        self,
        access: Access,
        action: str,
        values: Mapping[str, Values] | None = None,
        *,
        of_owner: bool = False,
    ) -> str:
        """Return why the policy of a queue, topic or secret refuses the caller's action, "" if it does not.

        `values` are condition keys of this action alone. `of_owner`: no policy gives the action to other accounts.
        """
        keys = self.policy_keys(access.policy, action, access.arn)
        known = values if keys is None else {**keys, **(values or {})}
        return (access.refusal_but_to_owner if of_owner else access.refusal)(self.caller, action, known)

    @property
    def enforces(self) -> bool:
        """Whether a refusal that the handler finds out counts; in audit mode the node only writes refusals down."""
        authorizer = self.platform.authorizer
        return authorizer is None or authorizer.enforces

    async def authorize(self, *needs: Need) -> None:
        """Raise AwsError unless the caller may do this too: what an operation needs that only its handler knows."""
        if self.platform.authorizer is not None:
            asked_keys = self.asked_keys.of_handler() if self.asked_keys is not None else None
            await self.platform.authorizer.authorize(self.handles, needs, self.call, asked_keys)

    async def permits(self, caller: Caller, *needs: Need) -> bool:
        """Return whether a role or a service may do for the caller what a request names. A refusal is explained by the
        request's id, as one of the caller's own is."""
        authorizer = self.platform.authorizer
        if authorizer is None:
            return True
        try:
            by_it = replace(self.call, caller=caller, via=(), trusted=False)
            await authorizer.authorize(self.handles, needs, by_it)
        except AwsError:
            return False
        return True

    async def allows(self, *needs: Need) -> bool:
        """Return whether the caller may do this too, for a reply that depends on it; a refusal is not recorded."""
        authorizer = self.platform.authorizer
        if authorizer is None or self.call.trusted:
            return True
        return await authorizer.admits(self.caller, self.scope, *needs)


Handler = Callable[..., Awaitable[Any]]
Worker = Callable[[Platform], Awaitable[None]]
JobQueueMaker = Callable[[Platform], JobQueue[Any]]
