"""Writes the AWS profile `nightbus` into the user's AWS files, and leaves the rest of the files as it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from nightbus.aws.grammar import DEFAULT_ACCOUNT
from nightbus.cli.environment import chosen_region
from nightbus.node.settings import Settings

PROFILE = "nightbus"


def write_profile(settings: Settings, region: str | None) -> None:
    config = _file("AWS_CONFIG_FILE", "config")
    credentials = _file("AWS_SHARED_CREDENTIALS_FILE", "credentials")
    _rewrite(
        config,
        f"profile {PROFILE}",
        {"region": chosen_region(region), "output": "json", "endpoint_url": settings.endpoint},
    )
    _rewrite(credentials, PROFILE, {"aws_access_key_id": DEFAULT_ACCOUNT, "aws_secret_access_key": PROFILE})
    print(f"Profile {PROFILE} written to {config} and {credentials}.")
    print(f"Try: aws --profile {PROFILE} events list-event-buses")


def with_section(text: str, name: str, values: Mapping[str, str]) -> str:
    """Return `text`, an INI file, in which section `name` has exactly `values`. All other lines stay as they are."""
    section = [f"[{name}]", *(f"{key} = {value}" for key, value in values.items())]
    lines = text.splitlines()
    start = next((at for at, line in enumerate(lines) if _header(line) == name), None)
    if start is None:
        gap = [""] if lines and lines[-1].strip() else []
        return "\n".join([*lines, *gap, *section]) + "\n"
    end = next((at for at in range(start + 1, len(lines)) if _header(lines[at]) is not None), len(lines))
    while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith(("#", ";"))):
        end -= 1
    return "\n".join([*lines[:start], *section, *lines[end:]]) + "\n"


def _header(line: str) -> str | None:
    stripped = line.strip()
    if stripped.startswith("[") and "]" in stripped:
        return " ".join(stripped[1 : stripped.index("]")].split())
    return None


def _file(variable: str, name: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / ".aws" / name).expanduser()


def _rewrite(file: Path, section: str, values: Mapping[str, str]) -> None:
    """Replace the file in one step, so that a reader never sees a part of it. A symbolic link is followed."""
    target = file.resolve()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = target.read_text() if target.exists() else ""
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
    temporary = target.with_name(f".{target.name}.nightbus-{os.getpid()}")
    temporary.touch(mode=0o600)
    temporary.write_text(with_section(text, section, values))
    temporary.chmod(mode)
    temporary.replace(target)
