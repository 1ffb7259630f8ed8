"""Packs installed packages into the zip of a function, for tests of libraries that run inside functions."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import PurePosixPath

_LEFT_OUT = ("__pycache__", "..")


def package_with(*distributions: str, prefix: str = "", **files: str) -> bytes:
    """The zip with all files of the distributions below `prefix`, and these files (`app` is `app.py`)."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in distributions:
            for path, data in _files_of(name).items():
                archive.writestr(f"{prefix}{path}", data)
        for module, text in files.items():
            archive.writestr(f"{module}.py", text)
    return packed.getvalue()


def _files_of(distribution: str) -> Mapping[str, bytes]:
    found = metadata.distribution(distribution).files or []
    return {
        str(PurePosixPath(path)): path.read_binary()
        for path in found
        if not any(part in _LEFT_OUT for part in path.parts)
    }
