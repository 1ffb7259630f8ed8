"""What the commands decide before they do anything."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from nightbus.cli.commands.artefacts import archive, local_artefacts, refer_to
from nightbus.cli.commands.explain import explanation_text
from nightbus.cli.errors import CommandFailed
from nightbus.identity.key_file import with_section


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "[p]\na = 1\n"),
        ("[other]\nx = 1\n", "[other]\nx = 1\n\n[p]\na = 1\n"),
        ("[p]\na = 0\nb = 2\n", "[p]\na = 1\n"),
        ("[p]\na = 0\n\n# mine\n[q]\ny = 2\n", "[p]\na = 1\n\n# mine\n[q]\ny = 2\n"),
        ("[ p ]\na=0", "[p]\na = 1\n"),
    ],
)
def test_a_section_is_replaced_and_nothing_else(before: str, after: str) -> None:
    assert with_section(before, "p", {"a": "1"}) == after


def test_a_folder_becomes_the_same_zip_whenever_it_is_made(tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = tmp_path / name
        (folder / "__pycache__").mkdir(parents=True)
        (folder / "__pycache__" / "app.pyc").write_text(name)
        (folder / "app.py").write_text("x = 1\n")
        (folder / "requirements.txt").write_text("\n")
    first = archive(tmp_path / "one")
    assert archive(tmp_path / "two") == first
    assert zipfile.ZipFile(io.BytesIO(first)).namelist() == ["app.py", "requirements.txt"]


def test_local_paths_are_found_and_replaced(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    template: dict[str, Any] = {
        "Resources": {
            "Sam": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "src/"}},
            "Plain": {"Type": "AWS::Lambda::Function", "Properties": {"Code": "src"}},
            "Inline": {"Type": "AWS::Lambda::Function", "Properties": {"Code": {"ZipFile": "x"}}},
            "There": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "s3://b/k"}},
        }
    }
    artefacts = list(local_artefacts(template, tmp_path))
    assert [one.logical_id for one in artefacts] == ["Sam", "Plain"]
    for artefact in artefacts:
        refer_to(template, artefact, "bucket", "key", "http://node")
    assert template["Resources"]["Sam"]["Properties"]["CodeUri"] == "s3://bucket/key"
    assert template["Resources"]["Plain"]["Properties"]["Code"] == {"S3Bucket": "bucket", "S3Key": "key"}
    template["Resources"]["Sam"]["Properties"]["CodeUri"] = "gone/"
    with pytest.raises(CommandFailed, match="Sam: CodeUri gone/ does not exist"):
        list(local_artefacts(template, tmp_path))


def test_what_became_of_an_event_is_told_in_lines() -> None:
    found = {
        "event": {"id": "e", "source": "demo.order", "detail-type": "order", "time": "t"},
        "bus": "default",
        "rules": [
            {"rule": "near", "matched": False, "why": "source is one character short of the rule's value"},
            {
                "rule": "hit",
                "matched": True,
                "deliveries": [
                    {
                        "time": 0,
                        "attempt": 1,
                        "target": "f",
                        "outcome": "failed",
                        "code": "X",
                        "message": "no",
                    }
                ],
            },
        ],
    }
    text = explanation_text(json.loads(json.dumps(found)))
    assert "✗ near did not match: source is one character short" in text
    assert "attempt 1 to f  failed: X no" in text
