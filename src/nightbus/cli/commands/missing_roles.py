"""Finds what a data folder or a cluster has with a role that IAM does not have: nothing can be done in its name.

Earlier releases asked no policies, so their folders may name roles that nobody ever made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.cli.commands.contents import Contents
from nightbus.delivery.rules import RULE
from nightbus.identity.principals import ROLE
from nightbus.node.settings import Settings
from nightbus.services.lambda_.records import FUNCTION, VERSION
from nightbus.stacks.records import STACK
from nightbus.store.doctor import NOTE, Finding

_NOUNS = {FUNCTION: "function", VERSION: "function", RULE: "rule", STACK: "stack"}
_ROLE_ARN = re.compile(r"arn:aws[\w-]*:iam::(\d{12}):role/(?:.*/)?([^/]+)")
_MEMBERS = ("role", "rolearn", "role_arn")
_MOST_NAMED = 5
_MOST_ROLES = 20


def missing_roles(settings: Settings, contents: Contents) -> Iterator[Finding]:
    """Yield the roles that functions, rules and stacks name and that do not exist, with who names them."""
    if settings.dev_credentials:  # such a node lets roles that it does not know do everything
        return
    users: dict[str, set[str]] = {}
    for kind, noun in _NOUNS.items():
        for key, value in contents.records(kind):
            for arn in _roles(orjson.loads(value)):
                users.setdefault(arn, set()).add(f"{noun} {_name(kind, key)}")
    missing = [arn for arn in sorted(users) if not _exists(contents, arn)]
    for arn in missing[:_MOST_ROLES]:
        names = sorted(users[arn])
        shown = ", ".join(names[:_MOST_NAMED]) + (" …" if len(names) > _MOST_NAMED else "")
        advice = "create it, and nightbus why-denied says which permissions it needs then"
        yield Finding(NOTE, f"role {arn} does not exist, so it is refused to {shown}", advice)
    if len(missing) > _MOST_ROLES:
        yield Finding(NOTE, f"{len(missing) - _MOST_ROLES} more roles that are named do not exist")


def _name(kind: str, key: str) -> str:
    if kind == RULE:
        bus, _, rule = key.partition("|")
        return rule if bus == "default" else f"{rule} of bus {bus}"
    return re.split(r"[/|]", key, maxsplit=1)[0]


def _exists(contents: Contents, arn: str) -> bool:
    match = _ROLE_ARN.fullmatch(arn)
    return match is None or contents.get(Scope(match[1], ""), ROLE, match[2].lower()) is not None


def _roles(value: Any) -> Iterator[str]:
    """Yield the ARNs of roles in the members of a record that name one."""
    if isinstance(value, list):
        for one in value:
            yield from _roles(one)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, str):
                if name.lower() in _MEMBERS and _ROLE_ARN.fullmatch(inner):
                    yield inner
            else:
                yield from _roles(inner)
