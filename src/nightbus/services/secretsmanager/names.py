"""Checks the names of secrets and takes apart what names one: a name, an ARN, or an ARN without its suffix. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nightbus.aws.arn import Arn, is_arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import validation_error
from nightbus.services.secretsmanager.errors import no_secret

_NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]{1,512}")
_SUFFIX = re.compile(r"(.+)-([A-Za-z0-9]{6})")


def check_name(name: str) -> None:
    """Raise AwsError unless somebody's secret may have the name. Names with "!" are those of secrets that AWS's
    services manage."""
    if not _NAME.fullmatch(name) or "!" in name:
        raise validation_error(
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
        )


def named_secrets(home: Scope, secret_id: str) -> Iterator[tuple[Scope, str, str]]:
    """Return the scopes and names of the secrets that `secret_id` may mean, each with the suffix that it must have
    ("" for any). An ARN without its suffix may end in what looks like one."""
    if not is_arn(secret_id):
        yield home, secret_id, ""
        return
    try:
        parsed = Arn.parse(secret_id)
    except ValueError as wrong:
        raise no_secret() from wrong
    if parsed.service != "secretsmanager" or not parsed.resource.startswith("secret:"):
        raise no_secret()
    scope, text = Scope(parsed.account, parsed.region), parsed.resource.removeprefix("secret:")
    whole = _SUFFIX.fullmatch(text)
    if whole:
        yield scope, whole[1], whole[2]
    yield scope, text, ""
