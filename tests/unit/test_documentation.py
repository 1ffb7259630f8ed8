"""The page that says what is supported says all of it, and no more."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from nightbus.cli.command_table import COMMANDS
from nightbus.cli.parser import build_parser
from nightbus.node import settings
from nightbus.services import SERVICES
from nightbus.stacks.resources import RESOURCE_TYPES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "support.md").read_text()
README = (ROOT / "README.md").read_text()


def test_every_operation_is_listed_and_only_those() -> None:
    section = PAGE.split("## Operations", 1)[1].split("\n## ", 1)[0]
    listed = {
        name for line in re.findall(r"\*\*: (.+)\.$", section, re.MULTILINE) for name in line.split(", ")
    }
    handled = {name for package in SERVICES.values() for name in importlib.import_module(package).HANDLERS}
    assert listed == handled, "the list of operations in docs/support.md"


def test_every_resource_type_is_listed_with_its_properties() -> None:
    listed = dict(re.findall(r"^- `(AWS::[\w:]+)`: (.+)$", PAGE, re.MULTILINE))
    assert listed == {
        name: ", ".join(sorted(kind.properties)) or "no properties" for name, kind in RESOURCE_TYPES.items()
    }


def test_the_readme_names_every_command_and_no_other() -> None:
    rows = re.findall(r"^\| `nightbus .*$", README, re.MULTILINE)
    written = (
        r"`nightbus ([a-z-]+(?: (?:put|tail|list|show|follow|stop|suggest|get|delete|invoke|rotate-key))?)"
    )
    named = {words for row in rows for words in re.findall(written, row)}
    assert named == {command.name for command in COMMANDS}


def test_what_the_readme_says_to_type_is_understood() -> None:
    lines = re.findall(r"^nightbus ([^#\n]+)", README, re.MULTILINE)
    assert len(lines) >= 6
    for line in lines:
        build_parser().parse_args(line.replace("&", "").split())


def test_the_readme_names_every_setting_and_no_other() -> None:
    rows = re.findall(r"^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \| (`NIGHTBUS_.*?) \|", README, re.MULTILINE)
    names = [name for row, _ in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(names) == sorted(settings._KNOWN)
    variables = [name for _, row in rows for name in re.findall(r"`(\w+)`", row)]
    assert variables == [f"NIGHTBUS_{name.upper()}" for name in names]


def test_files_that_the_pages_for_developers_name_are_there() -> None:
    for page in ("architecture.md", "extending.md", "glossary.md"):
        for name in re.findall(r"`((?:\w+/)+\w+\.py)`", (ROOT / "docs" / page).read_text()):
            places = (ROOT / name, ROOT / "src" / "nightbus" / name)
            assert any(place.exists() for place in places), f"docs/{page}: {name}"


def test_links_of_the_documentation_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for link in re.findall(r"\]\(([^)#:]+)[^):]*\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.relative_to(ROOT)}: {link}"
