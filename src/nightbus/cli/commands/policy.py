"""Prints least-privilege policies for the roles of a stack, made of what they were seen to ask for."""

from __future__ import annotations

import json
from typing import Any

from nightbus.cli.environment import chosen_account, chosen_region
from nightbus.cli.operator_request import post_as_operator
from nightbus.cli.yaml_text import yaml_lines
from nightbus.node.settings import Settings


def print_suggestions(
    settings: Settings, stack: str, function: str | None, region: str | None, output_format: str
) -> None:
    """`output_format` is `sam` (YAML for a template) or `json`. Raises CommandFailed."""
    body = {
        "stack": stack,
        "function": function or "",
        "account": chosen_account(),
        "region": chosen_region(region),
    }
    reply = post_as_operator(settings, "policy/suggest", body)
    if output_format == "json":
        print(json.dumps([_document(one) for one in reply["suggestions"]], indent=2))
        return
    print("\n\n".join(_text(one) for one in reply["suggestions"]))


def _document(suggestion: dict[str, Any]) -> dict[str, Any]:
    return {
        "Stack": suggestion["stack"],
        "Functions": suggestion["functions"],
        "Role": suggestion["role"],
        "Services": suggestion["services"],
        "PolicyDocument": {"Version": "2012-10-17", "Statement": suggestion["statements"]},
    }


def _text(suggestion: dict[str, Any]) -> str:
    head = f"# {_heading(suggestion)}"
    if not suggestion["statements"]:
        return f"{head}: no call was seen"
    document = {"Version": "2012-10-17", "Statement": suggestion["statements"]}
    if not suggestion["functions"]:  # Policies of AWS::IAM::Role
        named = {"PolicyName": f"{suggestion['logical_id']}Policy", "PolicyDocument": document}
        return "\n".join([head, *yaml_lines({"Policies": [named]})])
    return "\n".join([head, *yaml_lines({"Policies": [document]})])


def _heading(suggestion: dict[str, Any]) -> str:
    """Return whose policies these are: the functions with their role, or a role that services use."""
    name = suggestion["role"].rsplit("/", 1)[-1]
    nested = suggestion["stack"].partition("/")[2]
    where = f" of nested stack {nested}" if nested else ""
    if suggestion["functions"]:
        return f"{', '.join(suggestion['functions'])}{where} (role {name})"
    used = f", used by {', '.join(suggestion['services'])}" if suggestion["services"] else ""
    return f"{suggestion['logical_id']}{where} (role {name}{used})"
