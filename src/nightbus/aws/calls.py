"""Defines the caller and the scope of operation calls, and the protocol by which one operation calls another.

Everything in the store is keyed by a `Scope`. A `Call` belongs to one operation call, over HTTP or from inside (a stack
that provisions, a rule that invokes). Services call each other only by `Operations`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

from nightbus.aws.ids import new_request_id
from nightbus.aws.replies import Reply


class Scope(NamedTuple):
    """An account and a region. Every resource belongs to one; the resources of global services have region `""`."""

    account: str
    region: str


class Session(NamedTuple):
    """What temporary credentials carry besides the principal.

    `role` is the ARN of the session's role, "" for a session of a user or of the root user. `issued` is in UTC ms, 0 if
    unknown. `policies` are session policies: JSON texts, and ARNs of managed policies. `mfa` is None where nothing is
    known of it. `assumed_by` is the AWS service that uses the role, whose trust policy has to admit it; credentials
    that AssumeRole issued have none, since their caller was admitted then. `role_id` is the role's unique id when the
    session began, "" if the role was not read. `transitive` has the keys, in lower case, of the tags that the next role
    of a chain inherits. A federated user's session has the user or root who asked for it as its `parent` (an ARN) with
    `parent_id`: it may do what the parent may and its session policies allow, nothing without session policies.
    `function` is the ARN of the Lambda function, without a qualifier, whose code got the credentials.
    """

    role: str
    issued: int = 0
    policies: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    source_identity: str = ""
    mfa: bool | None = None
    assumed_by: str = ""
    role_id: str = ""
    transitive: tuple[str, ...] = ()
    parent: str = ""
    parent_id: str = ""
    function: str = ""

    @property
    def inherited_tags(self) -> dict[str, str]:
        """The tags that the next role of a chain inherits."""
        return {key: value for key, value in self.tags if key.lower() in self.transitive}


@dataclass(frozen=True, slots=True)
class Caller:
    """A principal with its ARN, or an AWS service that acts for a resource (`service`, `source_arn`).

    Both: a service that uses a role, or that forwards a principal's request (CloudFormation for the stack's caller).
    """

    account: str
    arn: str
    user_id: str
    access_key: str = ""
    service: str = ""
    source_arn: str = ""
    session: Session | None = None

    @classmethod
    @functools.lru_cache(maxsize=1024)
    def root(cls, account: str, access_key: str = "") -> Caller:
        return cls(account, f"arn:aws:iam::{account}:root", account, access_key)

    @classmethod
    def anonymous(cls) -> Caller:
        """Return the caller without credentials, which has no account and only the rights that everybody has."""
        return _ANONYMOUS

    @property
    def is_anonymous(self) -> bool:
        return self.arn == _ANONYMOUS_ARN

    @classmethod
    def for_service(cls, account: str, service: str, source_arn: str) -> Caller:
        """Return an AWS service as the caller. `service` is a principal such as `events.amazonaws.com`."""
        return cls(account, "", "", service=service, source_arn=source_arn)

    @classmethod
    def in_role(cls, role_arn: str, session_name: str, service: str, source_arn: str = "") -> Caller:
        """Return a session of the role that an AWS service has begun, for the resource `source_arn` if it is given."""
        _, partition, _, _, account, _ = role_arn.split(":", 5)
        name = role_arn.rsplit("/", 1)[-1]
        arn = f"arn:{partition}:sts::{account}:assumed-role/{name}/{session_name}"
        session = Session(role_arn, assumed_by=service)
        return cls(account, arn, "", service=service, source_arn=source_arn, session=session)

    @property
    def is_root(self) -> bool:
        return self.arn.endswith(":root") and ":iam:" in self.arn

    def stored(self) -> dict[str, Any]:
        """Return the principal as a value for the store, without the service that acts for it."""
        kept = {
            "account": self.account,
            "arn": self.arn,
            "user_id": self.user_id,
            "access_key": self.access_key,
        }
        return kept if self.session is None else kept | {"session": self.session._asdict()}

    @classmethod
    def restored(cls, value: Mapping[str, Any]) -> Caller:
        """Return the caller that `stored` gave."""
        session = value.get("session")
        if session is None:
            return cls(**value)
        tags = tuple((str(key), str(text)) for key, text in session["tags"])
        lists = {name: tuple(session.get(name, ())) for name in ("policies", "transitive")}
        made = Session(**{**session, **lists, "tags": tags})
        return cls(**{**value, "session": made})


_ANONYMOUS_ARN = "anonymous"
_ANONYMOUS = Caller("", _ANONYMOUS_ARN, "")


@dataclass(frozen=True, slots=True)
class Call:
    """The scope, the caller and further circumstances of one call. `endpoint` is the node's base URL in the request."""

    scope: Scope
    caller: Caller
    endpoint: str
    request_id: str = field(default_factory=new_request_id)
    trace: str = ""  # the X-Amzn-Trace-Id header, "" without one
    source_ip: str = ""  # the client's address, "" for a call from inside
    is_form: bool = False  # PutObject by an HTML form, which notifications call by another name
    as_aws_service: bool = False  # PutEvents accepts sources that begin with aws.; no request sets it
    via: tuple[str, ...] = ()  # the services, by botocore's names, through which the caller's request came
    trusted: bool = False  # what the node does for itself, which nothing has to allow; no request sets it
    user_agent: str = ""
    is_secure: bool = False  # whether the request came by TLS
    link_version: int = 0  # the version of the signature, 2 or 4, of a presigned URL, 0 without one
    link_age_ms: int = 0  # since a presigned URL of version 4 was signed

    def through(self, service: str) -> Call:
        """Return a call that a service makes in the caller's name; its own call, if the caller is the service in a role
        that it has assumed."""
        session = self.caller.session
        if session is not None and session.assumed_by == f"{service}.amazonaws.com":
            return self
        return replace(self, via=(*self.via, service))

    def acting_as(self, service: str, source_arn: str) -> Call:
        """Return a call in the same circumstances with an AWS service as its caller and a new request id."""
        caller = Caller.for_service(self.scope.account, service, source_arn)
        return Call(self.scope, caller, self.endpoint, trace=self.trace)


class Operations(Protocol):
    """Calls any operation of any service, by botocore's name of the service and the operation's name."""

    async def call(
        self, service: str, operation: str, params: Mapping[str, Any], call: Call
    ) -> dict[str, Any]:
        """Validate `params` by the service model, run the handler, return its output in wire names.

        Raises AwsError.
        """
        ...

    async def handle(
        self, service: str, operation: str, params: Mapping[str, Any], call: Call
    ) -> Mapping[str, Any] | Reply:
        """Do the same as `call` for the gateway, and keep the HTTP details of a `Reply`."""
        ...
