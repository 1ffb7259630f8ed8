"""Reads the policies of a parameter: what they do, and when. Pure.

https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.documents import read_document
from nightbus.aws.errors import AwsError, validation_error

EXPIRATION, BEFORE_EXPIRATION, NO_CHANGE = "Expiration", "ExpirationNotification", "NoChangeNotification"
PENDING, FINISHED = "Pending", "Finished"
_MOST = 10
_UNITS = {"days": 24 * 60 * 60 * 1000, "hours": 60 * 60 * 1000}
_LONGEST_MS = 100 * 366 * 24 * 60 * 60 * 1000
_ATTRIBUTE = {BEFORE_EXPIRATION: "Before", NO_CHANGE: "After"}

Policy = dict[str, Any]


def parse_policies(text: str, now: int) -> list[Policy]:
    """Return the policies as they are stored, with the time (UTC ms) at which each is due; none for "[{}]".

    `now` is when the parameter was changed, in UTC ms. Raises AwsError.
    """
    try:
        given = read_document(text)
    except ValueError as wrong:
        raise validation_error("Invalid policies input: it must be a JSON array of policies.") from wrong
    if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
        raise validation_error("Invalid policies input: it must be a JSON array of policies.")
    policies = [one for one in given if one]
    if len(policies) > _MOST:
        raise AwsError(
            "PoliciesLimitExceededException",
            "You specified more than the maximum number of allowed policies (10).",
        )
    expires = _expiration(policies, now)
    return [
        {
            "type": one["Type"],
            "text": json.dumps(one, separators=(",", ":")),
            "status": PENDING,
            "due": _due(one, now, expires),
        }
        for one in policies
    ]


def _expiration(policies: Sequence[Mapping[str, Any]], now: int) -> int | None:
    """Return the time of the policy that lets the parameter expire, None without one."""
    for one in policies:
        if one.get("Type") not in (EXPIRATION, *_ATTRIBUTE):
            raise AwsError(
                "InvalidPolicyTypeException",
                f"The policy type {one.get('Type')} isn't supported. Parameter Store supports the following policy"
                " types: Expiration, ExpirationNotification, and NoChangeNotification.",
            )
    expiring = [one for one in policies if one["Type"] == EXPIRATION]
    if len(expiring) > 1 or (not expiring and any(one["Type"] == BEFORE_EXPIRATION for one in policies)):
        raise AwsError(
            "IncompatiblePolicyException",
            "There is a conflict in the policies specified for this parameter. You can't, for example, specify two"
            " Expiration policies for a parameter. Review your policies, and try again.",
        )
    if not expiring:
        return None
    try:
        moment = datetime.fromisoformat(str(_attributes(expiring[0])["Timestamp"]))
        expires = int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)
    except (KeyError, ValueError, OverflowError) as wrong:
        raise _wrong_attribute(expiring[0]) from wrong
    if expires <= now:
        raise _wrong_attribute(expiring[0])
    return expires


def _due(policy: Mapping[str, Any], now: int, expires: int | None) -> int:
    if policy["Type"] == EXPIRATION and expires is not None:
        return expires
    attributes = _attributes(policy)
    try:
        period = int(attributes[_ATTRIBUTE[policy["Type"]]]) * _UNITS[str(attributes["Unit"]).lower()]
    except (KeyError, ValueError, TypeError) as wrong:
        raise _wrong_attribute(policy) from wrong
    if not 0 < period <= _LONGEST_MS:
        raise _wrong_attribute(policy)
    if policy["Type"] == BEFORE_EXPIRATION and expires is not None:
        return max(now, expires - period)
    return now + period


def _attributes(policy: Mapping[str, Any]) -> Mapping[str, Any]:
    attributes = policy.get("Attributes")
    if not isinstance(attributes, Mapping):
        raise _wrong_attribute(policy)
    return attributes


def _wrong_attribute(policy: Mapping[str, Any]) -> AwsError:
    return AwsError(
        "InvalidPolicyAttributeException",
        f"A policy attribute or its value is invalid: {json.dumps(policy, separators=(',', ':'))}",
    )


def policies_reply(policies: Sequence[Policy]) -> list[dict[str, str]]:
    return [
        {"PolicyText": one["text"], "PolicyType": one["type"], "PolicyStatus": one["status"]}
        for one in policies
    ]
