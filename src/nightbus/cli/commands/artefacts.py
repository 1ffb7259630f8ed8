"""Finds the local files that a template names, and makes the template refer to their copies in a bucket.

Folders become zip files whose bytes depend on the content only, so that an unchanged function makes no change in the
stack. The packages of a function's `requirements.txt` are installed into its zip, as `sam build` does.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightbus.cli.errors import CommandFailed
from nightbus.cli.zip_files import ZipWriter

_LEFT_OUT = {"__pycache__", ".git", ".aws-sam", ".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
_SEPARATE = {
    # a resource type: its property, and the members of that for bucket and key
    "AWS::Lambda::Function": ("Code", "S3Bucket", "S3Key"),
    "AWS::Lambda::LayerVersion": ("Content", "S3Bucket", "S3Key"),
}
_AS_URI = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::CloudFormation::Stack": "TemplateURL",
    "AWS::Serverless::Application": "Location",
}
TEMPLATES = {"AWS::CloudFormation::Stack", "AWS::Serverless::Application"}

Upload = Callable[[bytes, str], tuple[str, str]]  # bytes and a suffix → bucket and key


@dataclass(frozen=True, slots=True)
class Artefact:
    """A local path in a resource's property."""

    logical_id: str
    type_name: str
    property: str
    path: Path


def local_artefacts(template: dict[str, Any], folder: Path) -> Iterator[Artefact]:
    """Yield the local paths of a template. Raises CommandFailed for a path that does not exist."""
    default_uri = template.get("Globals", {}).get("Function", {}).get("CodeUri")
    for logical_id, resource in template.get("Resources", {}).items():
        if not isinstance(resource, dict):
            continue
        type_name = resource.get("Type", "")
        name = _AS_URI.get(type_name) or _SEPARATE.get(type_name, ("",))[0]
        properties = resource.get("Properties") or {}
        if not name or not isinstance(properties, dict) or "InlineCode" in properties:
            continue
        value = properties.get(name, default_uri if name == "CodeUri" else None)
        if isinstance(value, str) and "://" not in value:
            yield Artefact(logical_id, type_name, name, _existing(folder, value, logical_id, name))


def _existing(folder: Path, value: str, logical_id: str, name: str) -> Path:
    path = (folder / value).resolve()
    if not path.exists():
        raise CommandFailed(f"{logical_id}: {name} {value} does not exist ({path})")
    return path


def refer_to(template: dict[str, Any], artefact: Artefact, bucket: str, key: str, endpoint: str) -> None:
    """Replace the local path in the template by the uploaded object."""
    resource = template["Resources"][artefact.logical_id]
    properties = resource.setdefault("Properties", {})
    if artefact.type_name in _SEPARATE:
        _, bucket_member, key_member = _SEPARATE[artefact.type_name]
        properties[artefact.property] = {bucket_member: bucket, key_member: key}
    elif artefact.type_name in TEMPLATES:
        properties[artefact.property] = f"{endpoint}/{bucket}/{key}"
    else:
        properties[artefact.property] = f"s3://{bucket}/{key}"


def archive(path: Path) -> bytes:
    """Return the zip of a folder with its requirements, a zip file as it is, or the zip of another file."""
    if path.is_file():
        return path.read_bytes() if zipfile.is_zipfile(path) else ZipWriter().write([(path, path.name)])
    if not (path / "requirements.txt").is_file() or not (path / "requirements.txt").read_text().strip():
        return ZipWriter().write(source_files(path))
    with tempfile.TemporaryDirectory(prefix="nightbus-package-") as temporary:
        target = Path(temporary)
        install_requirements(path / "requirements.txt", target)
        shutil.copytree(path, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        return ZipWriter().write(source_files(target))


def digest_key(data: bytes, suffix: str) -> str:
    return hashlib.sha256(data).hexdigest()[:32] + suffix


def source_files(folder: Path) -> list[tuple[Path, str]]:
    """The files of a folder with their names in a zip, in order, without what tools keep there."""
    found: list[tuple[Path, str]] = []
    beginning = len(str(folder)) + 1
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        for name in names:
            path = f"{parent}/{name}"
            if name not in _LEFT_OUT and os.path.isfile(path):  # noqa: PTH113 - a thousand paths cost 10 ms
                found.append((Path(path), path[beginning:].replace(os.sep, "/")))
    return sorted(found, key=lambda pair: pair[1])


def install_requirements(requirements: Path, target: Path) -> None:
    """Install the packages into a folder, by pip or uv. Raises CommandFailed."""
    for command in _installers():
        finished = subprocess.run(
            [*command, "--target", str(target), "--requirement", str(requirements)],
            capture_output=True,
            text=True,
            check=False,
        )
        if finished.returncode == 0:
            return
        if "No module named" not in finished.stderr:
            raise CommandFailed(
                f"{requirements}: its packages cannot be installed\n{finished.stderr.strip()}"
            )
    raise CommandFailed(f"{requirements}: neither uv nor pip is there to install its packages")


def _installers() -> Iterator[list[str]]:
    yield [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
    uv = shutil.which("uv")
    if uv:
        yield [uv, "pip", "install", "--quiet", "--python", sys.executable]
