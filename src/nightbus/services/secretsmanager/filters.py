"""Selects and sorts secrets for ListSecrets and BatchGetSecretValue.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_search-secret.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nightbus.identity.secrets import SECRET
from nightbus.services.context import Context
from nightbus.services.secretsmanager.errors import invalid_parameter
from nightbus.services.secretsmanager.records import Secret

_WORDS = re.compile(r"[/_+=.@!\s-]+")
_SORTED_BY = {
    "created-date": "created",
    "last-accessed-date": "accessed",
    "last-changed-date": "changed",
}


async def filtered_secrets(
    ctx: Context, filters: Sequence[Mapping[str, Any]], *, deleted: bool
) -> list[Secret]:
    """Return the secrets that match all filters. `deleted`: also those that are scheduled for deletion."""
    for one in filters:
        if not one.get("Key") or not one.get("Values"):
            raise invalid_parameter("Invalid filter: a filter must have a key and values.")
    secrets = [Secret(ctx.scope, record) for record in await ctx.store.list(ctx.scope, SECRET)]
    return [
        secret
        for secret in secrets
        if (deleted or not secret.value["deleted"]) and all(_fits(secret, one) for one in filters)
    ]


def sorted_secrets(secrets: Iterable[Secret], by: str, *, descending: bool) -> list[Secret]:
    member = _SORTED_BY.get(by)
    return sorted(
        secrets,
        key=lambda one: (one.value[member] or 0 if member else 0, one.name),
        reverse=descending,
    )


def _fits(secret: Secret, one: Mapping[str, Any]) -> bool:
    """Return whether a value of the filter matches, and none that begins with "!"."""
    texts = list(_texts(secret, one["Key"]))
    matches = _has_words if one["Key"] in ("description", "all") else _begins
    required = [value for value in one["Values"] if not value.startswith("!")]
    excluded = [value[1:] for value in one["Values"] if value.startswith("!")]
    return (not required or any(matches(text, value) for value in required for text in texts)) and not any(
        matches(text, value) for value in excluded for text in texts
    )


def _texts(secret: Secret, key: str) -> Iterable[str]:
    value, tags = secret.value, secret.value["tags"]
    kinds: dict[str, Iterable[str]] = {
        "name": [secret.name],
        "description": [value["description"]],
        "tag-key": tags,
        "tag-value": tags.values(),
        "primary-region": [value["primary"] or secret.scope.region],
        "owning-service": [value["owner"]],
    }
    if key != "all":
        return kinds[key]
    return [secret.name, value["description"], *tags, *tags.values()]


def _begins(text: str, value: str) -> bool:
    return text.startswith(value)


def _has_words(text: str, value: str) -> bool:
    """Return whether each word of `value` begins a word of the text, in any case."""
    words = [word for word in _WORDS.split(text.lower()) if word]
    return all(any(word.startswith(part) for word in words) for part in _WORDS.split(value.lower()) if part)
