"""Puts, gets and deletes the lifecycle configuration of a bucket, checked as S3 checks it.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.services.context import Context
from nightbus.services.s3.buckets.configuration import save
from nightbus.services.s3.errors import invalid_request, malformed_xml
from nightbus.services.s3.records import find_bucket

_MOST_RULES = 1000
_LONGEST_ID = 255
_MOST_NEWER = 100
_DEFAULT_SMALLEST = "all_storage_classes_128K"
_INFREQUENT = ("STANDARD_IA", "ONEZONE_IA")
_LEAST_DAYS = 30
_ACTIONS = (
    "Expiration",
    "Transitions",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionTransitions",
    "AbortIncompleteMultipartUpload",
)


async def put_bucket_lifecycle_configuration(
    ctx: Context,
    *,
    bucket: str,
    lifecycle_configuration: dict[str, Any] | None = None,
    transition_default_minimum_object_size: str = _DEFAULT_SMALLEST,
    expected_bucket_owner: str | None = None,
) -> dict[str, Any]:
    await find_bucket(ctx, bucket, expected_bucket_owner)
    rules = checked_rules((lifecycle_configuration or {}).get("Rules") or [])
    stored = {"Rules": rules, "TransitionDefaultMinimumObjectSize": transition_default_minimum_object_size}
    await save(ctx, bucket, expected_bucket_owner, {"Lifecycle": stored})
    return {"TransitionDefaultMinimumObjectSize": transition_default_minimum_object_size}


async def get_bucket_lifecycle_configuration(
    ctx: Context, *, bucket: str, expected_bucket_owner: str | None = None
) -> dict[str, Any]:
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    stored = record.value.get("Lifecycle")
    if stored is None:
        text = "The lifecycle configuration does not exist"
        raise AwsError("NoSuchLifecycleConfiguration", text, 404, fields={"BucketName": bucket})
    return {**stored, "Rules": [_shown(rule) for rule in stored["Rules"]]}


def _shown(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored rule with its dates as values of time."""
    shown = dict(rule)
    if "Expiration" in rule:
        shown["Expiration"] = _dated(rule["Expiration"])
    if "Transitions" in rule:
        shown["Transitions"] = [_dated(one) for one in rule["Transitions"]]
    return shown


def _dated(action: Mapping[str, Any]) -> dict[str, Any]:
    if "Date" not in action:
        return dict(action)
    return {**action, "Date": datetime.fromisoformat(action["Date"])}


def checked_rules(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rules as they are stored: each with an id, and dates as text. Raises AwsError."""
    if not 1 <= len(given) <= _MOST_RULES:
        raise malformed_xml()
    rules = [_checked_rule(rule) for rule in given]
    if len({rule["ID"] for rule in rules}) < len(rules):
        raise _invalid("Rule ID must be unique. Found same ID for more than one rule")
    return rules


def _checked_rule(given: Mapping[str, Any]) -> dict[str, Any]:
    rule = {name: value for name, value in given.items() if value is not None}
    rule["ID"] = rule.get("ID") or new_uuid()
    if len(rule["ID"]) > _LONGEST_ID:
        raise _invalid(f"ID length should not exceed allowed limit of {_LONGEST_ID}")
    if ("Filter" in rule) == ("Prefix" in rule):
        raise malformed_xml()
    _check_filter(rule.get("Filter") or {})
    if not any(rule.get(name) for name in _ACTIONS):
        raise invalid_request("At least one action needs to be specified in a rule")
    tagged = _has_tags(rule)
    if "Expiration" in rule:
        rule["Expiration"] = _checked_expiration(rule["Expiration"], tagged)
    if rule.get("Transitions"):
        rule["Transitions"] = [_checked_transition(one) for one in rule["Transitions"]]
        _check_order(rule)
    _check_noncurrent(rule)
    abort = rule.get("AbortIncompleteMultipartUpload")
    if abort is not None:
        if tagged:
            raise invalid_request("AbortIncompleteMultipartUpload cannot be specified with Tags.")
        _check_positive(abort, "DaysAfterInitiation", "AbortIncompleteMultipartUpload")
    return rule


def _check_filter(filtered: Mapping[str, Any]) -> None:
    both = filtered.get("And")
    if len(filtered) > 1 or (both is not None and _predicates(both) < 2):
        raise malformed_xml()
    values = both or filtered
    larger, smaller = values.get("ObjectSizeGreaterThan"), values.get("ObjectSizeLessThan")
    if larger is not None and smaller is not None and larger >= smaller:
        raise _invalid("'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.")
    keys = [tag["Key"] for tag in (both or {}).get("Tags") or []]
    if len(keys) != len(set(keys)):
        raise _invalid("Duplicate Tag Keys are not allowed.")


def _predicates(both: Mapping[str, Any]) -> int:
    return sum(len(value) if name == "Tags" else 1 for name, value in both.items() if value is not None)


def _has_tags(rule: Mapping[str, Any]) -> bool:
    filtered = rule.get("Filter") or {}
    return bool(filtered.get("Tag") or (filtered.get("And") or {}).get("Tags"))


def _checked_expiration(given: Mapping[str, Any], tagged: bool) -> dict[str, Any]:
    names = [name for name in ("Days", "Date", "ExpiredObjectDeleteMarker") if given.get(name) is not None]
    if len(names) != 1:
        raise malformed_xml()
    if names == ["ExpiredObjectDeleteMarker"] and tagged:
        raise invalid_request("ExpiredObjectDeleteMarker cannot be specified with Tags.")
    if names == ["Days"]:
        _check_positive(given, "Days", "Expiration")
    return _with_date(given)


def _checked_transition(given: Mapping[str, Any]) -> dict[str, Any]:
    if (given.get("Days") is None) == (given.get("Date") is None) or "StorageClass" not in given:
        raise malformed_xml()
    days, storage_class = given.get("Days"), given["StorageClass"]
    if days is not None and days < 0:
        raise _invalid("'Days' in Transition action must be nonnegative")
    if days is not None and storage_class in _INFREQUENT and days < _LEAST_DAYS:
        raise _invalid(_too_early("Days", "Transition", storage_class))
    return _with_date(given)


def _too_early(name: str, action: str, storage_class: str) -> str:
    text = f"'{name}' in {action} action must be greater than or equal to {_LEAST_DAYS}"
    return f"{text} for storageClass '{storage_class}'"


def _check_order(rule: Mapping[str, Any]) -> None:
    classes = [one["StorageClass"] for one in rule["Transitions"]]
    where = f"'(prefix={_prefix(rule)})'"
    if len(classes) != len(set(classes)):
        text = "'StorageClass' must be different for 'Transition' actions in same 'Rule' with filter"
        raise _invalid(f"{text} {where}")
    expires = (rule.get("Expiration") or {}).get("Days")
    for one in rule["Transitions"]:
        if expires is not None and one.get("Days") is not None and one["Days"] >= expires:
            text = f"'Days' in the Expiration action for filter {where} must be greater than 'Days' in the"
            raise _invalid(f"{text} Transition action")


def _prefix(rule: Mapping[str, Any]) -> str:
    filtered = rule.get("Filter") or {}
    return str(
        rule.get("Prefix") or filtered.get("Prefix") or (filtered.get("And") or {}).get("Prefix") or ""
    )


def _check_noncurrent(rule: Mapping[str, Any]) -> None:
    expiration = rule.get("NoncurrentVersionExpiration")
    if expiration is not None:
        _check_positive(expiration, "NoncurrentDays", "NoncurrentVersionExpiration")
        _check_newer(expiration, "NoncurrentVersionExpiration")
    for move in rule.get("NoncurrentVersionTransitions") or ():
        if move.get("NoncurrentDays") is None or "StorageClass" not in move:
            raise malformed_xml()
        if move["StorageClass"] in _INFREQUENT and move["NoncurrentDays"] < _LEAST_DAYS:
            raise _invalid(_too_early("NoncurrentDays", "NoncurrentVersionTransition", move["StorageClass"]))
        _check_newer(move, "NoncurrentVersionTransition")


def _check_newer(action: Mapping[str, Any], name: str) -> None:
    newer = action.get("NewerNoncurrentVersions")
    if newer is not None and not 1 <= newer <= _MOST_NEWER:
        raise _invalid(
            f"'NewerNoncurrentVersions' for {name} action must be a positive integer between 1 and 100"
        )


def _check_positive(action: Mapping[str, Any], member: str, name: str) -> None:
    value = action.get(member)
    if value is None:
        raise malformed_xml()
    if value <= 0:
        raise _invalid(f"'{member}' for {name} action must be a positive integer")


def _with_date(action: Mapping[str, Any]) -> dict[str, Any]:
    """Return the action with its date as text. Raises AwsError for one that is not at midnight."""
    date = action.get("Date")
    if date is None:
        return dict(action)
    moment = date if isinstance(date, datetime) else datetime.fromtimestamp(date, UTC)
    moment = moment.astimezone(UTC)
    if (moment.hour, moment.minute, moment.second, moment.microsecond) != (0, 0, 0, 0):
        raise _invalid("'Date' must be at midnight GMT")
    return {**action, "Date": moment.isoformat()}


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidArgument", message)
