"""Prints the whole way of an event as a tree: rules, targets, attempts, runs of functions, and what those published."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nightbus.cli.client import ask
from nightbus.cli.dead_letters import dead_letter, not_sent, service_and_name
from nightbus.cli.environment import chosen_account, chosen_region
from nightbus.cli.errors import CommandFailed
from nightbus.node.settings import Settings

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

_AGAIN_SECONDS = 0.2
_QUIET_SECONDS = 1.0  # after the last delivery, for what a function may still publish
_MOST_SHOWN = 200
_WIDE = 1_000_000  # columns of a file or a pipe, where no line is broken
_WELL = ("delivered", "succeeded")
_STYLES = {"delivered": "green", "succeeded": "green", "failed": "red"}  # else yellow


def trace_event(
    settings: Settings, event_id: str, region: str | None, as_json: bool, wait: float | None
) -> None:
    """With `wait`, in seconds, not before everything has ended; fails then where a delivery did."""
    query = {"event": event_id, "account": chosen_account(), "region": chosen_region(region)}
    trace = ask(settings, "trace", query)
    if wait is not None:
        trace = _ended(settings, query, trace, wait)
    print(json.dumps(trace, indent=2)) if as_json else _print(trace)
    if wait is not None and any(state not in _WELL for state in _states(trace)):
        raise CommandFailed("not everything went well")


def _ended(settings: Settings, query: dict[str, str], trace: dict[str, Any], wait: float) -> dict[str, Any]:
    """The trace once nothing of it changed for a moment and nothing is under way."""
    deadline, since = time.monotonic() + wait, time.monotonic()
    while time.monotonic() < deadline:
        quiet = time.monotonic() - since >= _QUIET_SECONDS
        if quiet and all(state in (*_WELL, "failed") for state in _states(trace)):
            break
        time.sleep(_AGAIN_SECONDS)
        latest = ask(settings, "trace", query)
        if latest != trace:
            trace, since = latest, time.monotonic()
    return trace


def _states(node: dict[str, Any]) -> Iterator[str]:
    """Of deliveries and of invocations; of those that got one message several times, the last one's."""
    for target in (target for rule in node["rules"] for target in rule["targets"]):
        yield str(target["state"])
        for attempt in target["attempts"]:
            for child in attempt.get("events", ()):
                yield from _states(child)
            yield from _states_of(attempt.get("invocations", ()))


def _states_of(invocations: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield from {(one["function"], one.get("from")): str(one["state"]) for one in invocations}.values()
    for run in (run for one in invocations for run in one["runs"]):
        for child in run.get("events", ()):
            yield from _states(child)
        for sent in run.get("sent", ()):
            yield from _states_of(sent["invocations"])


def _print(trace: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDE
    for cause in reversed(trace["caused_by"]):
        console.print(_cause(cause))
    console.print(_event_tree(trace))


def _cause(cause: dict[str, Any]) -> Text:
    from rich.text import Text

    who = f"function {cause['function']}" if "function" in cause else str(cause["by"])
    run = f", request {cause['request_id']}" if "request_id" in cause else ""
    run += f", run {cause['run']}" if "run" in cause else ""
    way = f" with a message from {service_and_name(cause['from'])}" if "from" in cause else ""
    if "to" in cause:
        run += (
            f", which {'invoked' if _is_function(cause['to']) else 'sent to'} {service_and_name(cause['to'])}"
        )
    if "event_id" not in cause:
        first = "caused" if "to" in cause else "published"
        return Text(f"{first} by {who}{run}{f', called{way}' if way else ''}", style="dim")
    others = f" and {len(cause['with'])} more" if "with" in cause else ""
    came = f"rule {cause['rule']} of bus {cause['bus']} for event {cause['event_id']}{others}"
    if ":rule/" in cause["by"]:
        return Text(f"caused by {came}", style="dim")
    return Text(f"caused by {who}{run}, called{way} by {came}", style="dim")


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

    place = branch.add(
        Text.assemble(
            ("target ", "dim"),
            f"{target['id']}  {service_and_name(target['arn'])}  ",
            _state(target["state"]),
        )
    )
    if target["input"] is not None:
        place.add(Text.assemble(("input ", "dim"), _shortened(target["input"])))
    elif "why" in target:
        place.add(Text(f"input not known: {target['why']}", style="dim"))
    for attempt in target["attempts"]:
        shown = place.add(_attempt(attempt))
        for invocation in attempt.get("invocations", ()):
            _add_invocation(shown, invocation)
        for child in attempt.get("events", ()):
            shown.add(_event_tree(child))


def _add_invocation(branch: Tree, invocation: dict[str, Any]) -> None:
    """The target's own stands with the attempt; others got its message."""
    if "from" in invocation:
        branch = _called(branch, invocation)
    _add_runs(branch, invocation)


def _called(branch: Tree, invocation: dict[str, Any]) -> Tree:
    from rich.text import Text

    what = f"{service_and_name(invocation['function'])}  request {invocation['request_id']}"
    what += f"  from {service_and_name(invocation['from'])}"
    if invocation["messages"] > 1:
        what += f" with {invocation['messages'] - 1} more"
    return branch.add(Text.assemble(("invocation ", "dim"), f"{what}  ", _state(invocation["state"])))


def _add_runs(branch: Tree, invocation: dict[str, Any]) -> None:
    from rich.text import Text

    if not invocation["runs"]:
        branch.add(Text(invocation.get("cut", "no run yet"), style="dim"))
    for run in invocation["runs"]:
        shown = branch.add(_run(run))
        for line in run["log"]:
            shown.add(Text(f"{_clock(line['time'])}  {line['message'].expandtabs(2)}"))
        for child in run.get("events", ()):
            shown.add(_event_tree(child))
        for sent in run.get("sent", ()):
            _add_sent(shown, sent)
        if "cut" in run:
            shown.add(Text(run["cut"], style="dim"))


def _add_sent(branch: Tree, sent: dict[str, Any]) -> None:
    """A message, or the request of a function that it invoked."""
    from rich.text import Text

    called = _is_function(sent["to"])
    what = f"{_clock(sent['time'])}  to {service_and_name(sent['to'])}  as {sent['id']}"
    state = ("  ", _state(sent["invocations"][0]["state"])) if called else ()
    place = branch.add(Text.assemble(("invocation " if called else "message ", "dim"), what, *state))
    for invocation in sent["invocations"]:
        _add_invocation(place, invocation)


def _run(run: dict[str, Any]) -> Text:
    from rich.text import Text

    text = Text.assemble((f"run {run['run']}  ", "dim"), f"{_clock(run['began'])}  ", _state(run["outcome"]))
    _append_end(text, run)
    if "again" in run:
        text.append(f", without {', '.join(run['again'])}")
    if "sent_to" in run:
        text.append(f"; told {', '.join(service_and_name(arn) for arn in run['sent_to'])}")
    if "pending" in run:
        text.append(f"; not told yet {', '.join(service_and_name(arn) for arn in run['pending'])}")
    text.append(not_sent(run))
    return text


def _attempt(attempt: dict[str, Any]) -> Text:
    from rich.text import Text

    text = Text.assemble(
        (f"attempt {attempt['attempt']}  ", "dim"), f"{_clock(attempt['time'])}  ", _state(attempt["outcome"])
    )
    _append_end(text, attempt)
    if attempt.get("request_id"):
        text.append(f"  as {attempt['request_id']}", style="dim")
    if "replay" in attempt:
        text.append(f"  in replay {attempt['replay']}")
    if "input" in attempt:
        text.append(f"  with {_shortened(attempt['input'])}")
    text.append(dead_letter(attempt))
    return text


def _append_end(text: Text, ended: dict[str, Any]) -> None:
    if "code" in ended:
        text.append(f": {ended['code']} {ended['message']}".rstrip())
    if "duration" in ended:
        text.append(f"  after {ended['duration']} ms", style="dim")
    if "next" in ended:
        text.append(f"; next at {_clock(ended['next'])}")


def _state(state: str) -> tuple[str, str]:
    return state, _STYLES.get(state, "yellow")


def _is_function(arn: str) -> bool:
    return ":function:" in arn


def _clock(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MOST_SHOWN else f"{line[:_MOST_SHOWN]}…"
