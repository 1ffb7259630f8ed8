"""Hands a new environment its variables past the zygote, by a file without a name.

What a zygote has read stays in its memory, also where it was freed, and each process that it forks gets a copy of that.
So credentials and other variables of one function would be there for another one to find. The zygote only passes the
descriptor on, and the process that it has forked reads the file (`zygote/forked_process.py`).
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from typing import BinaryIO, cast


def variables_file(variables: Mapping[str, str]) -> BinaryIO:
    """Raises OSError. In memory, where the system can do that."""
    file = _nameless()
    file.write(json.dumps(dict(variables)).encode())
    file.flush()
    return file


def _nameless() -> BinaryIO:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("variables", os.MFD_CLOEXEC), "w+b")
    return cast(BinaryIO, tempfile.TemporaryFile())
