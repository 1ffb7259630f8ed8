"""Simulates a request: which of the given policies decide it by which statements, and which context keys are missing.

The decision is `evaluation.decide`'s, so a simulation says what a request would be told. A context key without a value
counts as absent, as in AWS's simulator, while the evaluator takes a key that it does not know for the worse case.
https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulateCustomPolicy.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from nightbus.policies.conditions import listed
from nightbus.policies.decision import Effect, PolicyKind
from nightbus.policies.document import DENIED, Policy
from nightbus.policies.evaluation import Policies, decide
from nightbus.policies.keys import value_of
from nightbus.policies.request import AccessRequest, Values
from nightbus.policies.statement_positions import Span, statement_spans

RESOURCE_POLICY = "ResourcePolicy"


class Source(NamedTuple):
    """A policy of a simulation: `id` and `type` are SourcePolicyId and SourcePolicyType, `text` its JSON."""

    id: str
    type: str
    text: str


class Matched(NamedTuple):
    """A statement that determines a result."""

    source: Source
    span: Span


class _Statement(NamedTuple):
    source: Source
    span: Span
    policy: Policy  # of this statement alone
    keys: tuple[str, ...]  # that it needs, as it spells them


class SimulatedCaller(NamedTuple):
    """Who calls. `arn` is a user's, group's or role's, `keys` are what follows from it, by names in lower case."""

    arn: str
    account: str
    keys: Mapping[str, Values]


@dataclass(frozen=True)
class Result:
    """What a simulation says of one action on one resource. `boundary` is whether the boundary allows it, None without
    one; `details` has the decision of each side if the caller's account is not the resource's."""

    effect: Effect
    matched: Sequence[Matched]
    missing: Sequence[str]
    boundary: bool | None = None
    details: Mapping[str, Effect] = field(default_factory=dict)


class Simulation:
    """The policies of a simulation, compiled. Raises ValueError for a text that is not JSON."""

    def __init__(
        self,
        identity: Sequence[Source],
        boundary: Source | None,
        resource: Source | None,
        caller: SimulatedCaller,
        keys: Mapping[str, Values],
    ) -> None:
        kind = PolicyKind
        self._policies = Policies(
            tuple(Policy.compile(one.text, kind.IDENTITY, one.id) for one in identity),
            Policy.compile(boundary.text, kind.BOUNDARY, boundary.id) if boundary is not None else None,
            None,
            Policy.compile(resource.text, kind.RESOURCE, resource.id) if resource is not None else None,
        )
        self._statements = [
            *_statements(identity, kind.IDENTITY),
            *_statements([boundary] if boundary is not None else [], kind.BOUNDARY),
            *_statements([resource] if resource is not None else [], kind.RESOURCE),
        ]
        self._caller = caller
        self._keys = {**caller.keys, **keys}

    def result(self, action: str, resource: str, owner: str) -> Result:
        """Return the result for an action on a resource (an ARN or `*`) of the account `owner`."""
        request = self._request(action, resource)
        decision = decide(request, self._policies, owner)
        return Result(
            decision.effect,
            self._matched(request, decision.effect),
            self._missing(action),
            self._by_boundary(request),
            self._details(request) if owner != self._caller.account else {},
        )

    def _request(self, action: str, resource: str) -> AccessRequest:
        caller = self._caller
        given = AccessRequest(action, resource, arn=caller.arn, account=caller.account, keys=self._keys)
        named = {key for policy in self._policies for key in policy.condition_keys}
        absent = {key: "" for key in named if value_of(given, key) is None}
        return AccessRequest(
            action, resource, arn=caller.arn, account=caller.account, keys={**absent, **self._keys}
        )

    def _matched(self, request: AccessRequest, effect: Effect) -> list[Matched]:
        """Return the statements that deny the request, or else all that allow it."""
        action = request.action.lower()
        granted = [(one, one.policy.judge(request, action)) for one in self._statements]
        denying = [Matched(one.source, one.span) for one, grant in granted if grant == DENIED]
        if effect is Effect.EXPLICIT_DENY:
            return denying
        return [Matched(one.source, one.span) for one, grant in granted if grant > 0]

    def _missing(self, action: str) -> list[str]:
        """Return the keys without a value that the statements that name the action use."""
        request = self._request(action, "*")
        missing: dict[str, str] = {}
        for one in self._statements:
            if not one.policy.statements[0].names_action(action.lower()):
                continue
            for key in one.keys:
                if key.lower() not in self._keys and not value_of(request, key.lower()):
                    missing.setdefault(key.lower(), key)
        return list(missing.values())

    def _by_boundary(self, request: AccessRequest) -> bool | None:
        boundary = self._policies.boundary
        return None if boundary is None else boundary.judge(request, request.action.lower()) > 0

    def _details(self, request: AccessRequest) -> dict[str, Effect]:
        action, resource = request.action.lower(), self._policies.resource
        identity = [policy.judge(request, action) for policy in self._policies.identity or ()]
        granted = resource.judge(request, action) if resource is not None else 0
        return {"IAM Policy": _effect(identity), "Resource Policy": _effect([granted])}


def _effect(granted: Iterable[int]) -> Effect:
    grants = list(granted)
    if DENIED in grants:
        return Effect.EXPLICIT_DENY
    return Effect.ALLOW if any(grants) else Effect.IMPLICIT_DENY


def _statements(sources: Iterable[Source], kind: PolicyKind) -> list[_Statement]:
    found = []
    for source in sources:
        document = json.loads(source.text)
        statements = list(listed(document.get("Statement")))
        for statement, span in zip(statements, statement_spans(source.text), strict=True):
            alone = {**document, "Statement": [statement]}
            keys = tuple(context_keys([json.dumps(alone)]))
            found.append(_Statement(source, span, Policy.compile(alone, kind, source.id), keys))
    return found


def context_keys(texts: Iterable[str]) -> list[str]:
    """Return the context keys that the policies name, spelt as they spell them, in alphabetical order.

    Raises ValueError for a text that is not JSON.
    """
    spelt: dict[str, str] = {}
    for text in texts:
        document = json.loads(text)
        for key in Policy.compile(document, PolicyKind.IDENTITY, "").condition_keys:
            if key not in spelt:
                spelt[key] = _spelling(document, key)
    return sorted(spelt.values())


def _spelling(document: Mapping[str, Any], key: str) -> str:
    """Return the key as the policy's conditions or variables spell it."""
    for statement in listed(document.get("Statement")):
        conditions = statement.get("Condition") if isinstance(statement, Mapping) else None
        for keys in conditions.values() if isinstance(conditions, Mapping) else ():
            for one in keys:
                if str(one).lower() == key:
                    return str(one)
    text = json.dumps(document)
    at = text.lower().find("${" + key)
    return text[at + 2 : at + 2 + len(key)] if at >= 0 else key
