"""Says what there is where nothing has the name that a test gives: a wrong name must not let a test pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nightbus.testing.errors import unknown_name

if TYPE_CHECKING:
    from nightbus.testing.interface import Account


def require_function(account: Account, name: str) -> None:
    """Raises UnknownName unless a function of the account has the name."""
    client = account.client("lambda")
    try:
        client.get_function_configuration(FunctionName=name)
    except client.exceptions.ResourceNotFoundException:
        pages = client.get_paginator("list_functions").paginate()
        functions = [one["FunctionName"] for page in pages for one in page["Functions"]]
        raise unknown_name(name, "logical id or function", [*_logical_ids(account), *functions]) from None


def require_rule(account: Account, name: str) -> None:
    """Raises UnknownName unless a rule on one of the account's buses has the name."""
    events = account.client("events")
    rules = [
        rule["Name"]
        for bus in events.list_event_buses()["EventBuses"]
        for page in events.get_paginator("list_rules").paginate(EventBusName=bus["Name"])
        for rule in page["Rules"]
    ]
    if name not in rules:
        raise unknown_name(name, "rule", [*_logical_ids(account, "AWS::Events::Rule"), *rules])


def require_bus(account: Account, name: str) -> None:
    """Raises UnknownName unless one of the account's buses has the name; an ARN is of a bus somewhere."""
    if name == "default" or name.startswith("arn:"):
        return
    buses = [bus["Name"] for bus in account.client("events").list_event_buses()["EventBuses"]]
    if name not in buses:
        raise unknown_name(name, "event bus", buses)


def _logical_ids(account: Account, type_name: str = "") -> list[str]:
    return [
        key
        for stack in account.stacks
        for key, resource in stack.resources.items()
        if type_name in ("", resource.type_name)
    ]
