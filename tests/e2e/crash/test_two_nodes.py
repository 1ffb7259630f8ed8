"""Two nodes on one data folder: the second one says who has it, and the first one does not notice."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodes import RunningNode


def test_the_second_node_names_the_first(tmp_path: Path) -> None:
    first = RunningNode(data=tmp_path / "data")
    try:
        with pytest.raises(RuntimeError) as refused:
            RunningNode(data=tmp_path / "data")
        said = str(refused.value)
        assert f"in use by another node (process {first.process.pid}, port {first.port})" in said
        assert "Traceback" not in said
        first.client("events").put_rule(Name="still", EventPattern='{"source": ["a"]}')
    finally:
        assert first.stop() == 0


def test_a_killed_node_leaves_no_lock(tmp_path: Path) -> None:
    first = RunningNode(data=tmp_path / "data")
    first.kill()
    assert (tmp_path / "data" / "nightbus.lock").read_text() == f"{first.process.pid}, port {first.port}\n"
    second = RunningNode(data=tmp_path / "data")
    assert second.stop() == 0
