"""Says which actions and resources an operation needs, for the tables `ACTIONS` beside the handlers of each service.

A line of a table is made by `needs`, or is a function of its own where an operation needs several actions:

    ACTIONS = {
        "GetFunction": needs("lambda:GetFunction", _function),
        "ListFunctions": needs("lambda:ListFunctions"),
        "CreateFunction": needs("lambda:CreateFunction", _function, passes_role("Role", "lambda.amazonaws.com")),
    }

Lines are pure. Where a request names a resource by what only the store knows (a role without its path, an alias of a
key), `actions.py` may have `async def resolve(platform, asked, needs) -> Sequence[Need]`, which the authorizer calls
with the needs of the line. It raises nothing: what does not exist stays as the request names it.

Source: the Service Authorization Reference,
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from nightbus.aws.arn import in_own_partition, partition_of
from nightbus.aws.calls import Call
from nightbus.policies.request import NO_KEYS, Need, Values, named_values

ANY = "*"
EMPTY = ("",)  # of a key that the request has, with an empty text


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
    A role that the request passes is associated with the resource:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
    """

    def needs_of(asked: Asked) -> Sequence[Need]:
        named = resource if isinstance(resource, str) else resource(asked)
        own = Need(action, named, keys(asked) if keys is not None else NO_KEYS)
        return [own, *(_associated(need, named) for line in further for need in line(asked))]

    return needs_of


def _associated(need: Need, resource: str) -> Need:
    if need.action != "iam:PassRole" or resource == ANY or ":iam:" in resource:
        return need
    return need._replace(keys={"iam:associatedresourcearn": resource, **need.keys})


def when(member: str, line: NeedsOf) -> NeedsOf:
    """Return a line that only a request with the member needs, such as the one for the tags of a new resource."""

    def needs_of(asked: Asked) -> Sequence[Need]:
        return line(asked) if asked.params.get(member) else ()

    return needs_of


def request_tags(member: str) -> Keys:
    """Return what makes `aws:RequestTag/...` and `aws:TagKeys` of tags by key, a list of tags, or a list of keys."""

    def keys(asked: Asked) -> Mapping[str, Values]:
        tags = asked.params.get(member) or ()
        if isinstance(tags, Mapping):
            return tag_conditions(tags.items())
        if all(isinstance(tag, str) for tag in tags):
            return {"aws:tagkeys": tuple(tags)}
        return tag_conditions([(_either(tag, "Key"), _either(tag, "Value")) for tag in tags])

    return keys


def tag_conditions(tags: Iterable[tuple[str, Any]]) -> Mapping[str, Values]:
    """Return the condition keys of the tags of a request."""
    pairs = [(name, str(value)) for name, value in tags]
    return {**named_values("aws:requesttag/", pairs), "aws:tagkeys": tuple([name for name, _ in pairs])}


def _either(tag: Mapping[str, Any], member: str) -> str:
    return str(tag.get(member, tag.get(f"Tag{member}", tag.get(member.lower(), ""))))


def merged(*parts: Keys) -> Keys:
    """Return what makes the condition keys of all `parts`."""

    def keys(asked: Asked) -> Mapping[str, Values]:
        return {name: value for part in parts for name, value in part(asked).items()}

    return keys


def passes_role(member: str, service: str) -> NeedsOf:
    """Return what a request needs that gives a service the role in `member`: iam:PassRole, none without a role."""

    def needs_of(asked: Asked) -> Sequence[Need]:
        role = asked.text(member)
        return [Need("iam:PassRole", role, {"iam:passedtoservice": service})] if role else []

    return needs_of


def spelled_once(need: Need, region: str) -> Need:
    """Return the need with its resource in the partition of the resource's region, for a call in `region`."""
    resource = in_own_partition(need.resource, region)
    return need if resource is need.resource else need._replace(resource=resource)
