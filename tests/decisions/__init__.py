"""Holds the table of decisions: policies of AWS's documentation, and what AWS says each request gets.

A `Group` is a page of the documentation, the policies that are in force, and lines of requests:

    allow|deny|none  PRINCIPAL  ACTION  RESOURCE  [KEY=VALUE ...]

`deny` is an explicit deny, `none` an implicit one. PRINCIPAL is `root`, `user/NAME`, `role/NAME/SESSION` or
`federated/NAME` (with `ACCOUNT:` before it in another account), a service, or `nobody`. `a|b` are two values, `KEY=` is
an absent key, `KEY=''` an empty text. `*.md` and `*.html` are pages of the IAM User Guide,
https://docs.aws.amazon.com/IAM/latest/UserGuide/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nightbus.policies.decision import Effect, PolicyKind
from nightbus.policies.document import Policy
from nightbus.policies.evaluation import Policies
from nightbus.policies.request import AccessRequest, Values

OWN, OTHER = "111122223333", "444455556666"
EFFECTS = {"allow": Effect.ALLOW, "deny": Effect.EXPLICIT_DENY, "none": Effect.IMPLICIT_DENY}
# What the operation registry gives with each request, unless the line says otherwise.
CALL: Mapping[str, Values] = {
    "aws:currenttime": "2026-07-01T12:00:00Z",
    "aws:epochtime": "1782907200",
    "aws:multifactorauthpresent": "",
    "aws:requestedregion": "us-east-1",
    "aws:sourceip": "203.0.113.5",
    "aws:tokenissuetime": "",
    "aws:userid": "",
    "aws:calledvia": (),
}
Statements = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Group:
    source: str
    asks: str
    identity: Statements = ()
    boundary: Statements | None = None
    session: Statements | None = None
    resource: Statements | None = None
    trust: Statements | None = None
    owner: str = ""
    version: str | None = "2012-10-17"

    def policies(self, *, unlimited: bool) -> Policies:
        """Return the policies; nothing limits a root user but the resource's policy."""
        identity = None if unlimited else (self._policy(self.identity, PolicyKind.IDENTITY),)
        boundary = self.boundary and not unlimited
        return Policies(
            identity,
            self._policy(self.boundary or (), PolicyKind.BOUNDARY) if boundary else None,
            None if self.session is None else (self._policy(self.session, PolicyKind.SESSION),),
            self._of_resource(),
        )

    def _of_resource(self) -> Policy | None:
        if self.trust is not None:
            return self._policy(self.trust, PolicyKind.TRUST)
        return None if self.resource is None else self._policy(self.resource, PolicyKind.RESOURCE)

    def _policy(self, statements: Statements, kind: PolicyKind) -> Policy:
        version = {} if self.version is None else {"Version": self.version}
        return Policy.compile({**version, "Statement": list(statements)}, kind, kind.name.lower())


@dataclass(frozen=True)
class Decided:
    """One line: who asks what, and the effect that AWS documents."""

    group: Group
    line: str
    request: AccessRequest
    owner: str
    effect: Effect

    @property
    def policies(self) -> Policies:
        return self.group.policies(unlimited=self.request.arn.endswith(":root"))


def decided(groups: Sequence[Group]) -> Iterator[Decided]:
    for group in groups:
        for line in group.asks.strip().splitlines():
            effect, principal, action, resource, *pairs = line.split()
            keys = {**CALL, **dict(_pair(one) for one in pairs)}
            request = request_of(principal, action, resource, keys)
            account = resource.split(":")[4] if resource.count(":") > 4 else ""
            yield Decided(group, line.strip(), request, group.owner or account or OWN, EFFECTS[effect])


def _pair(text: str) -> tuple[str, Values]:
    key, _, value = text.partition("=")
    if value == "''":
        return key.lower(), ("",)
    return key.lower(), tuple(value.split("|")) if "|" in value else value


def request_of(principal: str, action: str, resource: str, keys: Mapping[str, Values]) -> AccessRequest:
    account, _, name = principal.rpartition(":")
    account = account or OWN
    if name == "nobody":
        return AccessRequest(action, resource, keys=keys)
    if name.endswith(".amazonaws.com"):
        source, source_account = str(keys.get("aws:sourcearn", "")), str(keys.get("aws:sourceaccount", ""))
        return AccessRequest(action, resource, "", "", name, source, source_account, keys)
    kind = name.partition("/")[0]
    if kind == "role":
        arn = f"arn:aws:sts::{account}:assumed-role/{name.partition('/')[2]}"
    elif kind == "federated":
        arn = f"arn:aws:sts::{account}:federated-user/{name.partition('/')[2]}"
    else:
        arn = f"arn:aws:iam::{account}:{name}"
    return AccessRequest(action, resource, arn, account, keys=keys)


def allow(action: Any, resource: Any = None, to: Any = None, **condition: Any) -> dict[str, Any]:
    """Return a statement. `condition` has operators; `__` stands for a colon (`ForAnyValue__StringLike`)."""
    return _statement("Allow", action, resource, to, condition)


def deny(action: Any, resource: Any = None, to: Any = None, **condition: Any) -> dict[str, Any]:
    return _statement("Deny", action, resource, to, condition)


def _statement(
    effect: str, action: Any, resource: Any, principal: Any, condition: Mapping[str, Any]
) -> dict[str, Any]:
    statement = {"Effect": effect, "Action": action}
    if resource is not None:
        statement["Resource"] = resource
    if principal is not None:
        statement["Principal"] = principal
    if condition:
        statement["Condition"] = {name.replace("__", ":"): keys for name, keys in condition.items()}
    return statement


def but(statement: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return the statement with the `Not` form of elements: `but(allow("iam:*", "*"), "Action")` has a NotAction."""
    return {f"Not{name}" if name in names else name: value for name, value in statement.items()}
