"""Tests what the API shows of the node's settings."""

from __future__ import annotations

from pathlib import Path

from console_api import ConsoleApi
from nodes import RunningNode


def test_the_settings_of_a_node_without_its_passwords(tmp_path: Path) -> None:
    environ = {
        "NIGHTBUS_HISTORY_HOURS": "7",
        "NIGHTBUS_SMTP": "smtp://user:hidden-word@mail.example:2525?from=a@mail.example",
    }
    node = RunningNode(tmp_path / "data", environ)
    try:
        found = {one["name"]: one for one in ConsoleApi(node).get("/settings")["settings"]}
    finally:
        node.stop()
    assert found["history_hours"] == {"name": "history_hours", "value": "7", "changed": True}
    assert found["history_megabytes"] == {"name": "history_megabytes", "value": "1024", "changed": False}
    assert (found["audit_days"]["value"], found["quotas"]["value"]) == ("90", "true")
    assert found["data"]["value"] == str(tmp_path / "data")
    assert found["smtp"]["value"] == "mail.example:2525"
    assert "hidden-word" not in str(found)
