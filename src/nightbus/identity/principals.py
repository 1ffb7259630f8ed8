"""Keeps the policies of users and roles compiled: inline, attached, of groups, permissions boundaries and trust.

What is compiled of an account's IAM records is kept until a commit touches one of them. Changes of IAM are rare beside
the requests that they decide, so a change drops everything of its account; documents that stayed as they were are not
compiled again.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.bounded import Bounded, BoundedWeight
from nightbus.policies.aws_managed import document_of
from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import Policy
from nightbus.policies.request import Values
from nightbus.store.interface import Record, Store
from nightbus.store.record_cache import RecordCache

log = logging.getLogger("nightbus.identity")

ROLE = "iam/role"
USER = "iam/user"
GROUP = "iam/group"
POLICY = "iam/policy"

_MOST_ACCOUNTS, _MOST_PRINCIPALS, _MOST_DOCUMENTS, _MOST_ADMITTED = 1_000, 10_000, 10_000, 1_000
_MOST_CHARACTERS = 4_000_000  # of documents; a compiled policy takes up to 26 bytes for each
_SMALLEST = (
    500  # characters that a document counts for at least, also one of AWS's, whose text is not in its key
)
_NOTHING: Mapping[str, Any] = {"Version": "2012-10-17", "Statement": []}
_NO_TAGS: Mapping[str, str] = {}


@dataclass(slots=True, eq=False)
class Principal:
    """A user or a role as its policies make it. `identity` is None for who is limited by none.

    `condition_keys` are those that its policies name. `admitted` has the actions, resources and
    sessions that they allow whatever else the request is, each with the resource's policy that was evaluated too.
    """

    identity: tuple[Policy, ...] | None = ()
    boundary: Policy | None = None
    id: str = ""
    tags: Mapping[str, str] = field(default_factory=lambda: _NO_TAGS)
    trust: Policy | None = None
    condition_keys: frozenset[str] = frozenset()
    admitted: Bounded[tuple[Values, ...], tuple[Policy | None]] = field(
        default_factory=lambda: Bounded(_MOST_ADMITTED)
    )


UNLIMITED = Principal(None)
NOBODY = Principal()


class _Account:
    """The principals of an account that were asked for, None for one that does not exist."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: Bounded[tuple[str, str], tuple[Principal | None]] = Bounded(_MOST_PRINCIPALS)


class Principals:
    """The users and roles of all accounts."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._documents: BoundedWeight[tuple[PolicyKind, str, str], Policy] = BoundedWeight(
            _MOST_DOCUMENTS, _MOST_CHARACTERS, lambda key: max(len(key[2]), _SMALLEST)
        )
        self._accounts: RecordCache[str, _Account] = RecordCache(
            store, _MOST_ACCOUNTS, [ROLE, USER, GROUP, POLICY], lambda record: record.scope.account, _fresh
        )

    def in_memory(self) -> dict[str, int]:
        found = sum([len(account.found) for account in self._accounts.values() if account is not None])
        return {
            "policies of principals": len(self._documents),
            "accounts with users and roles": len(self._accounts),
            "users and roles": found,
        }

    async def role(self, account: str, name: str) -> Principal | None:
        """Return the role, None if there is none."""
        return await self._find(account, ROLE, name)

    async def role_of(self, arn: str) -> Principal | None:
        """Return the role with this ARN, None if there is none: a role of the name with another path is another one."""
        _, _, _, _, account, resource = arn.split(":", 5)
        role = await self._find(account, ROLE, resource.rsplit("/", 1)[-1])
        return role if role is None or role.trust is None or role.trust.name == arn else None

    async def user(self, account: str, name: str) -> Principal | None:
        """Return the user, None if there is none."""
        return await self._find(account, USER, name)

    async def session_policies(self, account: str, policies: tuple[str, ...]) -> tuple[Policy, ...]:
        """Return the session policies that a token carries: JSON texts, and ARNs of managed policies."""
        return tuple([await self._session_policy(account, one) for one in policies])

    async def _session_policy(self, account: str, policy: str) -> Policy:
        if policy.lstrip().startswith("{"):
            return self._compiled(PolicyKind.SESSION, "", policy)
        return await self._attached(account, PolicyKind.SESSION, policy)

    async def _find(self, account: str, kind: str, name: str) -> Principal | None:
        known = self._accounts.peek(account) or await self._accounts.find(account) or _Account()
        found = known.found.get((kind, name))
        if found is None:
            record = await self._store.get(Scope(account, ""), kind, name.lower())
            principal = None if record is None else await self._principal(account, record)
            found = known.found[kind, name] = (principal,)
        return found[0]

    async def _principal(self, account: str, record: Record) -> Principal:
        value = record.value
        holders = [value, *await self._groups(account, value.get("Groups") or ())]
        identity = [
            self._compiled(PolicyKind.IDENTITY, name, text)
            for holder in holders
            for name, text in holder["Inline"].items()
        ]
        identity += [
            await self._attached(account, PolicyKind.IDENTITY, arn)
            for holder in holders
            for arn in holder["Attached"]
        ]
        limit = value.get("PermissionsBoundary")
        boundary = await self._attached(account, PolicyKind.BOUNDARY, limit) if limit else None
        trust = value.get("Trust")
        every = [*identity, boundary] if boundary is not None else identity
        return Principal(
            tuple(identity),
            boundary,
            value.get("RoleId") or value.get("UserId") or "",
            {tag["Key"]: tag["Value"] for tag in value.get("Tags") or ()},
            self._compiled(PolicyKind.TRUST, value["Arn"], trust) if trust else None,
            frozenset(key for policy in every if policy for key in policy.condition_keys),
        )

    async def _groups(self, account: str, ids: Collection[str]) -> list[dict[str, Any]]:
        if not ids:
            return []
        groups = await self._store.list(Scope(account, ""), GROUP)
        return [group.value for group in groups if group.value["GroupId"] in ids]

    async def _attached(self, account: str, kind: PolicyKind, arn: str) -> Policy:
        if arn.split(":")[4] == "aws":
            return self._compiled(kind, arn, None)
        record = await self._store.get(Scope(account, ""), POLICY, arn.rsplit("/", 1)[-1].lower())
        if record is None:
            return self._compiled(kind, arn, "{}")
        return self._compiled(kind, arn, record.value["Versions"][record.value["Default"]]["Document"])

    def _compiled(self, kind: PolicyKind, name: str, text: str | None) -> Policy:
        """Return the policy of a document; without a text, that of AWS's managed policy `name`.

        A document that cannot be read, or that Nightbus does not have, allows nothing.
        """
        key = (kind, name, text or "")
        policy = self._documents.get(key)
        if policy is None:
            managed = document_of(name) if text is None else None
            document: Mapping[str, Any] | str = text or (managed or {}).get("Document", _NOTHING)
            try:
                policy = Policy.compile(document, kind, name)
            except ValueError as broken:
                log.warning("the policy %s cannot be read and allows nothing: %s", name, broken)
                policy = Policy.compile(_NOTHING, kind, name)
            self._documents[key] = policy
        return policy


async def _fresh(account: str) -> _Account:
    return _Account()
