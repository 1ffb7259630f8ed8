"""Prints the progress of `nightbus deploy` as lines, or its result as one JSON document.

Lines are neither cut nor redrawn, so they are the same in a narrow terminal, a file and the log of CI.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nightbus.cli.terminal import GREEN, RED, YELLOW, coloured

_STATUS_WIDTH = len("UPDATE_ROLLBACK_COMPLETE")
_ACTION_WIDTH = len("Modify")


class Lines:
    """Prints lines for a person."""

    def template(self, file: Path) -> None:
        print(f"Template {file}", flush=True)

    def packaged(self, names: Sequence[str], size: int) -> None:
        print(f"Packaged {', '.join(names)} ({size / 1024:,.0f} KB)", flush=True)

    def changes(self, changes: Sequence[Mapping[str, Any]]) -> None:
        width = max((len(change["LogicalResourceId"]) for change in changes), default=0)
        print("Changes:")
        for change in changes:
            replaced = "  replaced" if change.get("Replacement") == "True" else ""
            action, name = f"{change['Action']:{_ACTION_WIDTH}}", f"{change['LogicalResourceId']:{width}}"
            print(f"  {action}  {name}  {change['ResourceType']}{replaced}", flush=True)

    def event(self, event: Mapping[str, Any]) -> None:
        status = str(event["ResourceStatus"])
        reason = f": {event['ResourceStatusReason']}" if event.get("ResourceStatusReason") else ""
        status_text = coloured(f"{status:{_STATUS_WIDTH}}", _colour(status))
        print(f"{status_text}  {event['LogicalResourceId']}  {event['ResourceType']}{reason}", flush=True)

    def end(
        self, stack: str, region: str, status: str, changed: bool, outputs: Sequence[Mapping[str, Any]]
    ) -> None:
        if outputs:
            width = max(len(output["OutputKey"]) for output in outputs)
            print("Outputs:")
        for output in outputs:
            about = f"  ({output['Description']})" if output.get("Description") else ""
            print(f"  {output['OutputKey']:{width}}  {output['OutputValue']}{about}")
        if changed:
            print(f"Stack {stack} is {coloured(status, _colour(status))} in {region}.")
        else:
            print(f"No changes: stack {stack} is up to date in {region}.")


class Document:
    """Prints one JSON document for a program, and nothing before the end."""

    def __init__(self) -> None:
        self._changes: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []

    def template(self, file: Path) -> None:
        pass

    def packaged(self, names: Sequence[str], size: int) -> None:
        pass

    def changes(self, changes: Sequence[Mapping[str, Any]]) -> None:
        self._changes = [
            {
                "action": change["Action"],
                "resource": change["LogicalResourceId"],
                "type": change["ResourceType"],
                "replacement": change.get("Replacement", "False"),
            }
            for change in changes
        ]

    def event(self, event: Mapping[str, Any]) -> None:
        self._events.append(
            {
                "time": event["Timestamp"].isoformat(),
                "status": event["ResourceStatus"],
                "resource": event["LogicalResourceId"],
                "type": event["ResourceType"],
                "reason": event.get("ResourceStatusReason", ""),
            }
        )

    def end(
        self, stack: str, region: str, status: str, changed: bool, outputs: Sequence[Mapping[str, Any]]
    ) -> None:
        document = {
            "stack": stack,
            "region": region,
            "status": status,
            "changed": changed,
            "changes": self._changes,
            "events": self._events,
            "outputs": {output["OutputKey"]: output["OutputValue"] for output in outputs},
        }
        print(json.dumps(document, indent=2))


Output = Lines | Document


def _colour(status: str) -> str:
    if "FAILED" in status or "ROLLBACK" in status:
        return RED
    return GREEN if "COMPLETE" in status else YELLOW
