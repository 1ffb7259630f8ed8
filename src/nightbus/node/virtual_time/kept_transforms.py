"""Keeps the results of the SAM transform in a folder, for tests: they deploy the same templates again and again.

The transform takes most of a second, and depends on nothing but its arguments and the version of the translator.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nightbus.stacks.templates.sam import transform_sam


class KeptTransforms:
    """`folder` may be deleted at any time, and may be shared by several nodes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def transform(
        self, document: Mapping[str, Any], parameters: Mapping[str, Any], region: str
    ) -> dict[str, Any]:
        """As `transform_sam`. Raises AwsError, which is not kept."""
        made_of = [version("aws-sam-translator"), document, parameters, region]
        digest = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()
        file = self._folder / f"sam-{digest[:32]}.json"
        try:
            kept: dict[str, Any] = json.loads(await asyncio.to_thread(file.read_bytes))
            return kept
        except (OSError, ValueError):
            pass
        result = await transform_sam(document, parameters, region)
        with contextlib.suppress(OSError):  # it is made anew the next time
            await asyncio.to_thread(_keep, file, json.dumps(result).encode())
        return result


def _keep(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".sam-", dir=file.parent)
    with os.fdopen(handle, "wb") as sink:
        sink.write(data)
    Path(temporary).replace(file)
