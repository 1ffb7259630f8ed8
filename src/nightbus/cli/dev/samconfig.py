"""Reads what `samconfig.toml` says of the template, the stack and its parameters, as `sam deploy` does."""

from __future__ import annotations

import re
import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightbus.cli.errors import CommandFailed

FILE_NAME = "samconfig.toml"
_TEMPLATES = ("template.yaml", "template.yml", "template.json")
_SECTIONS = ("global", "build", "deploy")  # a later one has the last word


@dataclass(frozen=True, slots=True)
class Project:
    """The template, the name of its stack, and the stack's parameters as `NAME=VALUE`."""

    template: Path
    stack: str
    parameters: tuple[str, ...]


def find_project(template: Path | None, stack: str | None, parameters: list[str]) -> Project:
    """Return the project of the current folder, or of the folder of `template`. What is given comes first.

    Raises CommandFailed where there is no template, or samconfig.toml cannot be read.
    """
    folder = template.parent if template is not None else Path()
    said = _settings(folder / FILE_NAME)
    if template is None:
        named = said.get("template_file") or said.get("template")
        candidates = [Path(named)] if isinstance(named, str) else [Path(name) for name in _TEMPLATES]
        template = next((path for path in candidates if path.is_file()), None)
        if template is None:
            raise CommandFailed(f"there is none of {', '.join(map(str, candidates))} here; name the template")
    if not template.is_file():
        raise CommandFailed(f"{template} is not a file")
    template = template.resolve()
    chosen = stack or str(said.get("stack_name") or _stack_name(template.parent.name))
    return Project(template, chosen, (*_overrides(said.get("parameter_overrides")), *parameters))


def _settings(file: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as failure:
        raise CommandFailed(f"{file} cannot be read: {failure}") from None
    found: dict[str, Any] = {}
    commands = content.get("default", {})
    for name in _SECTIONS:
        found |= commands.get(name, {}).get("parameters", {})
    return found


def _overrides(value: Any) -> list[str]:
    """`A=1 B="two words"`, or a list of such."""
    texts = value if isinstance(value, list) else [value] if isinstance(value, str) else []
    try:
        return [part for text in texts for part in shlex.split(str(text))]
    except ValueError as broken:
        raise CommandFailed(f"{FILE_NAME}: parameter_overrides cannot be read: {broken}") from None


def _stack_name(folder: str) -> str:
    """A stack's name has letters, digits and hyphens, and begins with a letter."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", folder).strip("-")[:100]
    return name if name[:1].isalpha() else f"app-{name}".rstrip("-")
