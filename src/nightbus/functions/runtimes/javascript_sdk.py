"""Provides the AWS SDK for JavaScript that Lambda has at /var/runtime/node_modules, as far as a function needs it.

AWS's folder holds some four hundred packages. Here a function's code is searched for the names of those that it does
not bring, and these are installed by npm, once for each set of them, into the user's cache. Code that puts the name of
a client together as it runs gets the clients of all services of a node.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from nightbus.functions.runtimes.installers import ends_with_this, installing_folder, shown_in_log
from nightbus.functions.runtimes.interface import CannotProvide

_CODE = (".js", ".mjs", ".cjs")
_NAMED = re.compile(
    rb"""["'`]((?:@aws-sdk|@smithy)/[a-z0-9][a-z0-9._-]{0,100}|aws-sdk)(?:/[^"'`]{0,200})?["'`]"""
)
_COMPUTED = re.compile(rb"""["'`]@aws-sdk/client-(?:\$\{|["'`])""")
# For code that puts the name of a client together as it runs, as the CDK's AwsCustomResource does: the clients of the
# services that a node has. AWS has all clients.
CLIENTS = tuple(
    f"@aws-sdk/client-{name}"
    for name in (
        "cloudcontrol", "cloudformation", "cloudtrail", "cloudwatch-logs", "ecr", "eventbridge", "iam", "kms",
        "lambda", "s3", "schemas", "secrets-manager", "sns", "sqs", "ssm", "sts",
    )
)  # fmt: skip
_LARGEST_FILE = 16 * 1024 * 1024
_MOST_READ = 64 * 1024 * 1024
_FIRST_WITH_V3 = 18
_INSTALL_SECONDS = 300


@lru_cache(maxsize=512)
def missing_packages(code: Path, layers: Path | None, major: int) -> tuple[str, ...]:
    """The packages of the SDK that the code names and neither it nor its layers have, sorted. `major` is that of the
    runtime's name: AWS has version 3 from nodejs18.x on, and version 2 before. Blocks."""
    folders = [code / "node_modules"]
    if layers is not None:
        folders += [layers / "nodejs" / f"node{major}" / "node_modules", layers / "nodejs" / "node_modules"]
    named = {name for name in _named_packages(code) if (name == "aws-sdk") is (major < _FIRST_WITH_V3)}
    return tuple(sorted(name for name in named if not any((folder / name).exists() for folder in folders)))


def _named_packages(code: Path) -> set[str]:
    found: set[str] = set()
    room = _MOST_READ
    for path in _code_files(code):
        size = path.stat().st_size
        if size <= min(_LARGEST_FILE, room):
            room -= size
            text = path.read_bytes()
            found |= {
                name for match in _NAMED.finditer(text) if not (name := match[1].decode()).endswith("-")
            }
            if _COMPUTED.search(text):
                found |= set(CLIENTS)
    return found


def _code_files(code: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(code):
        folders[:] = [name for name in folders if name != "node_modules"]
        yield from (Path(parent, name) for name in files if name.endswith(_CODE))


def runtime_folder(cache: Path, client: Path, packages: Iterable[str], node: Path) -> Path:
    """A folder with the Runtime API client and the packages. Raises CannotProvide. Blocks, maybe for minutes."""
    names = sorted(packages)
    digest = hashlib.sha256("\0".join(names).encode())
    for path in sorted(client.iterdir()):
        digest.update(path.read_bytes())
    folder = cache / f"nodejs-{digest.hexdigest()[:24]}"
    if folder.is_dir():
        return folder
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = installing_folder(cache)
    try:
        with shown_in_log(f"{', '.join(names)} for Node.js"):
            _install(node, names, temporary)
        for path in client.iterdir():
            shutil.copyfile(path, temporary / path.name)
        temporary.chmod(0o755)
        temporary.rename(folder)
    except OSError as failure:
        if not folder.is_dir():  # else somebody was faster
            raise CannotProvide(str(failure)) from failure
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _install(node: Path, names: list[str], target: Path) -> None:
    beside = node.with_name("npm")
    npm = str(beside) if beside.exists() else shutil.which("npm")
    if npm is None:
        raise CannotProvide("npm is not on this machine")
    options = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"]
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    try:
        done = subprocess.run(
            [*ends_with_this(), npm, "install", "--prefix", str(target), *options, *names],
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            cwd=target,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise CannotProvide(str(failure)) from failure
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise CannotProvide(f"npm: {lines[0].removeprefix('npm error ') if lines else done.returncode}")
