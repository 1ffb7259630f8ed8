"""Prints which rules an event matches and why others do not, for an event that was put or for one in a file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nightbus.cli.client import post_json
from nightbus.cli.dead_letters import unsent_text
from nightbus.cli.environment import chosen_account, chosen_region
from nightbus.cli.errors import WRONG_USAGE, CommandFailed
from nightbus.cli.files import read_text
from nightbus.cli.operator_request import get_as_operator, operator_headers
from nightbus.cli.terminal import without_controls
from nightbus.node.settings import Settings

_NEAREST = 5


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """The form of the output. Without `every_rule` it has only the nearest of the rules that did not match."""

    as_json: bool = False
    every_rule: bool = False


def print_explanation(
    settings: Settings, event_id: str, rule: str | None, region: str | None, output: OutputOptions
) -> None:
    """Explain an event that was put."""
    query = {"event": event_id, "account": chosen_account(), "region": chosen_region(region)}
    if rule:
        query["rule"] = rule
    explained = get_as_operator(settings, "explain", query)
    print(
        json.dumps(explained, indent=2) if output.as_json else explanation_text(explained, output.every_rule)
    )


def print_file_explanation(event: Path, pattern: Path, output: OutputOptions) -> bool:
    """Explain the events in a file against a pattern in a file, without a node. Returns whether all match."""
    from nightbus.bus.errors import InvalidPattern
    from nightbus.bus.event_files import read_pattern
    from nightbus.bus.patterns import parse_pattern
    from nightbus.bus.patterns.explanation import explain, reason_fields

    try:
        parsed = parse_pattern(read_pattern(read_text(pattern)))
    except InvalidPattern as broken:
        raise CommandFailed(f"{pattern}: {broken}", WRONG_USAGE) from None
    reasons = [explain(parsed, one) for one in _events(event)]
    answers = [{"matched": True} if one is None else reason_fields(one) for one in reasons]
    if output.as_json:
        print(json.dumps(answers if len(answers) > 1 else answers[0], indent=2))
    else:
        for answer in answers:
            print(
                "✓ it matches"
                if answer["matched"]
                else f"✗ it does not match: {without_controls(str(answer['why']))}"
            )
    return all(answer["matched"] for answer in answers)


def print_unput_explanation(
    settings: Settings,
    event: Path,
    bus: str | None,
    rule: str | None,
    region: str | None,
    output: OutputOptions,
) -> bool:
    """Explain the events in a file against a bus's rules, without putting them. Returns whether a rule matches each."""
    question = {
        "account": chosen_account(),
        "region": chosen_region(region),
        "bus": bus or "",
        "rule": rule or "",
    }
    explained = [
        post_json(settings, "explain", {**question, "event": one}, operator_headers(settings))
        for one in _events(event)
    ]
    if output.as_json:
        print(json.dumps(explained if len(explained) > 1 else explained[0], indent=2))
    else:
        print("\n".join(explanation_text(one, output.every_rule) for one in explained))
    return all(any(rule["matched"] for rule in one["rules"]) for one in explained)


def _events(file: Path) -> list[dict[str, Any]]:
    from nightbus.bus.event_files import NoEvent, read_events

    try:
        return read_events(read_text(file))
    except NoEvent as reason:
        raise CommandFailed(f"{file}: {reason}", WRONG_USAGE) from None


def explanation_text(explained: dict[str, Any], every_rule: bool = False) -> str:
    """Return the response of `/_nightbus/explain` as text. The node has sorted the rules, the nearest first."""
    event = explained["event"]
    fields = ", ".join(f"{name} {event[name]}" for name in ("source", "detail-type") if name in event)
    title = f"Event {event['id']}  {fields}, {event['time']}" if "id" in event else f"Event  {fields}"
    lines = [title]
    if not explained["rules"]:
        trouble = "has no rules" if explained.get("bus_exists", True) else "does not exist"
        lines.append(f"Bus {explained.get('bus', 'default')} {trouble}, so nothing gets it.")
    matched = [rule for rule in explained["rules"] if rule["matched"]]
    unmatched = [rule for rule in explained["rules"] if not rule["matched"]]
    listed = unmatched if every_rule else unmatched[:_NEAREST]
    for rule in (*matched, *listed):
        lines += _rule_lines(rule, put="id" in event)
    if hidden := len(unmatched) - len(listed):
        lines.append(f"  and {hidden} more that did not match (--all shows them, --rule NAME one)")
    for other in explained.get("elsewhere", ()):
        bus = f"bus {other['bus']}" + _foreign(explained, other)
        lines.append(f"  → it would match rule {other['rule']} on {bus}: was it put onto the wrong bus?")
    return without_controls("\n".join(lines), keep="\n")


def _foreign(explained: dict[str, Any], other: dict[str, Any]) -> str:
    names = [name for name in ("account", "region") if other[name] != explained[name]]
    return "".join(f" of {name} {other[name]}" for name in names)


def _rule_lines(rule: dict[str, Any], put: bool) -> list[str]:
    if not rule["matched"]:
        return [f"  ✗ {rule['rule']} did not match: {rule['why']}"]
    lines = [f"  ✓ {rule['rule']} matched" if put else f"  ✓ {rule['rule']} matches"]
    for delivery in rule["deliveries"]:
        when = datetime.fromtimestamp(delivery["time"] / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
        error = f": {delivery['code']} {delivery['message']}" if delivery.get("code") else ""
        dead = f"; now in {delivery['dead_letter']}" if delivery.get("dead_letter") else ""
        lines.append(
            f"      {when}  attempt {delivery['attempt']} to {delivery['target']}  "
            f"{delivery['outcome']}{error}{dead}{unsent_text(delivery)}"
        )
    if "note" in rule:
        lines.append(f"      {rule['note']}")
    elif put and not rule["deliveries"]:
        lines.append("      nothing delivered yet")
    return lines
