"""Prints least-privilege policies for a stack's functions, made of what they were seen to call."""

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
        "Functions": suggestion["functions"],
        "Role": suggestion["role"],
        "PolicyDocument": {"Version": "2012-10-17", "Statement": suggestion["statements"]},
    }


def _text(suggestion: dict[str, Any]) -> str:
    head = f"# {', '.join(suggestion['functions'])} (role {suggestion['role'].rsplit('/', 1)[-1]})"
    if not suggestion["statements"]:
        return f"{head}: no call was seen"
    policies = [{"Version": "2012-10-17", "Statement": suggestion["statements"]}]
    return "\n".join([head, *yaml_lines({"Policies": policies})])
