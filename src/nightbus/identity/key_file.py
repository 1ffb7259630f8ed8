"""Reads and writes access keys in files of the form of `~/.aws/credentials`, one section for each key.

The node keeps its administrators' keys in such a file, `credentials` in its data folder, so that AWS's tools can read
it as it is (`AWS_SHARED_CREDENTIALS_FILE`, profile `nightbus`); `nightbus configure` writes the same section into the
user's own file.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, TypedDict

from nightbus.aws.grammar import DEFAULT_ACCOUNT


class _Encoding(TypedDict):
    encoding: str
    errors: str


FILE_NAME = "credentials"
PROFILE = "nightbus"
_ANY_BYTES: Final[_Encoding] = {"encoding": "utf-8", "errors": "surrogateescape"}
_UNVERIFIED_SECRET = "nightbus"  # noqa: S105 - any would do
_ID, _SECRET = "aws_access_key_id", "aws_secret_access_key"


class AccessKey(NamedTuple):
    """A long-term access key with its secret. Its text does not show the secret."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"AccessKey({self.id!r})"

    @property
    def section(self) -> dict[str, str]:
        return {_ID: self.id, _SECRET: self.secret}


def dev_key(account: str) -> AccessKey:
    """Return the key of an account that a node with `dev_credentials` accepts without having issued it."""
    return AccessKey(account, _UNVERIFIED_SECRET)


def profile_of(account: str) -> str:
    """Return the name of the account's section: `nightbus`, with the account's number unless it is the default one."""
    return PROFILE if account == DEFAULT_ACCOUNT else f"{PROFILE}-{account}"


def read_key(file: Path, section: str) -> AccessKey | None:
    """Return the key of a section, None if the file or the section does not exist, or has no key. Raises OSError."""
    values = read_section(file, section) or {}
    return AccessKey(values[_ID], values[_SECRET]) if values.keys() >= {_ID, _SECRET} else None


def read_section(file: Path, section: str) -> dict[str, str] | None:
    """Return the values of a section, None if the file or the section does not exist. Raises OSError."""
    try:
        lines = file.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return None
    values: dict[str, str] | None = None
    inside = False
    for line in lines:
        header = _header(line)
        if header is not None:
            inside = header == section
            values = values or {} if inside else values
        elif inside and values is not None and not line.lstrip().startswith(("#", ";")):
            name, equals, value = line.partition("=")
            values |= {name.strip().lower(): value.strip()} if equals else {}
    return values


def write_section(file: Path, section: str, values: Mapping[str, str]) -> None:
    """Make the section have exactly `values`, and leave the rest of the file as it is. Raises OSError.

    The file is replaced in one step, so that a reader never sees a part of it; a new one has mode 0600. A symbolic link
    is followed. Other lines may have any bytes, as those of an older encoding.
    """
    try:
        target = file.resolve()
    except RuntimeError as loop:  # of symbolic links
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(file)) from loop
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = target.read_text(**_ANY_BYTES) if target.exists() else ""
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "w", **_ANY_BYTES) as temporary:
            temporary.write(with_section(text, section, values))
            temporary.flush()
            os.fsync(temporary.fileno())
        Path(name).chmod(mode)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


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
