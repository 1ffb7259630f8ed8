"""Is the way of an event: its targets, the functions that ran for it, and what followed from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Trace:
    """The way of an event. `tree` is what docs/explaining.md calls a NODE."""

    tree: dict[str, Any]

    @property
    def event(self) -> dict[str, Any]:
        """The event's envelope."""
        event: dict[str, Any] = self.tree["event"]
        return event

    def reached(self) -> Iterator[tuple[str, str]]:
        """Yield the ARN and the state (`delivered`, `succeeded`, `failed`, `will be tried again`, `under way`) of each
        target, function and destination on the way."""
        yield from _reached(self.tree)

    def __str__(self) -> str:
        from rich.console import Console

        from nightbus.cli.commands.trace import event_tree

        console = Console(width=160, highlight=False, color_system=None)
        with console.capture() as captured:
            console.print(event_tree(self.tree))
        return captured.get()


def _reached(node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for target in (target for rule in node["rules"] for target in rule["targets"]):
        yield target["arn"], target["state"]
        for attempt in target["attempts"]:
            for child in attempt.get("events", ()):
                yield from _reached(child)
            yield from _invoked(attempt.get("invocations", ()))


def _invoked(invocations: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for one in invocations:
        yield one["function"], one.get("state", "")
        for run in one.get("runs", ()):
            for arn in run.get("sent_to", ()):
                yield arn, "delivered"
            for child in run.get("events", ()):
                yield from _reached(child)
            for message in run.get("sent", ()):
                yield message["to"], "delivered"
                yield from _invoked(message["invocations"])
