"""Keeps why a call was refused, so that `nightbus why-denied` can say it later, also after a restart.

A refusal is written with the records of the trail. It has the verdict of every policy and the smallest statement that
would allow the request, as they were at that moment: policies may have changed when somebody asks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import orjson

from nightbus.audit.identities import source_address
from nightbus.audit.parameters import json_bytes, without_secrets
from nightbus.aws.calls import Call, Scope
from nightbus.delivery import trace_log
from nightbus.identity.audit import REFUSALS
from nightbus.policies.decision import Decision, Effect, PolicyKind, Verdict
from nightbus.policies.evaluation import Policies, explain, smallest_statement
from nightbus.policies.request import AccessRequest, Need, Values
from nightbus.store.interface import SYSTEM, Append, Entry, Store
from nightbus.store.newest import newest

_CLOUDFORMATION = "cloudformation.amazonaws.com"
# The last part of a name that CloudFormation generates: `<stack>-<id>-<12 characters>`; not that of a UUID.
_ENDING = re.compile(r"(?<=[\w-]{3})(?<![0-9a-f]{4}-[0-9a-f]{4})-[A-Za-z0-9]{12}(?=[:/]|-[A-Za-z0-9?]{6}$|$)")
_CAPITALS = 4
_LAMBDA = "lambda.amazonaws.com"
_WRITES_LOG = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
# What AWS adds to the names of stacks and secrets, which is another at the next creation, and what policies say for it:
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html
_ADDED = (
    (re.compile(r"(:cloudformation:[^:]*:\d*:stack/[^/]+/)[0-9a-f]{8}-[0-9a-f-]{27}"), r"\1*"),
    (re.compile(r"(:secretsmanager:[^:]*:\d*:secret:.+-)[A-Za-z0-9]{6}$"), r"\1??????"),
)
_MOST_KEYS = 40
_MISSING = "because the role does not exist"


class Refused(Protocol):
    """What the authorizer tells of a refusal. `operation` is such as `events:PutEvents`; `text` is the error's."""

    @property
    def operation(self) -> str: ...
    @property
    def need(self) -> Need: ...
    @property
    def call(self) -> Call: ...
    @property
    def request(self) -> AccessRequest: ...
    @property
    def policies(self) -> Policies: ...
    @property
    def owner(self) -> str: ...
    @property
    def decision(self) -> Decision: ...
    @property
    def enforced(self) -> bool: ...
    @property
    def text(self) -> str: ...
    @property
    def is_role_missing(self) -> bool: ...


class NotedRefusal(NamedTuple):
    """A refusal that is to be written. `time` is UTC ms."""

    time: int
    refused: Refused


def refusal_entries(noted: NotedRefusal) -> list[Append]:
    """Return what is written of a refusal: the document, and a note for the trace of the invocation."""
    request, call = noted.refused.request, noted.refused.call
    document = json_bytes(refusal_document(noted))
    note = trace_log.refused(call, request.action, request.resource, noted.time)
    return [Append(SYSTEM, REFUSALS, noted.time, document, call.request_id), *note]


def refusal_document(noted: NotedRefusal) -> dict[str, Any]:
    """Return what is kept of a refusal, as JSON."""
    refused = noted.refused
    request, call = refused.request, refused.call
    decision = explain(request, refused.policies, refused.owner)
    session = call.caller.session
    return {
        "id": call.request_id,
        "time": noted.time,
        "account": call.scope.account,
        "region": call.scope.region,
        "operation": refused.operation,
        "action": request.action,
        "resource": request.resource,
        "owner": refused.owner,
        "principal": request.arn or request.service or "anonymous",
        "role": session.role if session is not None and request.arn else "",
        "source": source_address(call),
        "trace": call.trace,
        "enforced": refused.enforced,
        "message": refused.text,
        "effect": decision.effect.value,
        "decided_by": decision.kind.value if decision.kind is not None else "",
        "reason": _MISSING if refused.is_role_missing else decision.reason,
        "policies": [] if refused.is_role_missing else [_verdict(one) for one in decision.verdicts],
        "keys": {name: _shown(values) for name, values in sorted(request.keys.items())[:_MOST_KEYS]},
        "remedy": _remedy(
            request, decision, by_stack=_is_by_stack(call), writes_log=_writes_log(call, request)
        )
        | ({"create": request.resource} if refused.is_role_missing else {}),
    }


def _shown(values: Values) -> Values:
    return without_secrets(values) if isinstance(values, str) else tuple(map(without_secrets, values))


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "kind": verdict.kind.value,
        "policy": verdict.policy,
        "effect": verdict.effect.value,
        "statements": list(verdict.statements),
    }


def _remedy(
    request: AccessRequest, decision: Decision, *, by_stack: bool, writes_log: bool
) -> dict[str, Any]:
    """Return what would allow the request: a statement for a policy of `kind`, or the statements that deny it.

    A stack gives a resource another name at its next attempt, so the end of a generated name becomes `*`. A role that
    may not write the log of its function gets all that this takes, for all streams: each environment has another one.
    """
    kind = decision.kind or PolicyKind.IDENTITY
    if decision.effect is Effect.EXPLICIT_DENY:
        denying = [one for one in decision.verdicts if one.effect is Effect.EXPLICIT_DENY]
        return {"kind": kind.value, "deny": [_verdict(one) for one in denying]}
    statement = smallest_statement(request)
    if writes_log:
        group = request.resource.split(":log-stream:", 1)[0]
        statement |= {"Action": _WRITES_LOG, "Resource": f"{group}:*"}
    if by_stack:
        statement["Resource"] = _ENDING.sub(_any_if_generated, statement["Resource"])
    if kind is not PolicyKind.RESOURCE:
        for added, pattern in _ADDED:
            statement["Resource"] = added.sub(pattern, statement["Resource"])
    if kind in (PolicyKind.RESOURCE, PolicyKind.TRUST):
        statement = {"Effect": "Allow", "Principal": _named(request), **statement}
        if kind is PolicyKind.TRUST:
            statement.pop("Resource", None)
        elif ":log-stream:" in request.resource:  # each delivery has a stream of its own
            statement["Resource"] = request.resource.split(":log-stream:", 1)[0] + ":*"
        if not request.arn and request.source_arn:
            statement["Condition"] = {"ArnEquals": {"aws:SourceArn": request.source_arn}}
    return {"kind": kind.value, "statement": statement}


def _is_by_stack(call: Call) -> bool:
    session = call.caller.session
    return "cloudformation" in call.via or (session is not None and session.assumed_by == _CLOUDFORMATION)


def _writes_log(call: Call, request: AccessRequest) -> bool:
    """Return whether Lambda writes the log of a function, with the function's role."""
    return call.caller.service == _LAMBDA and bool(call.caller.arn) and request.action in _WRITES_LOG


def _any_if_generated(ending: re.Match[str]) -> str:
    """Return `-*` for what looks random: with a digit, or with more capitals than words of twelve letters have."""
    text = ending[0]
    is_random = any(map(str.isdigit, text)) or sum(map(str.isupper, text)) >= _CAPITALS
    return "-*" if is_random else text


def _named(request: AccessRequest) -> Any:
    if request.arn:
        session = request.arn.split(":assumed-role/", 1)
        if len(session) == 2:
            partition = request.arn.split(":", 2)[1]
            role = session[1].split("/", 1)[0]
            return {"AWS": f"arn:{partition}:iam::{request.account}:role/{role}"}
        return {"AWS": request.arn}
    return {"Service": request.service} if request.service else "*"


async def find_refusals(store: Store, request_id: str) -> list[dict[str, Any]]:
    """Return the refusals of a request, in order: in audit mode it may have several."""
    entries = await store.read(SYSTEM, REFUSALS, key=request_id)
    return [_document(entry) for entry in entries]


async def last_refusals(
    store: Store, account: str, limit: int, *, enforced: bool | None = None
) -> list[dict[str, Any]]:
    """Return the newest refusals of an account ("" for all), the newest first; with `enforced` only such ones."""

    def fits(one: Mapping[str, Any]) -> bool:
        return account in ("", one["account"]) and enforced in (None, one["enforced"])

    found, _ = await refusals_before(store, 0, limit, fits)
    return found


async def refusals_before(
    store: Store, offset: int, limit: int, fits: Callable[[Mapping[str, Any]], bool]
) -> tuple[list[dict[str, Any]], int]:
    """Return the refusals that fit, the newest first, of those before an offset of their log (0: of all).

    With them comes the offset before which to go on, 0 at the end (`newest.py`).
    """

    def shown(entry: Entry) -> dict[str, Any] | None:
        one = _document(entry)
        return one if fits(one) else None

    return await newest(store, SYSTEM, REFUSALS, limit, shown, offset)


def _document(entry: Entry) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(entry.data)
    return document


def scope_of(refusal: Mapping[str, Any]) -> Scope:
    return Scope(refusal["account"], refusal["region"])
