"""Writes who made a call, from where and with what, as the members of CloudTrail's record that say so."""

from __future__ import annotations

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
    if caller.service:
        identity["invokedBy"] = caller.service
    return identity


def user_name(caller: Caller) -> str:
    """Return the name by which LookupEvents finds the caller: the user's, the session's, or `root`."""
    if not caller.arn or caller.is_anonymous:
        return ""
    return "root" if caller.arn.endswith(":root") else caller.arn.rsplit("/", 1)[-1]


def source_address(call: Call) -> str:
    return call.source_ip or call.caller.service or INTERNAL


def _type(caller: Caller) -> str:
    if _ASSUMED in caller.arn:
        return "AssumedRole"
    return "Root" if caller.arn.endswith(":root") else "IAMUser"


def _session(caller: Caller) -> dict[str, Any]:
    role = caller.arn.split(_ASSUMED, 1)[1].split("/", 1)[0]
    return {
        "sessionIssuer": {
            "type": "Role",
            "principalId": caller.user_id.split(":", 1)[0],
            "arn": f"arn:aws:iam::{caller.account}:role/{role}",
            "accountId": caller.account,
            "userName": role,
        },
        "attributes": {"mfaAuthenticated": "false"},
    }
