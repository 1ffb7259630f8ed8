"""The page that says what is supported says all of it, and no more."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from nightbus.services import SERVICES
from nightbus.stacks.resources import RESOURCE_TYPES

PAGE = (Path(__file__).parents[2] / "docs" / "support.md").read_text()


def test_every_operation_is_listed_and_only_those() -> None:
    section = PAGE.split("## Operations", 1)[1].split("\n## ", 1)[0]
    listed = {
        name for line in re.findall(r"\*\*: (.+)\.$", section, re.MULTILINE) for name in line.split(", ")
    }
    handled = {name for package in SERVICES.values() for name in importlib.import_module(package).HANDLERS}
    assert listed == handled


def test_every_resource_type_is_listed_with_its_properties() -> None:
    listed = dict(re.findall(r"^- `(AWS::[\w:]+)`: (.+)$", PAGE, re.MULTILINE))
    assert listed == {
        name: ", ".join(sorted(kind.properties)) or "no properties" for name, kind in RESOURCE_TYPES.items()
    }
