"""Finds the functions and layers of an application with their sources, and says which of them a change touches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightbus.cli.commands.artefacts import TEMPLATES, local_artefacts
from nightbus.cli.deployment import read_template

FUNCTIONS = ("AWS::Serverless::Function", "AWS::Lambda::Function")
_MANIFESTS = {"requirements.txt", "package.json", "package-lock.json", "npm-shrinkwrap.json"}
_WITHOUT_BUILD = ("python", "nodejs", "provided")


@dataclass(frozen=True, slots=True)
class Source:
    """A function or a layer with local code.

    `path` has the logical ids from the outermost template's on: ("Nested", "Function"). `build_reason` says why the
    folder cannot be packaged as it is, "" where it can. `compiled`: every change needs another build.
    """

    path: tuple[str, ...]
    type_name: str
    folder: Path
    runtime: str = ""
    alias: str = ""
    build_reason: str = ""
    compiled: bool = False

    @property
    def is_function(self) -> bool:
        return self.type_name in FUNCTIONS

    def contains(self, file: Path) -> bool:
        return file == self.folder or file.is_relative_to(self.folder)


@dataclass(frozen=True, slots=True)
class Application:
    """What the template and its nested templates name."""

    templates: tuple[Path, ...]
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Impact:
    """What a set of changed files asks for: other code for functions, another build, an update of the stack."""

    functions: tuple[Source, ...] = ()
    build: bool = False
    stack: bool = False


def read_application(template: Path) -> Application:
    """Raises CommandFailed for a template that cannot be read, or names files that are not there."""
    templates: list[Path] = []
    sources = tuple(_sources(template.resolve(), (), templates))
    return Application(tuple(dict.fromkeys(templates)), sources)


def _sources(file: Path, above: tuple[str, ...], templates: list[Path]) -> Iterator[Source]:
    templates.append(file)
    content = read_template(file)
    defaults = (content.get("Globals") or {}).get("Function") or {}
    for artefact in local_artefacts(content, file.parent):
        path = (*above, artefact.logical_id)
        if artefact.type_name in TEMPLATES:
            yield from _sources(artefact.path, path, templates)
            continue
        resource = content["Resources"][artefact.logical_id]
        properties = {**defaults, **(resource.get("Properties") or {})}
        runtime, alias = properties.get("Runtime"), properties.get("AutoPublishAlias")
        source = Source(
            path,
            artefact.type_name,
            artefact.path,
            runtime if isinstance(runtime, str) else "",
            alias if isinstance(alias, str) else "",
        )
        yield _with_build(source, resource.get("Metadata") or {})


def _with_build(source: Source, metadata: dict[str, Any]) -> Source:
    reason, compiled = "", False
    method = metadata.get("BuildMethod")
    if metadata.get("SkipBuild") is True or source.folder.is_file():
        pass
    elif isinstance(method, str):
        reason, compiled = f"BuildMethod {method}", not method.startswith(("python", "nodejs"))
    elif not source.is_function:
        pass
    elif source.runtime.startswith("python") and _has_text(source.folder / "requirements.txt"):
        reason = "requirements.txt"
    elif source.runtime.startswith("nodejs") and _lacks_modules(source.folder):
        reason = "package.json"
    elif source.runtime and not source.runtime.startswith(_WITHOUT_BUILD):
        reason, compiled = f"runtime {source.runtime}", True
    return Source(
        source.path, source.type_name, source.folder, source.runtime, source.alias, reason, compiled
    )


def _has_text(file: Path) -> bool:
    return file.is_file() and bool(file.read_text(errors="replace").strip())


def _lacks_modules(folder: Path) -> bool:
    """Whether its package.json names packages that are not installed beside it."""
    try:
        manifest = json.loads((folder / "package.json").read_text())
    except (OSError, ValueError):
        return False
    return (
        bool(isinstance(manifest, dict) and manifest.get("dependencies"))
        and not (folder / "node_modules").is_dir()
    )


def impact_of(changed: set[Path], application: Application) -> Impact:
    """Functions that share a folder all change; a layer's content reaches its functions by the stack."""
    touched = [source for source in application.sources if any(map(source.contains, changed))]
    functions = tuple(source for source in touched if source.is_function)
    layers = any(not source.is_function for source in touched)
    manifests = any(
        source.build_reason or file.name != "package-lock.json"
        for source in touched
        for file in changed
        if file.parent == source.folder and file.name in _MANIFESTS
    )
    return Impact(
        functions,
        build=manifests or any(source.compiled for source in touched),
        stack=layers or bool(changed & set(application.templates)),
    )
