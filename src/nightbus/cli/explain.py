"""What became of an event, said to a person?"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from nightbus.cli.client import ask
from nightbus.cli.environment import chosen_account, chosen_region
from nightbus.node.settings import Settings


def explain_event(
    settings: Settings, event_id: str, rule: str | None, region: str | None, as_json: bool
) -> None:
    query = {"event": event_id, "account": chosen_account(), "region": chosen_region(region)}
    if rule:
        query["rule"] = rule
    found = ask(settings, "explain", query)
    print(json.dumps(found, indent=2) if as_json else told(found))


def told(found: dict[str, Any]) -> str:
    """The answer of `/_nightbus/explain` as text."""
    event = found["event"]
    lines = [
        f"Event {event['id']}  source {event['source']}, detail-type {event['detail-type']}, {event['time']}"
    ]
    if not found["rules"]:
        lines.append(f"Bus {found.get('bus', 'default')} has no rules, so nothing gets it.")
    for rule in found["rules"]:
        lines += _rule_lines(rule)
    return "\n".join(lines)


def _rule_lines(rule: dict[str, Any]) -> list[str]:
    if not rule["matched"]:
        return [f"  ✗ {rule['rule']} did not match: {rule['why']}"]
    lines = [f"  ✓ {rule['rule']} matched"]
    for delivery in rule["deliveries"]:
        when = datetime.fromtimestamp(delivery["time"] / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
        error = f": {delivery['code']} {delivery['message']}" if delivery.get("code") else ""
        lines.append(
            f"      {when}  attempt {delivery['attempt']} to {delivery['target']}  {delivery['outcome']}{error}"
        )
    if not rule["deliveries"]:
        lines.append("      nothing delivered yet")
    return lines
