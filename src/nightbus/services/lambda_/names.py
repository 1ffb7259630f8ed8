"""Parses `FunctionName`: a name, a partial ARN or a full ARN, each with or without a qualifier."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from nightbus.aws.arn import arn
from nightbus.aws.calls import Scope
from nightbus.services.lambda_.errors import beyond_limit, invalid_parameter_value, no_function, not_found

LATEST = "$LATEST"
_LONGEST = 64
FUNCTION_NAME = re.compile(
    r"(?:arn:[a-z-]+:lambda:)?(?:(?P<region>[a-z]{2,4}(?:-[a-z]+)+-\d):)?(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9-_.]+)(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)


class FunctionRef(NamedTuple):
    """A function and a qualifier: `$LATEST`, a version or an alias, or "" if the request has none."""

    scope: Scope
    name: str
    qualifier: str = ""

    @property
    def arn(self) -> str:
        return function_arn(self.scope, self.name)

    @property
    def qualified_arn(self) -> str:
        return f"{self.arn}:{self.qualifier}" if self.qualifier else self.arn

    @property
    def version_or_alias(self) -> str:
        return self.qualifier or LATEST


@functools.lru_cache(maxsize=4096)
def function_arn(scope: Scope, name: str) -> str:
    return arn("lambda", scope.region, scope.account, f"function:{name}")


def function_ref(scope: Scope, text: str, qualifier: str | None = None) -> FunctionRef:
    """Parse the text. Raises AwsError for an invalid name, two qualifiers, or another account's or region's ARN."""
    match = FUNCTION_NAME.fullmatch(text)
    if match is None:
        raise invalid_parameter_value(f"Invalid function name: {text}")
    name, own_qualifier = match["name"], match["qualifier"] or ""
    if len(name) > _LONGEST:
        constraint = f"Member must have length less than or equal to {_LONGEST}"
        raise beyond_limit("functionName", name, constraint)
    if own_qualifier and qualifier and own_qualifier != qualifier:
        raise invalid_parameter_value(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    region, account = match["region"] or scope.region, match["account"] or scope.account
    if region != scope.region:
        raise not_found(f"Functions from '{region}' are not reachable in this region ('{scope.region}')")
    ref = FunctionRef(scope, name, qualifier or own_qualifier)
    if account != scope.account:
        raise no_function(function_arn(Scope(account, region), name))
    return ref


def invoked_ref(scope: Scope, text: str, qualifier: str | None = None) -> FunctionRef:
    """Parse the text as `function_ref` does, for an invocation, which may be of another account's function."""
    match = FUNCTION_NAME.fullmatch(text)
    account = match["account"] if match is not None else None
    return function_ref(Scope(account or scope.account, scope.region), text, qualifier)


def is_version(qualifier: str) -> bool:
    return qualifier == LATEST or qualifier.isdigit()
