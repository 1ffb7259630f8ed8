"""Writes docs/actions.md: the IAM actions that each operation needs, out of the tables `ACTIONS` of the services.

Each operation is asked with a request that has all members of its model; a member's text is its name in braces.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.gateway.models import Shape, load_service
from nightbus.identity.needs import Asked
from nightbus.policies.request import Need
from nightbus.services import SERVICES

PAGE = Path(__file__).parent.parent / "docs" / "actions.md"
_DEEPEST = 4
_SCOPE = Scope("{account}", "{region}")
_CALL = Call(_SCOPE, Caller("{account}", "{caller}", ""), "")
_HEAD = """# The IAM actions of each operation

A caller needs every action of an operation's lines, on the resource that stands beside it. Names in braces are members
of the request. An operation whose action depends on a member is listed with all of them. An operation without a line
needs no permission, or asks for each of its entries. The table is made by `scripts/list_actions.py` out of
`src/nightbus/services/*/actions.py`, whose source is AWS's
[Service Authorization Reference](https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html).
"""


def page() -> str:
    """Return the text of docs/actions.md."""
    return "\n".join([_HEAD, *(line for service in sorted(SERVICES) for line in _section(service))])


def _section(service: str) -> Iterable[str]:
    name = f"{SERVICES[service]}.actions"
    if importlib.util.find_spec(name) is None:
        return
    actions: Mapping[str, Any] = importlib.import_module(name).ACTIONS
    yield f"## {service}\n"
    yield "| operation | action | resource | condition keys |"
    yield "|---|---|---|---|"
    for operation, line in actions.items():
        needs = _distinct(line(Asked(_sample_request(service, operation), _CALL)))
        for number, need in enumerate(needs):
            keys = ", ".join(f"`{key}`" for key in need.keys)
            yield f"| {'' if number else operation} | `{need.action}` | `{need.resource}` | {keys} |"
        if not needs:
            yield f"| {operation} | | | |"
    yield ""


def _distinct(needs: Iterable[Need]) -> list[Need]:
    return list({(need.action, need.resource): need for need in needs}.values())


def _sample_request(service: str, operation: str) -> dict[str, Any]:
    shape = load_service(service).operations[operation].input
    return {} if shape is None else {name: _sample(name, member, 0) for name, member in shape.members.items()}


def _sample(name: str, shape: Shape, depth: int) -> Any:
    """Return a value of the shape, with one element where it is a list or a map."""
    if shape.type == "structure":
        members = shape.members.items() if depth < _DEEPEST else ()
        return {inner: _sample(inner, member, depth + 1) for inner, member in members}
    if shape.type == "list":
        return [_sample(name, shape.element, depth + 1)]
    if shape.type == "map":
        return {"{key}": _sample(name, shape.value, depth + 1)}
    if shape.type in ("integer", "long", "double", "float", "timestamp"):
        return f"{{{name}}}"
    return False if shape.type == "boolean" else f"{{{name}}}"


if __name__ == "__main__":
    PAGE.write_text(page())
