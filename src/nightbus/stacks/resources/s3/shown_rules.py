"""Reads the lifecycle and CORS rules of AWS::S3::Bucket as S3 shows them: the other direction of `lifecycle`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def shown_lifecycle(reply: Mapping[str, Any]) -> dict[str, Any]:
    """Return the property LifecycleConfiguration of a reply of GetBucketLifecycleConfiguration."""
    smallest = reply.get("TransitionDefaultMinimumObjectSize")
    return _present(
        Rules=[_rule(rule) for rule in reply["Rules"]], TransitionDefaultMinimumObjectSize=smallest
    )


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    filtered = rule.get("Filter") or {}
    both = filtered.get("And") or {}
    tags = both.get("Tags") or ([filtered["Tag"]] if filtered.get("Tag") else None)
    expiration = rule.get("Expiration") or {}
    older = rule.get("NoncurrentVersionExpiration")
    return _present(
        Id=rule["ID"],
        Status=rule["Status"],
        Prefix=rule.get("Prefix") or filtered.get("Prefix") or both.get("Prefix") or None,
        TagFilters=tags,
        ObjectSizeGreaterThan=_text(filtered.get("ObjectSizeGreaterThan", both.get("ObjectSizeGreaterThan"))),
        ObjectSizeLessThan=_text(filtered.get("ObjectSizeLessThan", both.get("ObjectSizeLessThan"))),
        ExpirationInDays=expiration.get("Days"),
        ExpirationDate=_date(expiration.get("Date")),
        ExpiredObjectDeleteMarker=expiration.get("ExpiredObjectDeleteMarker"),
        NoncurrentVersionExpiration=older,
        Transitions=[_transition(one) for one in rule.get("Transitions") or ()] or None,
        NoncurrentVersionTransitions=[
            _older_transition(one) for one in rule.get("NoncurrentVersionTransitions") or ()
        ]
        or None,
        AbortIncompleteMultipartUpload=rule.get("AbortIncompleteMultipartUpload"),
    )


def _transition(move: Mapping[str, Any]) -> dict[str, Any]:
    return _present(
        StorageClass=move["StorageClass"],
        TransitionInDays=move.get("Days"),
        TransitionDate=_date(move.get("Date")),
    )


def _older_transition(move: Mapping[str, Any]) -> dict[str, Any]:
    return _present(
        StorageClass=move["StorageClass"],
        TransitionInDays=move["NoncurrentDays"],
        NewerNoncurrentVersions=move.get("NewerNoncurrentVersions"),
    )


def shown_cors(reply: Mapping[str, Any]) -> dict[str, Any]:
    names = {"ID": "Id", "ExposeHeaders": "ExposedHeaders", "MaxAgeSeconds": "MaxAge"}
    return {
        "CorsRules": [
            {names.get(name, name): one for name, one in rule.items()} for rule in reply["CORSRules"]
        ]
    }


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)


def _date(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _present(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
