"""Compiles the element `Principal` of a policy, and reads what the ARN of a principal says.

How a resource's policy names its caller decides what else limits the caller: see `Grant`. Source:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import Any

from nightbus.policies.request import AccessRequest

_ROLE = re.compile(r"arn:[\w-]+:iam::(\d+):role/(?:.*/)?([^/]+)", re.DOTALL)
_SESSION = re.compile(r"arn:[\w-]+:sts::(\d+):assumed-role/([^/]+)/.*", re.DOTALL)
_ROOT = re.compile(r"arn:[\w-]+:iam::(\d+):root")
_ACCOUNT = re.compile(r"\d{12}")
_UNIQUE_ID = re.compile(r"A[A-Z0-9]{15,}")


class Grant(IntEnum):
    """How a policy names the principal of a request; the greater, the less else counts in the same account."""

    NONE = 0
    ACCOUNT = 1  # its account: the account's own policies must allow the action
    ROLE = 2  # its role: a boundary or a session policy may limit the session
    DIRECT = 3  # the user, the session, the service, or everybody


Names = Callable[[AccessRequest], Grant]


class Principals:
    """The principals that an element names."""

    __slots__ = (
        "_accounts",
        "_arns",
        "_everybody",
        "_federated",
        "_ids",
        "_role_arns",
        "_roles",
        "_services",
        "_users",
    )

    def __init__(self, element: Any) -> None:
        named = element if isinstance(element, Mapping) else {"AWS": "*"} if element == "*" else {}
        aws = [str(one) for one in _listed(named.get("AWS"))]
        self._everybody = "*" in aws
        self._services = frozenset(str(one) for one in _listed(named.get("Service")))
        self._federated = frozenset(str(one) for one in _listed(named.get("Federated")))
        self._users = frozenset(str(one) for one in _listed(named.get("CanonicalUser")))
        accounts = [(_ROOT.fullmatch(one), one) for one in aws]
        self._accounts = frozenset(
            found[1] if found else one for found, one in accounts if found or _ACCOUNT.fullmatch(one)
        )
        self._role_arns = frozenset(one for one in aws if _ROLE.fullmatch(one))
        self._roles = frozenset(role_of(one) for one in self._role_arns)
        self._ids = frozenset(one for one in aws if _UNIQUE_ID.fullmatch(one))
        self._arns = frozenset(one for one in aws if one.startswith("arn:") and not _ROLE.fullmatch(one))

    def __call__(self, request: AccessRequest) -> Grant:
        """Return how the element names the request's principal."""
        if self._everybody:
            return Grant.DIRECT
        if not request.arn:
            return self._of_service(request)
        if request.arn in self._arns and not _ROOT.fullmatch(request.arn):
            return Grant.DIRECT
        if self._roles and self._names_role(request):
            return Grant.ROLE
        if self._ids and (grant := self._by_id(request)):
            return grant
        return self._of_account(request)

    def _names_role(self, request: AccessRequest) -> bool:
        """A session's ARN has no path; where aws:PrincipalArn says the role's ARN, the whole of it counts."""
        if role_of(request.arn) not in self._roles:
            return False
        arn = request.keys.get("aws:principalarn", "")
        return arn in self._role_arns if isinstance(arn, str) and _ROLE.fullmatch(arn) else True

    def _of_service(self, request: AccessRequest) -> Grant:
        if request.service and request.service in self._services:
            return Grant.DIRECT
        if (
            request.account in self._accounts
        ):  # of a service whose account counts, as for events of another account
            return Grant.ACCOUNT
        provider = request.keys.get("aws:federatedprovider") if self._federated else None
        return Grant.DIRECT if provider in self._federated else Grant.NONE

    def _by_id(self, request: AccessRequest) -> Grant:
        """A user's id is the whole of aws:userid; a role's id is the part of it before the session's name."""
        user_id = str(request.keys.get("aws:userid", ""))
        if user_id in self._ids:
            return Grant.DIRECT
        return Grant.ROLE if user_id.partition(":")[0] in self._ids else Grant.NONE

    def _of_account(self, request: AccessRequest) -> Grant:
        if request.account in self._accounts:
            return Grant.DIRECT if _ROOT.fullmatch(request.arn) else Grant.ACCOUNT
        if self._users and request.keys.get("aws:canonicaluserid") in self._users:
            return Grant.ACCOUNT
        return Grant.NONE


def names(statement: Mapping[str, Any]) -> Names:
    """Return the function that says how a statement names the principal of a request."""
    if "NotPrincipal" not in statement:
        return Principals(statement.get("Principal"))
    others = Principals(statement["NotPrincipal"])
    return lambda request: Grant.NONE if others(request) else Grant.DIRECT


@functools.lru_cache(maxsize=4096)
def role_of(arn: str) -> str:
    """Return `account/name` of the role in `role/path/name` or `assumed-role/name/session`; "" for another ARN."""
    found = _ROLE.fullmatch(arn) or _SESSION.fullmatch(arn)
    return f"{found[1]}/{found[2]}" if found else ""


def principal_arn(arn: str) -> str:
    """Return aws:PrincipalArn: of a session the ARN of its role, as far as the session's ARN says it."""
    found = _SESSION.fullmatch(arn)
    return f"arn:{arn.split(':')[1]}:iam::{found[1]}:role/{found[2]}" if found else arn


def principal_type(arn: str) -> str:
    """Return aws:PrincipalType: Account for an account's root, User, AssumedRole, FederatedUser or Anonymous."""
    kind = arn.split(":", 5)[-1].partition("/")[0]
    if not arn:
        return "Anonymous"
    kinds = {"root": "Account", "user": "User", "federated-user": "FederatedUser"}
    return kinds.get(kind, "AssumedRole")


def user_name(arn: str) -> str:
    """Return aws:username, which only users have."""
    return arn.rsplit("/", 1)[-1] if ":user/" in arn else ""


def account_of(arn: str) -> str:
    return arn.split(":", 5)[4] if arn.count(":") >= 5 else ""


def _listed(value: Any) -> Iterable[Any]:
    if value is None:
        return []
    return value if isinstance(value, list | tuple) else [value]
