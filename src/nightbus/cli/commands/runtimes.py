"""Lists the runtimes of functions: what each runs on here, and how to add what is missing. Installs nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nightbus.cli.terminal import GREEN, RED, YELLOW, coloured
from nightbus.functions.runtimes import FAMILIES
from nightbus.functions.runtimes.interface import Preview

_OWN_PROGRAM = "the function's own program, bootstrap"
_REFUSED = ("java", "dotnet", "go1.x", "ruby", "container images")


def list_runtimes(*, as_json: bool) -> None:
    """Print a line for each runtime, then the interpreters that none of them uses; or both as JSON."""
    installed = sorted({pair for family in FAMILIES for pair in family.installed()}, key=_by_version)
    previews = [(family.names, family.preview(name)) for family in FAMILIES for name in family.names]
    if as_json:
        print(json.dumps(_document([preview for _, preview in previews], installed), indent=2))
        return
    lines = [_columns(preview) for _, preview in previews]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    for line, (_, preview) in zip(lines, previews, strict=True):
        text = "  ".join(f"{part:{width}}" for part, width in zip(line, widths, strict=True)).rstrip()
        print("  ".join(part for part in (text, _remarks(preview)) if part))
    used = {preview.executable for _, preview in previews}
    others = [(version, path) for version, path in installed if path not in used]
    if others:
        print("\nOther interpreters: " + ", ".join(f"{version} ({path})" for version, path in others))
    print(f"\nRefused: {', '.join(_REFUSED)}.")


def _columns(preview: Preview) -> tuple[str, str, str]:
    if preview.executable is None:
        return preview.name, "", _OWN_PROGRAM if preview.exact else "-"
    return preview.name, preview.version, str(preview.executable)


def _remarks(preview: Preview) -> str:
    remarks = []
    if preview.exact:
        remarks.append(coloured("as named", GREEN))
    else:
        text = "missing" if preview.executable is None else "not on this machine, replaced"
        remarks.append(
            coloured(f"{text}; add it: {preview.advice}", RED if preview.executable is None else YELLOW)
        )
    if preview.deprecated:
        remarks.append(coloured(f"deprecated on AWS since {preview.deprecated}", YELLOW))
    return "; ".join(remarks)


def _document(previews: list[Preview], installed: list[tuple[str, Path]]) -> dict[str, Any]:
    return {
        "runtimes": [
            {
                "name": preview.name,
                "executable": str(preview.executable) if preview.executable else None,
                "version": preview.version or None,
                "exact": preview.exact,
                "advice": preview.advice or None,
                "deprecated": preview.deprecated or None,
            }
            for preview in previews
        ],
        "interpreters": [{"version": version, "executable": str(path)} for version, path in installed],
    }


def _by_version(pair: tuple[str, Path]) -> tuple[list[int], str]:
    return [int(part) for part in pair[0].split(".")], str(pair[1])
