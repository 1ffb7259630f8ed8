"""Writes who made a call, from where and with what, as the members of CloudTrail's record that say so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nightbus.aws.calls import Call, Caller

_ASSUMED = ":assumed-role/"
INTERNAL = "AWS Internal"


def user_identity(call: Call) -> dict[str, Any]:
    """Return `userIdentity`. A call from inside that a service makes for somebody names the service as `invokedBy`."""
    caller = call.caller
    if caller.is_anonymous:
        return {"type": "AWSAccount", "principalId": "", "accountId": "anonymous"}
    if not caller.arn:
        return {"type": "AWSService", "invokedBy": caller.service}
    identity: dict[str, Any] = {
        "type": _type(caller),
        "principalId": caller.user_id,
        "arn": caller.arn,
        "accountId": caller.account,
    }
    if caller.access_key:
        identity["accessKeyId"] = caller.access_key
    if identity["type"] == "IAMUser":
        identity["userName"] = user_name(caller)
    if identity["type"] == "AssumedRole":
        identity["sessionContext"] = _session(caller)
    service = _service(call)
    if service:
        identity["invokedBy"] = service
    return identity


def user_name(caller: Caller) -> str:
    """Return the name by which LookupEvents finds the caller: the user's, the session's, or `root`."""
    if not caller.arn or caller.is_anonymous:
        return ""
    return "root" if caller.arn.endswith(":root") else caller.arn.rsplit("/", 1)[-1]


def source_address(call: Call) -> str:
    """Return the client's address, or the service through which the call came."""
    return _service(call) or call.source_ip or INTERNAL


def user_agent(call: Call) -> str:
    return _service(call) or call.user_agent or ("" if call.source_ip else INTERNAL)


def _service(call: Call) -> str:
    """Return the service that makes the call for its caller, "" for a caller's own request."""
    if call.via:
        return f"{call.via[-1]}.amazonaws.com"
    return call.caller.service


def _type(caller: Caller) -> str:
    if _ASSUMED in caller.arn:
        return "AssumedRole"
    return "Root" if caller.arn.endswith(":root") else "IAMUser"


def _role_id(caller: Caller) -> str:
    known = caller.session.role_id if caller.session is not None else ""
    return known or caller.user_id.split(":", 1)[0]


def _session(caller: Caller) -> dict[str, Any]:
    session, partition = caller.session, caller.arn.split(":", 2)[1]
    name = caller.arn.split(_ASSUMED, 1)[1].split("/", 1)[0]
    role = session.role if session is not None and session.role else ""
    attributes = {"mfaAuthenticated": "true" if session is not None and session.mfa else "false"}
    if session is not None and session.issued:
        issued = datetime.fromtimestamp(session.issued / 1000, UTC)
        attributes["creationDate"] = f"{issued:%Y-%m-%dT%H:%M:%SZ}"
    context: dict[str, Any] = {
        "sessionIssuer": {
            "type": "Role",
            "principalId": _role_id(caller),
            "arn": role or f"arn:{partition}:iam::{caller.account}:role/{name}",
            "accountId": caller.account,
            "userName": name,
        },
        "attributes": attributes,
    }
    if session is not None and session.source_identity:
        context["sourceIdentity"] = session.source_identity
    return context
