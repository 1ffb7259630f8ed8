"""Defines what the node and the process that calls other services send to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

AWS = "aws"  # as an endpoint: AWS itself, with the credentials of whoever started the node


class Unforwardable(ValueError):
    """The event's input cannot become the call; the text says why. Another try would not help."""


@dataclass(frozen=True, slots=True)
class ServiceCall:
    """One operation of a service, in boto3's names of the service and the API's of everything else."""

    service: str
    operation: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class HttpCall:
    """An HTTP request. `path` may hold `{name}`s of `address`, as may the endpoint that the setting names."""

    service: str  # that it is signed for
    url: str  # at AWS
    path: str
    method: str
    headers: Mapping[str, str]
    body: str
    address: Mapping[str, str] = field(default_factory=dict)
    signed: bool = True  # by SigV4
    seconds: float = 10  # for the answer


@dataclass(frozen=True, slots=True)
class ForwardAnswer:
    """`name` is what the service calls that which it began. With a `code` it refused.

    `answered`: the status is the service's own.
    """

    name: str = ""
    code: str = ""
    message: str = ""
    status: int = 0
    answered: bool = False


class Forwarder(Protocol):
    @property
    def endpoints(self) -> Mapping[str, str]:
        """By the setting's name of a service: a URL, or `aws`."""
        ...

    async def call(
        self, setting: str, call: ServiceCall | HttpCall, account: str, region: str
    ) -> ForwardAnswer:
        """Carries it out where the setting says. Never raises for what the service or the way to it does."""
        ...
