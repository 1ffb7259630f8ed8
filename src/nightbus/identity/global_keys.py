"""Gives the condition keys that every request has, whatever the service is.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from __future__ import annotations

from datetime import UTC, datetime

from nightbus.aws.calls import Call, Caller
from nightbus.identity.principals import Principal
from nightbus.policies.document import Policy
from nightbus.policies.request import Values, named_values

_OF_CALL = frozenset(
    {"aws:currenttime", "aws:epochtime", "aws:requestedregion", "aws:sourceip", "aws:useragent"}
)
# What follows from the caller alone, so that a policy without other keys needs none given.
OF_SERVICES = frozenset({"aws:sourcearn", "aws:sourceaccount", "aws:principalservicename"})
_CALLED_VIA = frozenset({"cloudformation"})  # the services that Nightbus has of those that set aws:CalledVia


def global_keys(call: Call, principal: Principal, now_ms: int) -> dict[str, Values]:
    """Return the global keys, in lower case. "" stands for one that the request does not have."""
    caller = call.caller
    chain = tuple(f"{one}.amazonaws.com" for one in call.via if one in _CALLED_VIA)
    return {
        **_of_principal(caller, principal),
        **_of_call(call, now_ms),
        "aws:securetransport": "true",  # policies use it against plain HTTP over the internet
        "aws:calledvia": chain,
        "aws:calledviafirst": chain[0] if chain else "",
        "aws:calledvialast": chain[-1] if chain else "",
        "aws:viaawsservice": "true" if call.via and caller.arn else "false",
        "aws:sourcearn": "" if caller.arn else caller.source_arn,
        "aws:sourceaccount": "" if caller.arn else source_account(caller),
        "aws:sourceowner": caller.account,  # a topic's default policy names its own account by this key
        "aws:principalorgid": "",  # Nightbus has no organizations
        "aws:sourceorgid": "",
        "aws:resourceorgid": "",
    }


def call_keys(call: Call, policy: Policy, now_ms: int) -> dict[str, Values] | None:
    """Return the keys of the call itself for a handler that asks a resource's policy, None if the policy names none."""
    return _of_call(call, now_ms) if policy.condition_keys & _OF_CALL else None


def _of_call(call: Call, now_ms: int) -> dict[str, Values]:
    now = datetime.fromtimestamp(now_ms // 1000, UTC)
    return {
        "aws:currenttime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:epochtime": str(now_ms // 1000),
        "aws:requestedregion": call.scope.region,
        "aws:sourceip": "" if call.via else call.source_ip,
        "aws:useragent": call.user_agent,
    }


def source_account(caller: Caller) -> str:
    """Return the account of the resource for which a service calls: of its ARN, which a bucket's does not have."""
    parts = caller.source_arn.split(":", 5)
    return (parts[4] if len(parts) > 4 else "") or caller.account


def _of_principal(caller: Caller, principal: Principal) -> dict[str, Values]:
    session = caller.session
    temporary = session is not None and not session.assumed_by
    keys: dict[str, Values] = {
        "aws:principalarn": (session.role if session else "") or caller.arn,
        "aws:principalaccount": caller.account if caller.arn else "",
        "aws:principaltype": _type_of(caller),
        "aws:principalisawsservice": "false" if caller.arn else str(bool(caller.service)).lower(),
        "aws:principalservicename": "" if caller.arn else caller.service,
        "aws:userid": _user_id(caller, principal),
        "aws:username": caller.arn.rsplit("/", 1)[-1] if ":user/" in caller.arn else "",
        "aws:multifactorauthpresent": "",
        "aws:tokenissuetime": "",
        "aws:sourceidentity": session.source_identity if session else "",
        # https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
        "lambda:sourcefunctionarn": session.function if session else "",
    }
    if temporary and session is not None:
        keys["aws:multifactorauthpresent"] = str(bool(session.mfa)).lower()
        issued = datetime.fromtimestamp(session.issued // 1000, UTC)
        keys["aws:tokenissuetime"] = issued.strftime("%Y-%m-%dT%H:%M:%SZ")
    tags = {**principal.tags, **dict(session.tags if session else ())}
    return keys | named_values("aws:principaltag/", tags.items())


def _user_id(caller: Caller, principal: Principal) -> str:
    """Return the principal's unique id, with the session's name for a role; a service does not know its role's id."""
    if caller.user_id and not caller.user_id.startswith(":"):
        return caller.user_id
    is_session = caller.session is not None and bool(caller.session.role)
    name = caller.user_id or (f":{caller.arn.rsplit('/', 1)[-1]}" if is_session else "")
    return principal.id + name if name and principal.id else ""


def _type_of(caller: Caller) -> str:
    if caller.is_anonymous:
        return "Anonymous"
    if not caller.arn:
        return ""
    if caller.is_root:
        return "Account"
    return "User" if ":user/" in caller.arn else "AssumedRole"
