"""Judges the fields of a form by its policy document. Pure functions over values.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from nightbus.aws.documents import read_document
from nightbus.aws.errors import AwsError

# Fields that need no condition: what signs the form, the file itself, and what begins with `x-ignore-`.
_FREE = frozenset({"awsaccesskeyid", "signature", "x-amz-signature", "file", "policy", "submit"})
_IGNORED = "x-ignore-"
_RANGE = "content-length-range"


class Sizes(NamedTuple):
    """How many bytes the file may have; None for any number."""

    least: int = 0
    most: int | None = None


def judge(text: str, fields: Mapping[str, str], bucket: str, now_ms: int) -> Sizes:
    """Return the sizes that the policy allows. Raises AwsError for a field that it does not, or one that is over.

    `text` is the document in Base64, `fields` are those of the form with `${filename}` replaced.
    """
    policy = _parsed(text)
    if _moment(policy["expiration"]) <= now_ms:
        raise _refused("Policy expired.")
    values = {**fields, "bucket": bucket}
    named: set[str] = set()
    sizes = Sizes()
    for condition in policy["conditions"]:
        for operator, name, expected in _tests(condition):
            if operator == _RANGE:
                sizes = Sizes(_count(name), _count(expected))
                continue
            field = str(name).removeprefix("$").lower()
            named.add(field)
            if not _holds(operator, values.get(field, ""), str(expected)):
                raise _refused(f"Policy Condition failed: {_written(operator, field, expected)}")
    for field in fields:
        if field not in named and field not in _FREE and not field.startswith(_IGNORED):
            raise _refused(f"Extra input fields: {field}")
    return sizes


def _parsed(text: str) -> dict[str, Any]:
    try:
        policy = read_document(base64.b64decode(text, validate=True).decode())
    except (binascii.Error, ValueError):
        raise _invalid("Invalid JSON.") from None
    if not isinstance(policy, dict):
        raise _invalid("Invalid JSON.")
    for name in ("expiration", "conditions"):
        if name not in policy:
            raise _invalid(f"Policy missing {name}.")
    if not isinstance(policy["conditions"], list):
        raise _invalid("Invalid 'conditions' value: must be a List.")
    return policy


def _moment(text: Any) -> int:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise _invalid(f"Invalid 'expiration' value: '{text}'") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _tests(condition: Any) -> list[tuple[str, Any, Any]]:
    """Return the operator, the field and the expected value of each test in a condition."""
    if isinstance(condition, dict):
        return [("eq", name, value) for name, value in condition.items()]
    if isinstance(condition, list) and len(condition) == 3:
        operator = str(condition[0]).lower()
        if operator in ("eq", "starts-with", _RANGE):
            return [(operator, condition[1], condition[2])]
    raise _invalid(f"Invalid Condition: {json.dumps(condition)[:100]}")


def _holds(operator: str, actual: str, expected: str) -> bool:
    return actual.startswith(expected) if operator == "starts-with" else actual == expected


def _written(operator: str, field: str, expected: Any) -> str:
    return json.dumps([operator, f"${field}", expected])


def _count(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise _invalid(f"Invalid content-length-range: {str(value)[:40]}") from None


def _refused(why: str) -> AwsError:
    return AwsError("AccessDenied", f"Invalid according to Policy: {why}", 403)


def _invalid(why: str) -> AwsError:
    return AwsError("InvalidPolicyDocument", f"Invalid Policy: {why}")
