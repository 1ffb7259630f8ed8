"""Makes the zips of functions, and keeps on disk what takes long: installed requirements, and zips that have some.

They lie in the folder of `cache`, by a digest of all that they are made of, and may be deleted at any time.
"""

from __future__ import annotations

import compileall
import hashlib
import importlib.util
import os
import py_compile
import shutil
import sys
import tempfile
from pathlib import Path

from nightbus.cli.commands.artefacts import archive, install_requirements, source_files
from nightbus.cli.zip_files import ZipWriter
from nightbus.testing.cache import cache_folder

_UNCHECKED = py_compile.PycInvalidationMode.UNCHECKED_HASH
_FORM = "2"  # of the zips; another one where they are made otherwise


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
            # Compiled once and for all, else each function of each run of the tests would compile them again.
            compileall.compile_dir(
                target, quiet=2, stripdir=target, prependdir="/var/task", invalidation_mode=_UNCHECKED
            )
            for source, name in source_files(path):
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target / name)
                compiled = Path(importlib.util.cache_from_source(str(target / name)))
                compiled.unlink(missing_ok=True)
            files = [(file, str(file.relative_to(target))) for file in target.rglob("*") if file.is_file()]
            _keep(zipped, ZipWriter().write(sorted(files, key=lambda pair: pair[1])))
    return zipped.read_bytes()


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
    digest = hashlib.sha256(f"{_FORM} {sys.version_info[:2]} {sys.platform}".encode())
    for path, name in source_files(folder):
        digest.update(f"\0{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]


def _keep(file: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=".zip-", dir=file.parent)
    with os.fdopen(handle, "wb") as sink:
        sink.write(data)
    Path(temporary).replace(file)
