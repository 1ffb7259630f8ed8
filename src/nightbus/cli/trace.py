"""The whole way of an event, as a tree for a person?"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nightbus.cli.client import ask
from nightbus.cli.environment import chosen_account, chosen_region
from nightbus.cli.main import CommandFailed
from nightbus.node.settings import Settings

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

_AGAIN_SECONDS = 0.2
_QUIET_SECONDS = 1.0  # after the last delivery, for what a function may still publish
_MOST_SHOWN = 200
_WIDE = 1_000  # where lines are not broken for a person
_STYLES = {"delivered": "green", "failed": "red", "will be tried again": "yellow"}


def trace_event(
    settings: Settings, event_id: str, region: str | None, as_json: bool, wait: float | None
) -> None:
    """With `wait`, in seconds, not before everything has ended; fails then where a delivery did."""
    query = {"event": event_id, "account": chosen_account(), "region": chosen_region(region)}
    found = ask(settings, "trace", query)
    if wait is not None:
        found = _ended(settings, query, found, wait)
    print(json.dumps(found, indent=2)) if as_json else _print(found)
    if wait is not None and any(state != "delivered" for state in _states(found)):
        raise CommandFailed("not everything was delivered")


def _ended(settings: Settings, query: dict[str, str], found: dict[str, Any], wait: float) -> dict[str, Any]:
    """The trace once nothing of it changed for a moment and nothing is under way."""
    deadline, since = time.monotonic() + wait, time.monotonic()
    while time.monotonic() < deadline:
        quiet = time.monotonic() - since >= _QUIET_SECONDS
        if quiet and all(state in ("delivered", "failed") for state in _states(found)):
            break
        time.sleep(_AGAIN_SECONDS)
        now = ask(settings, "trace", query)
        if now != found:
            found, since = now, time.monotonic()
    return found


def _states(node: dict[str, Any]) -> list[str]:
    states = []
    for rule in node["rules"]:
        for target in rule["targets"]:
            states.append(str(target["state"]))
            for child in target.get("events", ()):
                states += _states(child)
    return states


def _print(found: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDE
    for cause in reversed(found["caused_by"]):
        console.print(_cause(cause))
    console.print(_event_tree(found))


def _cause(cause: dict[str, Any]) -> Text:
    from rich.text import Text

    who = f"function {cause['function']}" if "function" in cause else str(cause["by"])
    run = f", request {cause['request_id']}" if "request_id" in cause else ""
    came = f", called by rule {cause['rule']} for event {cause['event_id']}" if "event_id" in cause else ""
    return Text(f"published by {who}{run}{came}", style="dim")


def _event_tree(node: dict[str, Any]) -> Tree:
    from rich.text import Text
    from rich.tree import Tree

    event = node["event"]
    tree = Tree(
        Text.assemble(
            ("event ", "dim"), (event["id"], "bold"), f"  {_clock(node['time'])}  {event['source']}  ",
            f"{event['detail-type']}  on bus {node['bus']}", (f"  {_shortened(json.dumps(event['detail']))}", "dim"),
        )
    )  # fmt: skip
    if "cut" in node:
        tree.add(Text(node["cut"], style="dim"))
    elif not node["rules"]:
        tree.add(Text(f"no rule matched; nightbus explain {event['id']} says why", style="yellow"))
    for rule in node["rules"]:
        branch = tree.add(Text.assemble(("rule ", "dim"), (rule["rule"], "bold")))
        for target in rule["targets"]:
            _add_target(branch, target)
    return tree


def _add_target(branch: Tree, target: dict[str, Any]) -> None:
    from rich.text import Text

    _, _, service, _, _, resource = target["arn"].split(":", 5)
    style = _STYLES.get(target["state"], "yellow")
    place = branch.add(
        Text.assemble(("target ", "dim"), f"{target['id']}  {service} {resource}  ", (target["state"], style))
    )
    if target["input"] is not None:
        place.add(Text.assemble(("input ", "dim"), _shortened(target["input"])))
    for attempt in target["attempts"]:
        place.add(_attempt(attempt))
    for run in target.get("runs", ()):
        lines = place.add(Text.assemble(("log ", "dim"), (f"request {run['request_id']}", "dim")))
        for line in run["log"]:
            lines.add(Text(f"{_clock(line['time'])}  {line['message'].expandtabs(2)}"))
    for child in target.get("events", ()):
        place.add(_event_tree(child))


def _attempt(attempt: dict[str, Any]) -> Text:
    from rich.text import Text

    text = Text.assemble(
        (f"attempt {attempt['attempt']}  ", "dim"),
        f"{_clock(attempt['time'])}  ",
        (attempt["outcome"], _STYLES.get(attempt["outcome"], "yellow")),
    )
    if "code" in attempt:
        text.append(f": {attempt['code']} {attempt['message']}")
    if "duration" in attempt:
        text.append(f"  after {attempt['duration']} ms", style="dim")
    if attempt.get("request_id"):
        text.append(f"  as {attempt['request_id']}", style="dim")
    if "next" in attempt:
        text.append(f"; next at {_clock(attempt['next'])}")
    if attempt.get("dead_letter"):
        text.append(f"; now in {attempt['dead_letter']}")
    return text


def _clock(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MOST_SHOWN else f"{line[:_MOST_SHOWN]}…"
