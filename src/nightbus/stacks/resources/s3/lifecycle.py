"""Converts the lifecycle and CORS rules of AWS::S3::Bucket to those of S3, whose members have other names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from nightbus.stacks.resources.values import boolean, converted, integer_value


def lifecycle(value: Any) -> dict[str, Any]:
    return {"Rules": [_rule(rule) for rule in value["Rules"]]}


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"Status": rule["Status"], "Filter": _filter(rule)}
    if rule.get("Id"):
        made["ID"] = rule["Id"]
    expiration = _present(
        Days=_number(rule, "ExpirationInDays"),
        Date=_date(rule, "ExpirationDate"),
        ExpiredObjectDeleteMarker=_flag(rule, "ExpiredObjectDeleteMarker"),
    )
    transitions = [*rule.get("Transitions", ()), *([rule["Transition"]] if rule.get("Transition") else ())]
    older = [
        *rule.get("NoncurrentVersionTransitions", ()),
        *([rule["NoncurrentVersionTransition"]] if rule.get("NoncurrentVersionTransition") else ()),
    ]
    abort = rule.get("AbortIncompleteMultipartUpload") or {}
    return made | _present(
        Expiration=expiration or None,
        Transitions=[_transition(one) for one in transitions] or None,
        NoncurrentVersionTransitions=[_older_transition(one) for one in older] or None,
        NoncurrentVersionExpiration=_older_expiration(rule) or None,
        AbortIncompleteMultipartUpload=_present(DaysAfterInitiation=_number(abort, "DaysAfterInitiation"))
        or None,
    )


def _filter(rule: Mapping[str, Any]) -> dict[str, Any]:
    tags = [{"Key": tag["Key"], "Value": str(tag["Value"])} for tag in rule.get("TagFilters") or ()]
    values = _present(
        Prefix=rule.get("Prefix"),
        Tags=tags or None,
        ObjectSizeGreaterThan=_number(rule, "ObjectSizeGreaterThan"),
        ObjectSizeLessThan=_number(rule, "ObjectSizeLessThan"),
    )
    if not values:
        return {"Prefix": ""}
    if len(values) > 1 or len(tags) > 1:
        return {"And": values}
    return {"Tag": tags[0]} if tags else values


def _transition(move: Mapping[str, Any]) -> dict[str, Any]:
    made = _present(Days=_number(move, "TransitionInDays"), Date=_date(move, "TransitionDate"))
    return {**made, "StorageClass": _class(move)}


def _older_transition(move: Mapping[str, Any]) -> dict[str, Any]:
    made = _present(
        NoncurrentDays=_number(move, "TransitionInDays"),
        NewerNoncurrentVersions=_number(move, "NewerNoncurrentVersions"),
    )
    return {**made, "StorageClass": _class(move)}


def _class(move: Mapping[str, Any]) -> str:
    return "GLACIER" if move["StorageClass"] == "Glacier" else str(move["StorageClass"])


def _older_expiration(rule: Mapping[str, Any]) -> dict[str, Any]:
    older = rule.get("NoncurrentVersionExpiration") or {}
    days = _number(older, "NoncurrentDays")
    return _present(
        NoncurrentDays=_number(rule, "NoncurrentVersionExpirationInDays") if days is None else days,
        NewerNoncurrentVersions=_number(older, "NewerNoncurrentVersions"),
    )


def cors(value: Any) -> dict[str, Any]:
    names = {"Id": "ID", "ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds"}
    rules = [{names.get(name, name): one for name, one in rule.items()} for rule in value["CorsRules"]]
    for rule in rules:
        if "MaxAgeSeconds" in rule:
            rule["MaxAgeSeconds"] = converted("MaxAge", rule["MaxAgeSeconds"], integer_value)
    return {"CORSRules": rules}


def _number(values: Mapping[str, Any], name: str) -> int | None:
    return None if values.get(name) is None else int(converted(name, values[name], integer_value))


def _flag(values: Mapping[str, Any], name: str) -> bool | None:
    return None if values.get(name) is None else bool(converted(name, values[name], boolean))


def _date(values: Mapping[str, Any], name: str) -> datetime | None:
    return None if values.get(name) is None else converted(name, values[name], _moment)


def _moment(text: Any) -> datetime:
    moment = datetime.fromisoformat(str(text))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _present(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
