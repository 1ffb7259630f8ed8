"""`nightbus runtimes` says what each runtime runs on, and how to add what is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from nightbus.cli.main import run
from nightbus.functions.runtimes import python

OWN = f"python3.{sys.version_info.minor}"


def test_each_runtime_has_the_interpreter_that_it_names_or_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["runtimes", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    by_name = {one["name"]: one for one in said["runtimes"]}
    assert by_name[OWN]["executable"] == sys.executable
    assert by_name["provided.al2023"]["exact"]
    versions = {int(one["version"].split(".")[1]) for one in said["interpreters"] if one["version"][0] == "3"}
    for minor in range(8, 15):
        found = by_name[f"python3.{minor}"]
        assert found["exact"] == (minor in versions)
        assert int(found["version"].split(".")[1]) == min(versions, key=lambda one: (abs(one - minor), -one))
        assert (found["advice"] is None) == found["exact"]
    assert {sys.executable} <= {one["executable"] for one in said["interpreters"]}


def test_without_others_all_run_on_the_nodes_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(python, "_PLACES", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(["runtimes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    line = next(line for line in lines if line.startswith("python3.14"))
    assert sys.executable in line
    assert line.endswith("not on this machine, replaced; add it: pip install uv && uv python install 3.14")
    assert next(line for line in lines if line.startswith(OWN)).split()[-2:] == ["as", "named"]
    assert any("deprecated on AWS since 2024-10-14" in line for line in lines)
    assert "\x1b" not in "".join(lines)
