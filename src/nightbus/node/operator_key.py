"""Proves that a request comes from whoever runs the node: a key in the data folder, new with each start.

The folder is its owner's alone and hidden from functions, so neither a function nor another user can show the key, nor
can a web page. What the key opens is for the command line only, whatever access keys and policies say.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

OPERATOR_HEADER = "x-nightbus-operator-key"
_NAME = "operator.key"


def write_operator_key(folder: Path) -> str:
    """The key of this start. Where it cannot be written, the disk being full say, nobody can show it."""
    key = secrets.token_urlsafe(32)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.suppress(OSError), os.fdopen(os.open(folder / _NAME, flags, 0o600), "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(key)
    return key


def read_operator_key(folder: Path) -> str:
    """Raises OSError."""
    return (folder / _NAME).read_text()
