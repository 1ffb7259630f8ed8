"""Makes the zips of functions, and keeps on disk what takes long: installed requirements, and zips that have some.

They lie in the user's cache folder (`XDG_CACHE_HOME`, else `~/.cache`), under `nightbus/testing`, by a digest of all
that they are made of, and may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from nightbus.cli.commands.artefacts import archive, install_requirements, source_files
from nightbus.cli.zip_files import ZipWriter


def cached_archive(path: Path) -> bytes:
    """Return the zip of a local folder or file, with the packages of its `requirements.txt`. Raises CommandFailed.

    The packages are those for the Python that runs the tests, so that the function's runtime should be the same.
    """
    requirements = path / "requirements.txt"
    if path.is_file() or not requirements.is_file() or not requirements.read_text().strip():
        return archive(path)
    zipped = cache_folder() / f"{_digest(path)}.zip"
    if not zipped.is_file():
        with tempfile.TemporaryDirectory(prefix="nightbus-package-") as temporary:
            target = Path(temporary) / "package"
            shutil.copytree(_installed(requirements), target)
            for source, name in source_files(path):
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target / name)
            _keep(zipped, ZipWriter().write(source_files(target)))
    return zipped.read_bytes()


def cache_folder() -> Path:
    """Return the folder, which is there then."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(caches) / "nightbus" / "testing"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _installed(requirements: Path) -> Path:
    made_of = f"{sys.version_info[:2]} {sys.platform} ".encode() + requirements.read_bytes()
    folder = cache_folder() / f"requirements-{hashlib.sha256(made_of).hexdigest()[:32]}"
    if not folder.is_dir():
        with tempfile.TemporaryDirectory(prefix=".installing-", dir=folder.parent) as temporary:
            target = Path(temporary) / "packages"
            target.mkdir()
            install_requirements(requirements, target)
            if not folder.is_dir():  # else another worker of pytest-xdist was faster
                try:
                    target.rename(folder)
                except OSError:
                    if not folder.is_dir():
                        raise
    return folder


def _digest(folder: Path) -> str:
    digest = hashlib.sha256(f"{sys.version_info[:2]} {sys.platform}".encode())
    for path, name in source_files(folder):
        digest.update(f"\0{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]


def _keep(file: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=".zip-", dir=file.parent)
    with os.fdopen(handle, "wb") as sink:
        sink.write(data)
    Path(temporary).replace(file)
