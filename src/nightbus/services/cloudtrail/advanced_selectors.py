"""Checks advanced event selectors, and says which records they choose.

A selector chooses a record if all its fields do. A field with several operators chooses what meets one of those that
name values (`Equals`, `StartsWith`, `EndsWith`), if there are any, and all of the others.
Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nightbus.aws.errors import AwsError, unsupported

MANAGEMENT, DATA = "Management", "Data"
DATA_TYPES = {
    "AWS::Lambda::Function": "lambda",
    "AWS::S3::Object": "s3",
    "AWS::SNS::Topic": "sns",
    "AWS::SQS::Queue": "sqs",
}
_MOST_VALUES = 500
_FIELDS = {
    MANAGEMENT: {
        "eventCategory", "eventName", "eventSource", "eventType", "readOnly", "sessionCredentialFromConsole",
        "userIdentity.arn",
    },
    DATA: {
        "eventCategory", "eventName", "eventSource", "eventType", "readOnly", "resources.ARN", "resources.type",
        "sessionCredentialFromConsole", "userIdentity.arn",
    },
}  # fmt: skip
_WANTED: Mapping[str, Callable[[str, str], bool]] = {
    "Equals": lambda value, given: value == given,
    "StartsWith": str.startswith,
    "EndsWith": str.endswith,
}
_UNWANTED = {"NotEquals": "Equals", "NotStartsWith": "StartsWith", "NotEndsWith": "EndsWith"}


def check_advanced(selectors: Sequence[Mapping[str, Any]]) -> None:
    """Raise AwsError for selectors that CloudTrail refuses, and for what is not recorded here."""
    values = 0
    for selector in selectors:
        fields: dict[str, Mapping[str, Any]] = {}
        for field in selector["FieldSelectors"]:
            name = field["Field"]
            if name in fields:
                raise _invalid(f"The field {name} can be used only once in a selector.")
            fields[name] = field
            given = [one for key in (*_WANTED, *_UNWANTED) for one in field.get(key) or ()]
            if not given:
                raise _invalid(f"The field {name} needs at least one operator with a value.")
            values += len(given)
        _check_fields(fields)
    if values > _MOST_VALUES:
        raise _invalid(
            f"A trail can have no more than {_MOST_VALUES} values in its advanced event selectors."
        )


def wanted_types(selectors: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the types of the resources whose data events the selectors choose."""
    return [
        str(one)
        for selector in selectors
        for field in selector["FieldSelectors"]
        if field["Field"] == "resources.type"
        for one in field.get("Equals") or ()
    ]


def selects(selector: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Return whether the selector chooses a record of a call."""
    return all(_meets(field, _values(field["Field"], record)) for field in selector["FieldSelectors"])


def _check_fields(fields: Mapping[str, Mapping[str, Any]]) -> None:
    category = fields.get("eventCategory", {}).get("Equals") or []
    if len(category) != 1:
        raise _invalid("Each selector needs the field eventCategory with one value of Equals.")
    if category[0] not in _FIELDS:
        raise unsupported(f"The event category {category[0]}")
    for name in fields:
        if name not in _FIELDS[category[0]]:
            raise _invalid(f"The field {name} cannot be used with the event category {category[0]}.")
    if category[0] != DATA:
        return
    types = fields.get("resources.type", {}).get("Equals") or []
    if len(types) != 1:
        raise _invalid("A selector of data events needs the field resources.type with one value of Equals.")
    if types[0] not in DATA_TYPES:
        raise unsupported(f"The data resource type {types[0]}")


def _meets(field: Mapping[str, Any], values: Sequence[str]) -> bool:
    wanted = [(test, given) for name, test in _WANTED.items() for given in field.get(name) or ()]
    unwanted = [(_WANTED[base], given) for name, base in _UNWANTED.items() for given in field.get(name) or ()]
    if any(test(value, given) for value in values for test, given in unwanted):
        return False
    return not wanted or any(test(value, given) for value in values for test, given in wanted)


def _values(name: str, record: Mapping[str, Any]) -> list[str]:
    if name == "readOnly":
        return ["true" if record["readOnly"] else "false"]
    if name == "userIdentity.arn":
        arn = record["userIdentity"].get("arn")
        return [arn] if arn else []
    if name == "sessionCredentialFromConsole":
        return ["false"]
    if name.startswith("resources."):
        key = name.partition(".")[2]
        return [str(one[key]) for one in record.get("resources", ()) if key in one]
    return [str(record[name])] if name in record else []


def _invalid(text: str) -> AwsError:
    return AwsError("InvalidEventSelectorsException", text)
