"""Finds the templates to check: a SAM or CloudFormation template, or those of a CDK application's output folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightbus.cli.commands.artefacts import TEMPLATES, local_artefacts, refer_to
from nightbus.cli.deployment import read_template
from nightbus.cli.errors import CommandFailed

_BUILT = Path(".aws-sam") / "build" / "template.yaml"
_NAMES = ("template.yaml", "template.yml", "template.json")
_CDK_OUTPUT = Path("cdk.out")
_MANIFEST = "manifest.json"
_DEEPEST = 20  # folders or templates inside one another


@dataclass(frozen=True, slots=True)
class Source:
    """A template to check. `name` is the file, or the stack of a CDK application, and the path to a nested one.

    `parent` and `logical_id` are the name of the template and of its resource that nest it, empty for the others.
    """

    name: str
    document: dict[str, Any]
    parent: str = ""
    logical_id: str = ""


def find_sources(chosen: Path | None) -> list[Source]:
    """Return the templates of a file, of a CDK output folder, or of the current folder if none is chosen.

    Nested templates that are local files come after the one that names them. Raises CommandFailed.
    """
    path = chosen or _default()
    if path.name == _MANIFEST:
        path = path.parent
    if path.is_dir():
        if (path / _MANIFEST).is_file():
            return list(_of_assembly(path, 0))
        raise CommandFailed(f"{path} is a folder without {_MANIFEST}, so not the output of cdk synth")
    if not path.is_file():
        raise CommandFailed(f"{path} is not a file")
    return list(_with_nested(str(path), path, 0))


def _default() -> Path:
    for path in (_BUILT, *map(Path, _NAMES)):
        if path.is_file():
            return path
    if (_CDK_OUTPUT / _MANIFEST).is_file():
        return _CDK_OUTPUT
    raise CommandFailed(f"there is none of {', '.join(_NAMES)} and no {_CDK_OUTPUT} here; name the template")


def _of_assembly(folder: Path, depth: int) -> Iterator[Source]:
    """Yield the templates of the stacks in a cloud assembly and the assemblies in it (the stages of an application)."""
    try:
        artifacts = json.loads((folder / _MANIFEST).read_text()).get("artifacts", {})
    except (OSError, ValueError, AttributeError) as broken:
        raise CommandFailed(f"{folder / _MANIFEST} cannot be read: {broken}") from broken
    for name, artifact in sorted(artifacts.items()):
        properties = artifact.get("properties", {})
        if artifact.get("type") == "aws:cloudformation:stack":
            yield from _with_nested(
                str(artifact.get("displayName", name)), _inside(folder, properties["templateFile"]), 0
            )
        elif artifact.get("type") == "cdk:cloud-assembly" and depth < _DEEPEST:
            yield from _of_assembly(_inside(folder, properties["directoryName"]), depth + 1)


def _inside(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise CommandFailed(f"{folder / _MANIFEST} names {name}, which lies outside its folder")
    return path


def _with_nested(
    name: str, file: Path, depth: int, parent: str = "", nested_as: str = ""
) -> Iterator[Source]:
    document = read_template(file)
    nested = list(_assets(document, file.parent))
    for artefact in local_artefacts(document, file.parent):
        if artefact.type_name in TEMPLATES:
            nested.append((artefact.logical_id, artefact.path))
        refer_to(document, artefact, "local-files", artefact.path.name, "https://s3.amazonaws.com")
    yield Source(name, document, parent, nested_as)
    if depth < _DEEPEST:
        for logical_id, path in nested:
            yield from _with_nested(f"{name} / {logical_id}", path, depth + 1, name, logical_id)


def _assets(document: dict[str, Any], folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the nested templates that the CDK names in a resource's metadata, since their URL is an expression."""
    for logical_id, resource in document.get("Resources", {}).items():
        if isinstance(resource, dict) and resource.get("Type") == "AWS::CloudFormation::Stack":
            path = (resource.get("Metadata") or {}).get("aws:asset:path")
            if isinstance(path, str):
                yield logical_id, _inside(folder, path)
