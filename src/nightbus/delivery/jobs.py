"""Defines a job: one input on its way to one target, and what a queue of jobs knows about those that it holds.

A job has four parts, each with one question:

- the *target* (an ARN and its settings, or the address of an endpoint) says how an attempt is made:
  `nightbus.delivery.targets` has a module for each kind;
- the *input* is what the target gets;
- the *policy* says when a failed attempt is followed by another one;
- the *origin* (a rule of a bus, a subscription, an invocation that ended) says on whose behalf the target is called,
  and its `JobQueue` what is written down about an attempt and what a dead letter contains.

The dispatcher makes the attempts, the same way for every origin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import orjson

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Call, Operations, Scope
from nightbus.clock import Clock
from nightbus.delivery.forwarding.interface import Forwarder
from nightbus.delivery.interface import EventRouter
from nightbus.delivery.rates import Rates
from nightbus.identity.authorization import Authorizer
from nightbus.messaging.mail_server import Mailer
from nightbus.messaging.queue_writes import Incoming
from nightbus.outbound.http_client import HttpClient
from nightbus.store.interface import Change, Store


@dataclass(frozen=True, slots=True)
class Delivered:
    """`request_id` is what the target calls what it took: a message's id, or that of an invocation's request."""

    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """`code` and `message` are those of the target's service; `permanent`: another attempt would fail as well.

    `not_before`: UTC ms before which the target asked not to be tried again. `status`: the HTTP status of its answer,
    0 where there was none.
    """

    code: str
    message: str
    permanent: bool
    not_before: int = 0
    status: int = 0


Outcome = Delivered | Failed


@dataclass(frozen=True, slots=True)
class Postponed:
    """No attempt was made: the job waits for its turn until `until`, UTC ms."""

    until: int


class Policy(Protocol):
    """Decides when a failed attempt is followed by another one."""

    def next_attempt(
        self, attempt: int, accepted: int, now: int, jitter: float, not_before: int
    ) -> int | None:
        """When (UTC ms) to try again after `attempt` (1 for the first) failed at `now`; None: give the job up.

        `accepted` (UTC ms) is when the job was taken on, `jitter` in 0..1 is the caller's chance, `not_before`
        (UTC ms) is what the target asked for, 0 for nothing.
        """
        ...

    def ends(self, accepted: int) -> int | None:
        """UTC ms after which no first attempt is made either; None where a job never grows too old."""
        ...


class Origin(Protocol):
    """On whose behalf a job is delivered."""

    @property
    def arn(self) -> str:
        """Of the rule, the topic or the function."""
        ...

    @property
    def id(self) -> str:
        """Of the event, notification or invocation: the same for each attempt."""
        ...


OriginT_co = TypeVar("OriginT_co", bound=Origin, covariant=True)
OriginT = TypeVar("OriginT", bound=Origin)


@dataclass(frozen=True, slots=True)
class Job(Generic[OriginT_co]):
    """`target` has its `Arn` and settings as PutTargets takes them, or what `nightbus.delivery.targets` says of an
    endpoint.

    `accepted` (UTC ms) is when the job was taken on, from which its policy counts: of a job that waits for a time, that
    time. `attempt` is 1 for the first. `share` names whose slots an attempt takes; without a name a target elsewhere
    has a share of its own by its ARN, and one within the node's own store, which is never slow, needs none. `trace` is
    the X-Ray header that goes on to the target.
    """

    target: Mapping[str, Any]
    input: bytes
    policy: Policy
    origin: OriginT_co
    accepted: int
    attempt: int = 1
    share: str = ""
    trace: str = ""

    @property
    def address(self) -> str:
        """The target's ARN, or where it has none the name of its share, as logs may show it."""
        return str(self.target.get("Arn", self.share))

    def target_scope(self, home: Scope) -> Scope:
        """Where the target lives: what its ARN leaves out, as that of a bucket does, is as in `home`."""
        if "Arn" not in self.target:
            return home
        arn = Arn.parse(str(self.target["Arn"]))
        return Scope(arn.account or home.account, arn.region or home.region)

    def next_try(self) -> Job[OriginT_co]:
        return replace(self, attempt=self.attempt + 1)


def encode_job(job: Job[Any]) -> bytes:
    """Return what a queue keeps of a job whose origin is a dataclass. The queue decides the policy and the share."""
    return orjson.dumps(
        {
            "target": job.target,
            "input": job.input.decode(),
            "origin": asdict(job.origin),
            "accepted": job.accepted,
            "attempt": job.attempt,
            "trace": job.trace,
        }
    )


def decode_job(data: bytes, policy: Policy, origin: Callable[..., OriginT]) -> Job[OriginT]:
    """Return the job that `encode_job` encoded; `origin` is the class of its origin."""
    value = orjson.loads(data)
    return Job(
        value["target"],
        value["input"].encode(),
        policy,
        origin(**value["origin"]),
        value["accepted"],
        value["attempt"],
        trace=value["trace"],
    )


class Buried(NamedTuple):
    """The dead letter of a job: the ARN of its queue, and what that calls the message."""

    queue: str
    message_id: str


class Lost(NamedTuple):
    """A job that its dead-letter queue did not take: the queue's ARN, and why."""

    queue: str
    why: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt and what follows from it.

    `again_ms` is when the next attempt is made, None after the last one. `began` and `ended` are UTC ms. `letter` says
    what became of the dead letter, None where there was none to send.
    """

    outcome: Outcome
    again_ms: int | None
    began: int
    ended: int
    letter: Buried | Lost | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message for the queue `queue` (an ARN), sent by `service` on behalf of `source`, an ARN.

    `sender` is the account that the message says it is from. `name` is what a person calls who sends it.
    """

    queue: str
    service: str
    source: str
    sender: str
    message: Incoming
    name: str


class JobQueue(Protocol[OriginT]):
    """The jobs of one kind of origin, in a queue of the store: how they are read, and what they leave behind."""

    @property
    def name(self) -> str:
        """Of the queue in the store."""
        ...

    def decode(self, data: bytes) -> Job[OriginT]:
        """Raises ValueError and the like for what cannot be read."""
        ...

    def encode(self, job: Job[OriginT]) -> bytes: ...

    async def current(self, job: Job[OriginT]) -> Job[OriginT] | None:
        """The job as it is to be delivered now; None where nobody wants it any more, and it is dropped.

        Where it raises, that counts as an attempt; the job is dropped after a day of them.
        """
        ...

    def call(self, job: Job[OriginT], endpoint: str) -> Call:
        """As whom, and where (`Job.target_scope`), the target is called; `endpoint` is the node's base URL."""
        ...

    async def records(self, job: Job[OriginT], attempt: Attempt) -> list[Change]:
        """What is written down about an attempt, in the commit that settles it.

        After a Conflict this is asked again, for the same attempt. Where it raises, or its changes never fit, the job
        is settled without them, and the node's log says why.
        """
        ...

    async def dead_letter(self, job: Job[OriginT], failure: Failed) -> DeadLetter | None:
        """What is kept of a job that is given up; None where no queue was named for it."""
        ...

    def log_failure(self, job: Job[OriginT], failure: Failed, attempt: Attempt) -> None:
        """Write the line, or the lines, of an attempt that failed to the node's log."""
        ...


class Invoker(Protocol):
    async def invoke(
        self, scope: Scope, arn: str, who: str, parameters: Mapping[str, Any], input_text: str, rates: Rates
    ) -> Outcome | Postponed:
        """One attempt at an API destination of `scope`, when `rates` have room for it.

        `parameters` are the target's HttpParameters, filled from the event; `who` is the same for every attempt of one
        delivery.
        """
        ...


@dataclass(frozen=True, slots=True)
class TargetContext:
    """What a target may use. `call` is as whom, and where, the target is called."""

    operations: Operations
    store: Store
    clock: Clock
    call: Call
    forwarder: Forwarder
    invoker: Invoker
    router: EventRouter
    http: HttpClient = field(default_factory=HttpClient)
    mailer: Mailer | None = None
    rates: Rates = field(default_factory=Rates)
    authorizer: Authorizer | None = None  # for what no operation of Nightbus does
