"""Selects parameters by the filters of DescribeParameters and GetParametersByPath. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nightbus.aws.errors import AwsError, validation_error
from nightbus.store.interface import Record

Filter = Mapping[str, Any]
Test = Callable[[Record], bool]
_EQUALS, _BEGINS, _CONTAINS = "Equals", "BeginsWith", "Contains"
_ONE_LEVEL, _RECURSIVE = "OneLevel", "Recursive"
_COMPARE: dict[str, Callable[[str, str], bool]] = {
    _EQUALS: lambda actual, wanted: actual == wanted,
    _BEGINS: lambda actual, wanted: actual.startswith(wanted),
    _CONTAINS: lambda actual, wanted: wanted in actual,
}
_MEMBER = {"Type": "type", "KeyId": "key", "Tier": "tier", "DataType": "data_type"}
_TAG = "tag:"
LABEL = "Label"


def tests_of(filters: Sequence[Filter], keys: Sequence[str]) -> list[Test]:
    """Return the filters' tests of parameters. `keys` are those that the operation allows. Raises AwsError."""
    for at, one in enumerate(filters):
        key = one["Key"]
        if key.startswith(_TAG) and _TAG in keys:
            continue
        if key not in keys:
            raise AwsError("InvalidFilterKey", f"The specified filter key isn't valid: {key}.")
        if any(other["Key"] == key for other in filters[:at]):
            raise validation_error(f"The filter key {key} can be specified only once.")
    return [_test(one) for one in filters if one["Key"] != LABEL]


def tests_of_older_filters(filters: Sequence[Filter]) -> list[Test]:
    """Return the tests of the `Filters` of DescribeParameters, which compare the beginning of a name."""
    return [
        _test({**one, "Option": _BEGINS if one["Key"] in ("Name", "KeyId") else _EQUALS}) for one in filters
    ]


def label_of(filters: Sequence[Filter]) -> str:
    """Return the label whose versions are asked for, "" for the newest versions. Raises AwsError for several."""
    labels = [label for one in filters if one["Key"] == LABEL for label in one.get("Values") or ()]
    if len(labels) > 1:
        raise AwsError("InvalidFilterValue", "The filter value isn't valid: only one label can be specified.")
    return labels[0] if labels else ""


def _test(one: Filter) -> Test:
    key, values = one["Key"], one.get("Values") or []
    if key == "Path":
        return _path_test(one.get("Option") or _ONE_LEVEL, values)
    compare = _COMPARE.get(one.get("Option") or _EQUALS)
    if compare is None or (compare is _COMPARE[_CONTAINS] and key != "Name"):
        raise _wrong_option(one)
    if key.startswith(_TAG):
        tag = key.removeprefix(_TAG)
        return lambda record: (
            tag in record.value["tags"]
            and (not values or any(compare(record.value["tags"][tag], value) for value in values))
        )
    if not values:
        raise AwsError("InvalidFilterValue", "The filter value isn't valid. Verify the value and try again.")
    if key == "Name":
        return lambda record: any(compare(record.key, value) for value in values)
    member = _MEMBER[key]
    return lambda record: any(compare(record.value["newest"].get(member) or "", value) for value in values)


def _path_test(option: str, paths: Sequence[str]) -> Test:
    if option not in (_ONE_LEVEL, _RECURSIVE):
        raise _wrong_option({"Option": option})
    if not all(path.startswith("/") for path in paths):
        raise AwsError("InvalidFilterValue", 'The filter value isn\'t valid: a path must begin with "/".')
    prefixes = [path if path.endswith("/") else f"{path}/" for path in paths]

    def below(name: str, prefix: str) -> bool:
        if prefix == "/" and not name.startswith("/"):
            return True
        rest = name.removeprefix(prefix)
        return name.startswith(prefix) and (option == _RECURSIVE or "/" not in rest)

    return lambda record: any(below(record.key, prefix) for prefix in prefixes)


def _wrong_option(one: Filter) -> AwsError:
    return AwsError(
        "InvalidFilterOption",
        f"The filter option isn't valid: {one.get('Option')}. Valid options are Equals,"
        " BeginsWith and, for names, Contains; for paths OneLevel and Recursive.",
    )
