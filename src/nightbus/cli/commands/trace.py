"""Prints the trace of an event as a tree: rules, targets, attempts, runs of functions, and their events."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nightbus.cli.dead_letters import dead_letter_text, service_and_name, unsent_text
from nightbus.cli.environment import chosen_account, chosen_region
from nightbus.cli.errors import CommandFailed
from nightbus.cli.operator_request import get_as_operator
from nightbus.cli.terminal import without_controls
from nightbus.node.settings import Settings

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

_AGAIN_SECONDS = 0.2
_QUIET_SECONDS = 1.0  # after the last delivery, because a function may still publish events
_MOST_SHOWN = 200
_WIDE = 1_000_000  # columns for a file or a pipe, so that no line is wrapped
_WELL = ("delivered", "succeeded")
_STYLES = {"delivered": "green", "succeeded": "green", "failed": "red"}  # else yellow


def print_trace(
    settings: Settings, event_id: str, region: str | None, as_json: bool, wait: float | None
) -> None:
    """Print the trace. With `wait`, in seconds, it first waits until everything has ended, and then fails if a delivery
    failed."""
    query = {"event": event_id, "account": chosen_account(), "region": chosen_region(region)}
    trace = get_as_operator(settings, "trace", query)
    if wait is not None:
        trace = _wait_for_end(settings, query, trace, wait)
    print(json.dumps(trace, indent=2)) if as_json else _print(_printable(trace))
    if wait is not None and any(state not in _WELL for state in _states(trace)):
        raise CommandFailed("a delivery or a function failed")


def _wait_for_end(
    settings: Settings, query: dict[str, str], trace: dict[str, Any], wait: float
) -> dict[str, Any]:
    """Return the trace once nothing is under way and nothing has changed for a moment."""
    deadline, since = time.monotonic() + wait, time.monotonic()
    while time.monotonic() < deadline:
        quiet = time.monotonic() - since >= _QUIET_SECONDS
        if quiet and all(state in (*_WELL, "failed") for state in _states(trace)):
            break
        time.sleep(_AGAIN_SECONDS)
        latest = get_as_operator(settings, "trace", query)
        if latest != trace:
            trace, since = latest, time.monotonic()
    return trace


def _states(node: dict[str, Any]) -> Iterator[str]:
    """Yield the states of deliveries and invocations; for several invocations with one message, the last one's."""
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
        for message in run.get("sent", ()):
            yield from _states_of(message["invocations"])


def _printable(value: Any) -> Any:
    """Return the trace with the control characters written out that events and log lines contain."""
    if isinstance(value, str):
        return without_controls(value, keep="\n\t")
    if isinstance(value, list):
        return [_printable(one) for one in value]
    return {name: _printable(one) for name, one in value.items()} if isinstance(value, dict) else value


def _print(trace: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDE
    for cause in reversed(trace["caused_by"]):
        console.print(_cause_text(cause))
    console.print(event_tree(trace))


def _cause_text(cause: dict[str, Any]) -> Text:
    from rich.text import Text

    publisher = f"function {cause['function']}" if "function" in cause else str(cause["by"])
    run = f", request {cause['request_id']}" if "request_id" in cause else ""
    run += f", run {cause['run']}" if "run" in cause else ""
    carried_by = f" with a message from {service_and_name(cause['from'])}" if "from" in cause else ""
    if "to" in cause:
        run += (
            f", which {'invoked' if _is_function(cause['to']) else 'sent to'} {service_and_name(cause['to'])}"
        )
    if "event_id" not in cause:
        first = "caused" if "to" in cause else "published"
        return Text(
            f"{first} by {publisher}{run}{f', called{carried_by}' if carried_by else ''}", style="dim"
        )
    other_events = f" and {len(cause['with'])} more" if "with" in cause else ""
    rule_text = f"rule {cause['rule']} of bus {cause['bus']} for event {cause['event_id']}{other_events}"
    if ":rule/" in cause["by"]:
        return Text(f"caused by {rule_text}", style="dim")
    return Text(f"caused by {publisher}{run}, called{carried_by} by {rule_text}", style="dim")


def event_tree(node: dict[str, Any]) -> Tree:
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

    node = branch.add(
        Text.assemble(
            ("target ", "dim"),
            f"{target['id']}  {service_and_name(target['arn'])}  ",
            _state(target["state"]),
        )
    )
    if target["input"] is not None:
        node.add(Text.assemble(("input ", "dim"), _shortened(target["input"])))
    elif "why" in target:
        node.add(Text(f"input not known: {target['why']}", style="dim"))
    for attempt in target["attempts"]:
        attempt_node = node.add(_attempt(attempt))
        for invocation in attempt.get("invocations", ()):
            _add_invocation(attempt_node, invocation)
        for child in attempt.get("events", ()):
            attempt_node.add(event_tree(child))


def _add_invocation(branch: Tree, invocation: dict[str, Any]) -> None:
    """Add an invocation: the target's own to its attempt, others to the message that they got."""
    if "from" in invocation:
        branch = _add_call(branch, invocation)
    _add_runs(branch, invocation)


def _add_call(branch: Tree, invocation: dict[str, Any]) -> Tree:
    from rich.text import Text

    text = f"{service_and_name(invocation['function'])}  request {invocation['request_id']}"
    text += f"  from {service_and_name(invocation['from'])}"
    if invocation["messages"] > 1:
        text += f" with {invocation['messages'] - 1} more"
    return branch.add(Text.assemble(("invocation ", "dim"), f"{text}  ", _state(invocation["state"])))


def _add_runs(branch: Tree, invocation: dict[str, Any]) -> None:
    from rich.text import Text

    if not invocation["runs"]:
        branch.add(Text(invocation.get("cut", "no run yet"), style="dim"))
    for run in invocation["runs"]:
        run_node = branch.add(_run(run))
        for line in run["log"]:
            run_node.add(Text(f"{_clock(line['time'])}  {line['message'].expandtabs(2)}"))
        if "log_refused" in run:
            text = f"no log: {run['log_refused']} (nightbus why-denied says more)"
            run_node.add(Text(text, style="yellow"))
        for refusal in run.get("refused", ()):
            what = f"{_clock(refusal['time'])}  refused {refusal['action']} on {refusal['resource']}"
            run_node.add(Text(f"{what}: nightbus why-denied {refusal['request_id']}", style="red"))
        for child in run.get("events", ()):
            run_node.add(event_tree(child))
        for message in run.get("sent", ()):
            _add_message(run_node, message)
        if "cut" in run:
            run_node.add(Text(run["cut"], style="dim"))


def _add_message(branch: Tree, message: dict[str, Any]) -> None:
    """Add a message that a run sent, or the function that it invoked."""
    from rich.text import Text

    is_invocation = _is_function(message["to"])
    text = f"{_clock(message['time'])}  to {service_and_name(message['to'])}  as {message['id']}"
    state = ("  ", _state(message["invocations"][0]["state"])) if is_invocation else ()
    node = branch.add(Text.assemble(("invocation " if is_invocation else "message ", "dim"), text, *state))
    for invocation in message["invocations"]:
        _add_invocation(node, invocation)


def _run(run: dict[str, Any]) -> Text:
    from rich.text import Text

    text = Text.assemble((f"run {run['run']}  ", "dim"), f"{_clock(run['began'])}  ", _state(run["outcome"]))
    _append_end(text, run)
    if "again" in run:
        text.append(f", without {', '.join(run['again'])}")
    if "sent_to" in run:
        text.append(f"; record sent to {', '.join(service_and_name(arn) for arn in run['sent_to'])}")
    if "pending" in run:
        text.append(f"; record not sent yet to {', '.join(service_and_name(arn) for arn in run['pending'])}")
    text.append(unsent_text(run))
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
    text.append(dead_letter_text(attempt))
    return text


def _append_end(text: Text, outcome: dict[str, Any]) -> None:
    if "code" in outcome:
        text.append(f": {outcome['code']} {outcome['message']}".rstrip())
        if str(outcome["code"]).startswith("AccessDenied"):
            text.append(" (nightbus why-denied says more)", style="dim")
    if "duration" in outcome:
        text.append(f"  after {outcome['duration']} ms", style="dim")
    if "next" in outcome:
        text.append(f"; next at {_clock(outcome['next'])}")


def _state(state: str) -> tuple[str, str]:
    return state, _STYLES.get(state, "yellow")


def _is_function(arn: str) -> bool:
    return ":function:" in arn


def _clock(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MOST_SHOWN else f"{line[:_MOST_SHOWN]}…"
