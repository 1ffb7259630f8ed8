"""Checks the names of parameters and takes apart what names one: a name, `name:version`, `name:label` or an ARN. Pure.

https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
"""

from __future__ import annotations

import re
from typing import NamedTuple

from nightbus.aws.arn import Arn, arn, is_arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError, validation_error
from nightbus.services.ssm.errors import no_parameter, reserved_name, wrong_name

_NAME = re.compile(r"[a-zA-Z0-9_.-]+|(/[a-zA-Z0-9_.-]+)+")
_MOST_LEVELS = 15
_LONGEST_ARN = 1011


class Reference(NamedTuple):
    """`names` has the name; two where an ARN, which has no leading slash, leaves open which one. `selector` is a
    version or a label, "" for the newest version."""

    names: tuple[str, ...]
    selector: str


def parameter_arn(scope: Scope, name: str) -> str:
    return arn("ssm", scope.region, scope.account, f"parameter/{name.removeprefix('/')}")


def check_new_name(scope: Scope, name: str) -> None:
    """Raise AwsError unless a parameter may have the name."""
    first = name.removeprefix("/").partition("/")[0].lower()
    if first.startswith("aws"):
        raise reserved_name(name)
    if first.startswith("ssm"):
        raise wrong_name()
    check_name(name)
    if name.removeprefix("/").count("/") >= _MOST_LEVELS:
        raise AwsError(
            "HierarchyLevelLimitExceededException",
            f"A parameter name can have a maximum of {_MOST_LEVELS} hierarchy levels.",
        )
    if len(parameter_arn(scope, name)) > _LONGEST_ARN:
        raise validation_error(
            f"The parameter name is too long: with its ARN it can have a maximum of {_LONGEST_ARN} characters."
        )


def check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise wrong_name()


def parse_reference(scope: Scope, text: str) -> Reference:
    """Raise AwsError for what cannot name a parameter, or names one of another account or region."""
    if not is_arn(text):
        name, _, selector = text.partition(":")
        check_name(name)
        return Reference((name,), selector)
    try:
        parsed = Arn.parse(text)
    except ValueError as wrong:
        raise wrong_name() from wrong
    if (parsed.service, parsed.account, parsed.region) != ("ssm", scope.account, scope.region):
        raise no_parameter()
    path, _, selector = parsed.resource.removeprefix("parameter/").partition(":")
    names = (f"/{path}",) if "/" in path else (path, f"/{path}")
    for name in names:
        check_name(name)
    return Reference(names, selector)
