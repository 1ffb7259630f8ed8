"""Defines who calls which operation and where, and the protocol by which one operation calls another.

`Scope` keys everything that is kept. `Call` travels with one operation call, whether it came over HTTP or from
inside (a stack that provisions, a rule that invokes). `Operations` is the only way from one service to another.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from nightbus.aws.ids import new_request_id
from nightbus.aws.replies import Reply


class Scope(NamedTuple):
    """Every resource belongs to one account and one region; global services use region `""`."""

    account: str
    region: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a principal with its ARN, or an AWS service acting for a resource (`service`, `source_arn`)."""

    account: str
    arn: str
    user_id: str
    access_key: str = ""
    service: str = ""
    source_arn: str = ""

    @classmethod
    @functools.lru_cache(maxsize=1024)
    def root(cls, account: str, access_key: str = "") -> Caller:
        return cls(account, f"arn:aws:iam::{account}:root", account, access_key)

    @classmethod
    def anonymous(cls) -> Caller:
        """Somebody without credentials: of no account, so that only what is granted to everybody is granted."""
        return _ANONYMOUS

    @property
    def is_anonymous(self) -> bool:
        return self.arn == _ANONYMOUS_ARN

    @classmethod
    def for_service(cls, account: str, service: str, source_arn: str) -> Caller:
        """`service` is a principal such as `events.amazonaws.com`."""
        return cls(account, "", "", service=service, source_arn=source_arn)


_ANONYMOUS_ARN = "anonymous"
_ANONYMOUS = Caller("", _ANONYMOUS_ARN, "")


@dataclass(frozen=True, slots=True)
class Call:
    """The circumstances of one operation call. `endpoint` is the node's base URL as this client saw it."""

    scope: Scope
    caller: Caller
    endpoint: str
    request_id: str = field(default_factory=new_request_id)
    trace: str = ""  # the X-Amzn-Trace-Id header, where the request had one
    as_aws_service: bool = False  # PutEvents takes sources that begin with aws.; nothing in a request sets it

    def acting_as(self, service: str, source_arn: str) -> Call:
        """The same circumstances with an AWS service as the caller, and a request id of its own."""
        caller = Caller.for_service(self.scope.account, service, source_arn)
        return Call(self.scope, caller, self.endpoint, trace=self.trace)


class Operations(Protocol):
    """Every operation of every service, by botocore's service name and the operation's own name."""

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
        """The same for the gateway, which also wants the HTTP details of a `Reply`."""
        ...
