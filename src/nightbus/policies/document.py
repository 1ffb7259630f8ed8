"""Compiles a policy once, so that each request is compared with ready-made functions.

A statement applies to a request if its principal, action and resource name it and its conditions hold. The statements
that name an action are found once for each action, those that deny first. `compile` takes every JSON object: what is
not of the form that the grammar asks for grants nothing.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nightbus.aws.wildcards import compiled
from nightbus.policies.conditions import Condition, conditions_of, listed
from nightbus.policies.decision import Effect, PolicyKind, Verdict
from nightbus.policies.patterns import Patterns, Variable, any_like, pieces_of
from nightbus.policies.principals import Grant, Names, names
from nightbus.policies.request import AccessRequest

_WITH_VARIABLES = "2012-10-17"
_WITH_PRINCIPALS = (PolicyKind.RESOURCE, PolicyKind.TRUST)
_MOST_ACTIONS = 1000  # remembered for each policy
DENIED = -1
_NONE, _DIRECT = Grant.NONE, Grant.DIRECT


class Statement:
    """A compiled statement. `id` is its Sid, or its number from 0."""

    __slots__ = (
        "_actions", "_conditions", "_is_not_action", "_is_not_resource", "_like_actions", "_names", "_resources",
        "denies", "id",
    )  # fmt: skip

    def __init__(self, statement: Mapping[str, Any], number: int, kind: PolicyKind, variables: bool) -> None:
        self.id = str(statement.get("Sid") or number)
        self.denies = statement.get("Effect") != "Allow"
        self._is_not_action = "NotAction" in statement
        actions = statement.get("NotAction" if self._is_not_action else "Action")
        texts = [str(one).lower() for one in listed(actions)]
        self._actions = frozenset(one for one in texts if "*" not in one and "?" not in one)
        self._like_actions = tuple(compiled(one) for one in texts if one not in self._actions)
        self._is_not_resource = "NotResource" in statement
        self._resources = _resources(statement, kind, variables)
        self._names: Names | None = names(statement) if kind in _WITH_PRINCIPALS else None
        self._conditions: tuple[Condition, ...] = conditions_of(
            statement.get("Condition"), variables=variables, unknown=self.denies
        )

    def names_action(self, action: str) -> bool:
        """`action` is in lower case."""
        named = action in self._actions or any(one(action) for one in self._like_actions)
        return named is not self._is_not_action

    def applies(self, request: AccessRequest) -> Grant:
        """Return how the statement, which names the action, names the principal; NONE if it does not apply."""
        resources = self._resources
        if resources is not None:
            if resources.match(request.resource, request) is self._is_not_resource:
                return _NONE
            if self._is_not_resource and not self.denies and resources.unresolved(request):
                return _NONE
        grant = _DIRECT if self._names is None else self._names(request)
        if grant:
            for holds in self._conditions:
                if not holds(request):
                    return _NONE
        return grant


def _resources(statement: Mapping[str, Any], kind: PolicyKind, variables: bool) -> Patterns | None:
    """Return the patterns of the resources, None for every resource.

    The policy of a resource may leave the element out; it means the resource then.
    """
    element = statement.get("NotResource") if "NotResource" in statement else statement.get("Resource")
    if "NotResource" not in statement:
        if kind is PolicyKind.TRUST or element in ("*", ["*"]):
            return None
        if "Resource" not in statement and kind is PolicyKind.RESOURCE:
            return None
    return any_like([str(one) for one in listed(element)], variables=variables)


class Policy:
    """A compiled policy. `name` is its ARN, or its name for an inline policy. `condition_keys` are the keys
    of its conditions and variables, in lower case. `grants` are what a key's grants add to its policy."""

    __slots__ = ("_by_action", "condition_keys", "denies", "grants", "kind", "name", "statements")

    def __init__(
        self,
        kind: PolicyKind,
        name: str,
        statements: Sequence[Statement],
        keys: frozenset[str],
        grants: Policy | None = None,
    ) -> None:
        self.kind = kind
        self.name = name
        self.statements = tuple(statements)
        self.condition_keys = keys
        self.denies = any(one.denies for one in statements)
        self.grants = grants
        self._by_action: dict[str, tuple[Statement, ...]] = {}

    @classmethod
    def compile(cls, document: Mapping[str, Any] | str, kind: PolicyKind, name: str) -> Policy:
        """Compile a policy's document, or its JSON text. Raises ValueError for a text that is not JSON."""
        read = json.loads(document) if isinstance(document, str) else document
        read = read if isinstance(read, Mapping) else {}
        variables = read.get("Version") == _WITH_VARIABLES
        given = [one for one in listed(read.get("Statement")) if isinstance(one, Mapping)]
        statements = [Statement(one, number, kind, variables) for number, one in enumerate(given)]
        return cls(kind, name, statements, frozenset(_keys(given)))

    @classmethod
    def of_statements(
        cls, statements: Iterable[Mapping[str, Any]], kind: PolicyKind, name: str = ""
    ) -> Policy:
        """Compile statements that are stored without a document, such as those that AddPermission has made."""
        return cls.compile({"Version": _WITH_VARIABLES, "Statement": list(statements)}, kind, name)

    def with_grants(self, grants: Policy) -> Policy:
        """Return the policy with what grants add to it. An Allow of these holds for other accounts too."""
        keys = self.condition_keys | grants.condition_keys
        return Policy(self.kind, self.name, self.statements, keys, grants)

    def judge(self, request: AccessRequest, action: str) -> int:
        """Return DENIED, or the best `Grant` of its statements. `action` is the request's in lower case."""
        best = 0
        statements = self._by_action.get(action)
        if statements is None:
            statements = self._naming(action)
        for statement in statements:
            grant = statement.applies(request)
            if grant:
                if statement.denies:
                    return DENIED
                if grant == _DIRECT:
                    return grant
                if grant > best:
                    best = grant
        return best

    def allows(self, request: AccessRequest) -> bool:
        """Return whether the policy by itself allows the request, and does not deny it."""
        return self.judge(request, request.action.lower()) > 0

    def verdict(self, request: AccessRequest) -> Verdict:
        """Return what the policy says, with the statements that apply."""
        action = request.action.lower()
        applying = [one for one in self._naming(action) if one.applies(request)]
        denying = [one for one in applying if one.denies]
        if not applying:
            return Verdict(self.kind, self.name, Effect.IMPLICIT_DENY)
        effect = Effect.EXPLICIT_DENY if denying else Effect.ALLOW
        return Verdict(self.kind, self.name, effect, tuple(one.id for one in denying or applying))

    def _naming(self, action: str) -> tuple[Statement, ...]:
        if len(self._by_action) >= _MOST_ACTIONS:
            self._by_action.clear()
        naming = [one for one in self.statements if one.names_action(action)]
        naming.sort(key=_allows)
        self._by_action[action] = found = tuple(naming)
        return found


# For policies that are kept as JSON texts: each text is compiled once.
compiled_policy = functools.lru_cache(maxsize=1024)(Policy.compile)


def _allows(statement: Statement) -> bool:
    return not statement.denies


def _keys(statements: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    texts: list[str] = []
    for statement in statements:
        texts += [str(one) for name in ("Resource", "NotResource") for one in listed(statement.get(name))]
        conditions = statement.get("Condition")
        for keys in conditions.values() if isinstance(conditions, Mapping) else ():
            if isinstance(keys, Mapping):
                yield from (str(key).lower() for key in keys)
                texts += [str(one) for values in keys.values() for one in listed(values)]
    for text in texts:
        yield from (one.key for one in pieces_of(text) if isinstance(one, Variable))
