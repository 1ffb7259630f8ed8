"""Finds what a test event is for: a function or a rule, by its name or by its logical id in a stack."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from nightbus.aws.test_event_schemas import schema_of_function, schema_of_rule
from nightbus.cli.aws_clients import NodeClients
from nightbus.cli.errors import CommandFailed

_TYPES = ("AWS::Lambda::Function", "AWS::Events::Rule")
_GONE = ("ResourceNotFoundException", "ValidationException", "ValidationError")


@dataclass(frozen=True, slots=True)
class Owner:
    """A function, or with `bus` a rule. `schema` is what its events are kept under."""

    name: str
    bus: str = ""

    @property
    def schema(self) -> str:
        return schema_of_rule(self.bus, self.name) if self.bus else schema_of_function(self.name)

    def __str__(self) -> str:
        return f"rule {self.name} of bus {self.bus}" if self.bus else f"function {self.name}"


def find_owner(clients: NodeClients, named: str, stack: str | None) -> Owner:
    """`stack` is where a logical id is looked for, without one everywhere. Raises CommandFailed."""
    owner = None
    if stack is None:
        owner = _function(clients, named) or _rule(clients, named)
    found = [owner] if owner is not None else list(dict.fromkeys(_in_stacks(clients, named, stack)))
    if not found:
        where = f" in stack {stack}" if stack else ""
        raise CommandFailed(f"there is no function and no rule {named}{where}")
    if len(found) > 1:
        raise CommandFailed(f"{named} is in several stacks: choose one with --stack-name")
    return found[0]


def _function(clients: NodeClients, name: str) -> Owner | None:
    try:
        found = clients.make("lambda").get_function_configuration(FunctionName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            return None
        raise
    return Owner(str(found["FunctionName"]))


def _rule(clients: NodeClients, named: str) -> Owner | None:
    bus, _, name = named.rpartition("/")
    try:
        clients.make("events").describe_rule(Name=name, EventBusName=bus or "default")
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            return None
        raise
    return Owner(name, bus or "default")


def _in_stacks(clients: NodeClients, logical_id: str, stack: str | None) -> Iterator[Owner]:
    cloudformation = clients.make("cloudformation")
    for name in [stack] if stack else _stacks(cloudformation):
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        for resource in (one for page in pages for one in page["StackResourceSummaries"]):
            physical = str(resource.get("PhysicalResourceId") or "")
            if (
                resource["LogicalResourceId"] != logical_id
                or resource["ResourceType"] not in _TYPES
                or not physical
            ):
                continue
            if resource["ResourceType"] == _TYPES[0]:
                yield Owner(physical)
            else:  # the physical id of a rule of another bus than the default one is BUS|RULE
                bus, _, rule = physical.rpartition("|")
                yield Owner(rule, bus or "default")


def _stacks(cloudformation: Any) -> list[str]:
    pages = cloudformation.get_paginator("describe_stacks").paginate()
    return [str(one["StackId"]) for page in pages for one in page["Stacks"]]
