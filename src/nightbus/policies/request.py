"""Defines what a policy is asked: who wants to do which action on which resource, and under which conditions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

Values = str | tuple[str, ...]
NO_KEYS: Mapping[str, Values] = MappingProxyType({})


def named_values(prefix: str, pairs: Iterable[tuple[str, str]]) -> dict[str, Values]:
    """Return the condition keys `prefix` and a name, such as those of tags, in lower case.

    Names of condition keys have no case, so names that differ in nothing else are one key with several values, which
    no operator for one value matches: a second tag `TEAM` does not hide the value of `team`.
    """
    found: dict[str, Values] = {}
    for name, value in pairs:
        key = f"{prefix}{name.lower()}"
        earlier = found.get(key, ())
        found[key] = (
            (earlier if isinstance(earlier, tuple) else (earlier,)) + (value,) if earlier else value or ("",)
        )
    return found


class Need(NamedTuple):
    """One action that an operation needs on one resource, with the condition keys that its service gives.

    `action` is spelt as in the Service Authorization Reference (`events:PutEvents`). `resource` is an ARN, or `*` for
    an action without resources. `keys` have names in lower case; "" stands for a key that the request could have and
    has not, a tuple for a key with several values.
    """

    action: str
    resource: str
    keys: Mapping[str, Values] = NO_KEYS


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """A principal's request. A principal is a user, a role's session, or an account's root, by its ARN (`arn`, of
    `account`), an AWS service (`service`, such as `events.amazonaws.com`, for `source_arn` of `source_account`), a
    service that uses a role (both `arn` and `service`), or nobody (none of them: an anonymous request)."""

    action: str
    resource: str
    arn: str = ""
    account: str = ""
    service: str = ""
    source_arn: str = ""
    source_account: str = ""
    keys: Mapping[str, Values] = field(default_factory=lambda: NO_KEYS)
