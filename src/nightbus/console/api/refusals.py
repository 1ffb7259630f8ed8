"""Shows refused requests with their why, and the calls of the audit trail: `/access`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
import orjson

from nightbus.audit.refusals import find_refusals, refusals_before
from nightbus.aws.errors import AwsError
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.routing import Routes
from nightbus.console.api.values import Answer, Json, Page, as_json
from nightbus.identity.audit import TRAIL
from nightbus.node.admin.access import add_to
from nightbus.store.interface import Entry
from nightbus.store.newest import newest

Text = Annotated[str, msgspec.Meta(max_length=300)]


class Refusal(Answer, frozen=True):
    """A request that policies did not allow, or with `enforced` false would not have allowed. `id` is the request's,
    `principal` an ARN or a service, `why` the reason in a sentence, `message` what the client was told."""

    id: str
    time: int
    region: str
    operation: str
    action: str
    resource: str
    principal: str
    why: str
    message: str
    enforced: bool


class Refusals(Answer, frozen=True):
    refusals: list[Refusal]
    next: str | None


class PolicyVerdict(Answer, frozen=True):
    """What one policy said: `allow`, `implicitDeny` or `explicitDeny`; `statements` are those that decided."""

    name: str
    kind: str
    verdict: str
    statements: list[str]
    why: str


class RefusalDetail(Refusal, frozen=True):
    """`statement` would allow it, added to what `add_to` names (role, user or resource; function and stack, where a
    template made the role); None where a policy denies it. `keys` are the condition keys of the request."""

    request_id: str
    role: str
    source: str
    decided_by: str
    effect: str
    policies: list[PolicyVerdict]
    keys: Json
    statement: Json | None
    add_to: dict[str, str]


class RefusalQuery(Page, frozen=True):
    """`text`: only those whose action, resource, caller or reason has it. `audit`: only those that audit mode let
    pass."""

    text: Text = ""
    audit: bool = False


class RecordedCall(Answer, frozen=True):
    """A call of the audit trail; `record` is CloudTrail's. `error` is "" for one that succeeded."""

    id: str
    time: int
    name: str
    service: str
    principal: str
    error: str
    resource: str
    read_only: bool
    record: Json


class RecordedCalls(Answer, frozen=True):
    events: list[RecordedCall]
    next: str | None


class TrailQuery(Page, frozen=True):
    """`reads`: `all` shows calls that only read as well. `text`: only those whose record has it."""

    text: Text = ""
    reads: Literal["", "all"] = ""


async def list_refusals(request: ApiRequest, query: RefusalQuery) -> Refusals:
    """List refused requests of the account, in all Regions, the newest first.

    An answer may have fewer than `limit`, or none, and `next` all the same: it reads a bounded part of what is kept.
    """
    await request.node.trail.written()
    account, wanted = request.scope.account, query.text.lower()

    def fits(one: Mapping[str, Any]) -> bool:
        is_chosen = one["account"] == account and not (query.audit and one["enforced"])
        return is_chosen and wanted in _searched(_refusal(one))

    found, after = await refusals_before(request.store, _after(query.next), query.limit, fits)
    return Refusals(refusals=[_refusal(one) for one in found], next=str(after) if after else None)


async def read_refusal(request: ApiRequest, id: str) -> RefusalDetail:
    """Explain a refused request: what each policy said, and the smallest statement that would allow it.

    `id` is the request's, which the client's error has.
    """
    await request.node.trail.written()
    found = [one for one in await find_refusals(request.store, id) if one["account"] == request.scope.account]
    if not found:
        raise AwsError("ResourceNotFoundException", f"No refusal of a request {id[:80]} is kept.", 404)
    one = found[-1]
    where = await add_to(request.node, one)
    statement = where.pop("statement", None) or one["remedy"].get("statement")
    return RefusalDetail(
        **msgspec.structs.asdict(_refusal(one)),
        request_id=one["id"],
        role=one["role"],
        source=one["source"],
        decided_by=one["decided_by"],
        effect=one["effect"],
        policies=[_verdict(policy) for policy in one["policies"]],
        keys=as_json(one["keys"]),
        statement=None if statement is None else as_json(statement),
        add_to={name: str(value) for name, value in where.items()},
    )


async def list_calls(request: ApiRequest, query: TrailQuery) -> RecordedCalls:
    """List the calls of the audit trail of the account and Region, the newest first.

    An answer may have fewer calls than `limit`, or none, and `next` all the same: it reads a bounded part of the trail.
    """
    await request.node.trail.written()
    found, after = await newest(
        request.store,
        request.scope,
        TRAIL,
        query.limit,
        lambda entry: _call(entry, query),
        _after(query.next),
    )
    return RecordedCalls(events=found, next=str(after) if after else None)


def _after(text: str) -> int:
    """The offset that `next` names; 0 for the newest."""
    return int(text) if text.isdecimal() and len(text) < 19 else 0


def _refusal(one: Mapping[str, Any]) -> Refusal:
    return Refusal(
        id=one["id"],
        time=one["time"],
        region=one["region"],
        operation=one["operation"],
        action=one["action"],
        resource=one["resource"],
        principal=one["principal"],
        why=one["reason"],
        message=one["message"],
        enforced=one["enforced"],
    )


def _searched(one: Refusal) -> str:
    return " ".join((one.action, one.operation, one.resource, one.principal, one.why, one.id)).lower()


_SAYS = {
    "allow": "allows it",
    "implicitDeny": "does not mention it",
    "explicitDeny": "denies it",
}


def _verdict(policy: Mapping[str, Any]) -> PolicyVerdict:
    statements = [str(one) for one in policy["statements"]]
    says = _SAYS.get(policy["effect"], policy["effect"])
    by = f" by {', '.join(statements)}" if statements else ""
    return PolicyVerdict(
        name=policy["policy"] or policy["kind"],
        kind=policy["kind"],
        verdict=policy["effect"],
        statements=statements,
        why=f"This {policy['kind']} {says}{by}.",
    )


def _call(entry: Entry, query: TrailQuery) -> RecordedCall | None:
    """None for a call that the query does not want."""
    if query.text and query.text.lower().encode() not in entry.data.lower():
        return None
    if not query.reads and b'"readOnly":true' in entry.data:
        return None
    record = orjson.loads(entry.data)
    identity = record["userIdentity"]
    resources = record.get("resources") or ()
    return RecordedCall(
        id=record["eventID"],
        time=entry.time,
        name=record["eventName"],
        service=record["eventSource"].partition(".")[0],
        principal=identity.get("arn") or identity.get("invokedBy") or identity.get("type") or "",
        error=record.get("errorCode") or "",
        resource=resources[0].get("ARN", "") if resources else "",
        read_only=bool(record["readOnly"]),
        record=msgspec.Raw(entry.data),
    )


ROUTES: Routes = {
    "GET /access/refusals": list_refusals,
    "GET /access/refusals/{id}": read_refusal,
    "GET /access/trail": list_calls,
}
