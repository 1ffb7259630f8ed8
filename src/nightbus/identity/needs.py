"""Says which actions and resources an operation needs, for the tables `ACTIONS` beside the handlers of each service.

A line of a table is made by `needs`, or is a function of its own where an operation needs several actions:

    ACTIONS = {
        "GetFunction": needs("lambda:GetFunction", _function),
        "ListFunctions": needs("lambda:ListFunctions"),
        "CreateFunction": needs("lambda:CreateFunction", _function, passes_role("Role", "lambda.amazonaws.com")),
    }

Source: the Service Authorization Reference,
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from nightbus.aws.arn import partition_of
from nightbus.aws.calls import Call
from nightbus.policies.request import NO_KEYS, Need, Values

ANY = "*"


class Asked(NamedTuple):
    """A call whose parameters the service model has accepted. `params` have wire names."""

    params: Mapping[str, Any]
    call: Call

    def text(self, member: str) -> str:
        """Return a member as a text, "" if the request does not have it."""
        value = self.params.get(member)
        return "" if value is None else str(value)

    def arn(self, service: str, resource: str) -> str:
        """Return an ARN in the call's account and region."""
        scope = self.call.scope
        return f"arn:{partition_of(scope.region)}:{service}:{scope.region}:{scope.account}:{resource}"


Resource = str | Callable[[Asked], str]
Keys = Callable[[Asked], Mapping[str, Values]]
NeedsOf = Callable[[Asked], Sequence[Need]]


def needs(action: str, resource: Resource = ANY, *further: NeedsOf, keys: Keys | None = None) -> NeedsOf:
    """Return a line of the table: one action on one resource, and what `further` lines need.

    `resource` is an ARN, or a function that makes it of the request; `keys` makes the condition keys of the service.
    """

    def needs_of(asked: Asked) -> Sequence[Need]:
        named = resource if isinstance(resource, str) else resource(asked)
        own = Need(action, named, keys(asked) if keys is not None else NO_KEYS)
        return [own, *(need for line in further for need in line(asked))]

    return needs_of


def passes_role(member: str, service: str) -> NeedsOf:
    """Return what a request needs that gives a service the role in `member`: iam:PassRole, none without a role."""

    def needs_of(asked: Asked) -> Sequence[Need]:
        role = asked.text(member)
        return [Need("iam:PassRole", role, {"iam:passedtoservice": service})] if role else []

    return needs_of
