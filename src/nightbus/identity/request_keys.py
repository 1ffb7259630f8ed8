"""Makes condition keys of the members of a request, for the lines of the tables `ACTIONS`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from nightbus.identity.needs import Asked, Keys
from nightbus.policies.request import Values

ABSENT = ""
EMPTY = ("",)  # of a member that the request has, with an empty text


def members(**keys: str) -> Keys:
    """Return what copies members of the request. A keyword is a key, with `__` for its colon and `_` for a hyphen.

    `members(s3__max_keys="MaxKeys")` gives `s3:max-keys`.
    """
    named = {key.replace("__", ":").replace("_", "-").lower(): member for key, member in keys.items()}

    def keys_of(asked: Asked) -> Mapping[str, Values]:
        return {key: written(asked.params.get(member)) for key, member in named.items()}

    return keys_of


def written(value: Any) -> Values:
    """Return the value of a member as policies write it."""
    if value is None or value == []:
        return ABSENT
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, (list, tuple)):
        return tuple(str(one) for one in value)
    return str(value) or EMPTY


def joined(*makers: Keys) -> Keys:
    """Return what gives the keys of all `makers`."""

    def keys_of(asked: Asked) -> Mapping[str, Values]:
        return {key: value for maker in makers for key, value in maker(asked).items()}

    return keys_of


def tags_of(value: Any) -> dict[str, str]:
    """Return the tags of a member: a map, or a list of objects with a key and a value in whatever spelling."""
    if isinstance(value, Mapping):
        return {str(key): str(one) for key, one in value.items()}
    listed: Iterable[Mapping[str, Any]] = value or ()
    pairs = [{name.lower(): one for name, one in tag.items()} for tag in listed]
    return {
        str(tag.get("key", tag.get("tagkey", ""))): str(tag.get("value", tag.get("tagvalue", "")))
        for tag in pairs
    }


def tag_keys(tags: Mapping[str, str], prefix: str = "aws:requesttag/", all_keys: str = "aws:tagkeys") -> Keys:
    """Return what gives the keys of these tags: one for each, and one with the names of all."""
    made: dict[str, Values] = {f"{prefix}{name.lower()}": value or EMPTY for name, value in tags.items()}
    made[all_keys] = tuple(tags) or ABSENT
    return lambda asked: made


def tagged(member: str = "Tags") -> Keys:
    """Return what gives `aws:RequestTag/...` and `aws:TagKeys` of the tags in the member."""

    def keys_of(asked: Asked) -> Mapping[str, Values]:
        return tag_keys(tags_of(asked.params.get(member)))(asked)

    return keys_of


def untagged(member: str = "TagKeys") -> Keys:
    """Return what gives `aws:TagKeys` of a request that removes tags."""
    return members(**{"aws:tagkeys": member})
