"""Converts what services show of a resource to the values of its properties, for `read`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote


def json_value(value: Any) -> Any:
    """Return the object or list that a text contains as JSON; any other value as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def policy_document(value: Any) -> Any:
    """Return a document of IAM, which shows it percent-encoded."""
    return json_value(unquote(value) if isinstance(value, str) and value.startswith("%") else value)


def function_as_declared(declared: Any, arn: str) -> str:
    """Return the declared name of a function if it is that of the ARN, and the ARN otherwise.

    A template may have a function's name, its ARN or a part of it.
    """
    name = arn.split(":function:", 1)[-1]
    if isinstance(declared, str) and declared.split(":function:", 1)[-1].split("function:")[-1] == name:
        return declared
    account_and_name = arn.split(":lambda:", 1)[-1].split(":", 1)[-1].replace(":function", "")
    return declared if isinstance(declared, str) and declared == account_and_name else arn


def statement_condition(statement: Mapping[str, Any], key: str) -> Any:
    """Return the value of the key in the statement's conditions, whatever the operator; None without one."""
    for compared in (statement.get("Condition") or {}).values():
        for name, value in compared.items():
            if name.lower() == key.lower():
                return value
    return None


def principal_as_declared(declared: Any, statement: Mapping[str, Any]) -> Any:
    """Return the statement's principal as the property has it: `*`, a service, an account or an ARN.

    An account may be declared by its number and is shown as an ARN.
    """
    principal = statement.get("Principal")
    if not isinstance(principal, Mapping):
        return principal
    value = next(iter(principal.values()), None)
    same_account = isinstance(value, str) and str(declared) in (value, *value.split(":")[4:5])
    return declared if declared is not None and same_account else value
