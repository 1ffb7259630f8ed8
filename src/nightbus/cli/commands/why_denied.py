"""Prints why requests were refused: by whom, each policy's verdict, and the statement that would allow them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from nightbus.cli.operator_request import post_as_operator
from nightbus.cli.terminal import without_controls
from nightbus.cli.yaml_text import yaml_lines
from nightbus.node.settings import Settings

_SAYS = {"allow": "allows it", "explicitDeny": "denies it", "implicitDeny": "does not mention it"}


def print_refusals(
    settings: Settings, request_id: str | None, limit: int, *, only_audited: bool, as_json: bool
) -> None:
    """Print the refusal of a request, or the newest ones. Raises CommandFailed."""
    body = {"id": request_id or "", "limit": limit, "audit": only_audited}
    reply = post_as_operator(settings, "why-denied", body)
    if as_json:
        print(json.dumps(reply, indent=2))
        return
    if not reply["refusals"]:
        print("nothing would have been refused" if only_audited else "nothing was refused")
    texts = ["\n".join(_lines(refusal)) for refusal in reply["refusals"]]
    print(without_controls("\n\n".join(texts), keep="\n"), end="\n" if texts else "")


def _lines(refusal: Mapping[str, Any]) -> Iterator[str]:
    time = datetime.fromtimestamp(refusal["time"] / 1000, UTC)
    what = "refused" if refusal["enforced"] else "allowed (policies are only audited)"
    yield f"{what} {time:%Y-%m-%d %H:%M:%S}  {refusal['operation']}  request {refusal['id']}"
    yield f"  who        {refusal['principal']}"
    yield f"  action     {refusal['action']}"
    yield f"  resource   {refusal['resource']}"
    yield f"  why        {refusal['reason']}"
    for policy in refusal["policies"]:
        by = f" by statement {', '.join(policy['statements'])}" if policy["statements"] else ""
        yield f"  policy     {policy['policy'] or policy['kind']} ({policy['kind']}) {_SAYS[policy['effect']]}{by}"
    if not refusal["policies"]:
        yield "  policy     there is none"
    yield from _remedy_lines(refusal)


def _remedy_lines(refusal: Mapping[str, Any]) -> Iterator[str]:
    remedy, place = refusal["remedy"], refusal["add_to"]
    if "deny" in remedy:
        named = ", ".join(
            f"{one['policy'] or one['kind']} (statement {', '.join(one['statements'])})"
            for one in remedy["deny"]
        )
        yield f"  remedy     an Allow does not help against a Deny: change {named}"
        return
    if "create" in remedy:
        role = f"role {place['role']} (aws iam create-role)"
        yield f"  remedy     create {role} with the permissions that it needs and this trust policy:"
    else:
        yield f"  remedy     add this {_where(remedy['kind'], place)}:"
    yield from (f"    {line}" for line in _document_lines(remedy, place))


def _document_lines(remedy: Mapping[str, Any], place: Mapping[str, Any]) -> Iterator[str]:
    """Yield YAML for a template, else JSON, the only form that the operations of AWS take."""
    if "statement" in place:
        yield from yaml_lines([{"Version": "2012-10-17", "Statement": [place["statement"]]}])
        return
    document = {"Version": "2012-10-17", "Statement": [remedy["statement"]]}
    yield from json.dumps(document, indent=2).splitlines()


def _where(kind: str, place: Mapping[str, Any]) -> str:
    if "function" in place:
        return f"to Policies of {place['function']} in the template of stack {place['stack']} (role {place['role']})"
    if kind == "role trust policy":
        return f"to the trust policy of role {place['role']} (aws iam update-assume-role-policy)"
    if "resource" in place and ":logs:" in place["resource"]:
        return "to a resource policy of CloudWatch Logs (aws logs put-resource-policy)"
    if "resource" in place:
        return f"to the policy of {place['resource']}"
    who = f"user {place['user']}" if "user" in place else f"role {place['role']}"
    stack = f" of stack {place['stack']}" if "stack" in place else ""
    if kind == "identity-based policy":
        operation = "put-user-policy" if "user" in place else "put-role-policy"
        return f"to a policy of {who}{stack or f' (aws iam {operation})'}"
    return f"to the {kind} of {who}{stack}"
