"""Makes the zips of an application's functions: what a build has added, with the sources of now over it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from nightbus.cli.commands.artefacts import archive, install_requirements, source_files
from nightbus.cli.dev.sources import Application, Source, read_application
from nightbus.cli.errors import CommandFailed
from nightbus.cli.zip_files import ZipWriter

_LAST_LINES = 15


class Packages:
    """The packages of one application. Removes what it has installed when it is closed.

    `say` prints a line about a build.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._writer = ZipWriter()
        self._added: dict[tuple[str, ...], list[tuple[Path, str]]] = {}
        self._by_folder: dict[Path, Source] = {}
        self._installed: dict[str, Path] = {}
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    def build(self, template: Path, application: Application) -> Path:
        """Build what cannot be packaged as it is, and return the template to deploy. Raises CommandFailed."""
        needed = [source for source in application.sources if source.build_reason]
        self._added, self._by_folder = {}, {source.folder: source for source in application.sources}
        if not needed:
            return template
        sam = shutil.which("sam")
        if sam:
            return self._build_by_sam(sam, template, application, needed)
        for source in needed:
            if source.build_reason != "requirements.txt":
                raise CommandFailed(
                    f"{source.path[-1]} needs sam build ({source.build_reason}), and the SAM CLI is not installed: "
                    "pip install aws-sam-cli"
                )
            self._added[source.path] = self._requirements(source)
        return template

    def zip_of(self, source: Source) -> bytes:
        """Raises CommandFailed, OSError."""
        if source.folder.is_file():
            return archive(source.folder)
        files = {name: path for path, name in self._added.get(source.path, [])}
        files |= {name: path for path, name in source_files(source.folder)}
        return self._writer.write([(path, name) for name, path in sorted(files.items())])

    def zip_of_folder(self, folder: Path) -> bytes:
        """The zip for a local folder or file that the deployed template names."""
        source = self._by_folder.get(folder)
        if source is None or source.compiled or (source.build_reason and not source.is_function):
            return archive(folder) if folder.is_file() else self._writer.write(source_files(folder))
        return self.zip_of(source)

    def close(self) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()

    def _build_by_sam(self, sam: str, template: Path, application: Application, needed: list[Source]) -> Path:
        reasons = ", ".join(f"{source.path[-1]}: {source.build_reason}" for source in needed)
        self._say(f"sam build ({reasons}) ...")
        folder = template.parent / ".aws-sam" / "build"
        done = subprocess.run(
            [sam, "build", "--cached", "--template-file", str(template), "--build-dir", str(folder)],
            cwd=template.parent,
            env=_with_interpreters({source.runtime for source in needed}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-_LAST_LINES:])
            raise CommandFailed(f"sam build failed\n{said}")
        built = folder / "template.yaml"
        folders = {source.path: source.folder for source in read_application(built).sources}
        for source in application.sources:
            target = folders.get(source.path, source.folder)
            self._by_folder[target] = source
            if source.is_function and not source.compiled and target != source.folder:
                own = {name for _, name in source_files(source.folder)}
                self._added[source.path] = [pair for pair in source_files(target) if pair[1] not in own]
        return built

    def _requirements(self, source: Source) -> list[tuple[Path, str]]:
        """What its requirements.txt installs, once for each text of that file."""
        file = source.folder / "requirements.txt"
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        if digest not in self._installed:
            self._say(f"installing the packages of {source.path[-1]}'s requirements.txt ...")
            self._temporary = self._temporary or tempfile.TemporaryDirectory(prefix="nightbus-dev-")
            target = Path(self._temporary.name) / digest[:16]
            install_requirements(file, target)
            self._installed[digest] = target
        return source_files(self._installed[digest])


def _with_interpreters(runtimes: set[str]) -> dict[str, str]:
    """This process's variables, with the Pythons of the runtimes on PATH: sam build wants the very one."""
    from nightbus.functions.runtimes.python import candidates

    folders: list[str] = []
    for runtime in sorted(runtimes):
        if runtime.startswith("python"):
            folders += [str(path.parent) for path in candidates(runtime)]
    path = os.pathsep.join([os.environ.get("PATH", ""), *folders])
    return {**os.environ, "PATH": path, "SAM_CLI_TELEMETRY": "0"}
