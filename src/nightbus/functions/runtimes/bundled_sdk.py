"""Finds out whether a function brings an SDK that does not know where the node is.

botocore reads `AWS_ENDPOINT_URL` since 1.31 (boto3 1.28, July 2023); an older one calls AWS itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_FIRST_THAT_KNOWS = (1, 31)
_VERSION = re.compile(rb"^__version__ = ['\"](\d{1,4})\.(\d{1,4})([\w.]{0,20})['\"]", re.MULTILINE)
_MOST_READ = 64 * 1024


def note_on_sdk(code: Path, layers: Path | None, minor: str) -> str:
    """What the function's log is told; "" where its botocore is new enough, or is not its own.

    `layers` is the folder that becomes /opt, `minor` the Python that runs the function ("3.11"). Blocks.
    """
    for folder in _import_paths(code, layers, minor):
        try:
            with (folder / "botocore" / "__init__.py").open("rb") as file:
                found = _VERSION.search(file.read(_MOST_READ))
        except OSError:
            continue
        if found is None or (int(found[1]), int(found[2])) >= _FIRST_THAT_KNOWS:
            return ""
        version = b".".join(found.groups()[:2]) + found[3]
        return (
            f"Nightbus: this function brings botocore {version.decode()}, which does not read AWS_ENDPOINT_URL and "
            "calls AWS instead of this node. Bring boto3 1.28 or newer, or none, or give clients "
            'endpoint_url=os.environ["AWS_ENDPOINT_URL"].'
        )
    return ""


def _import_paths(code: Path, layers: Path | None, minor: str) -> Iterator[Path]:
    """In the order in which Python looks there."""
    yield code
    if layers is not None:
        yield layers / "python" / "lib" / f"python{minor}" / "site-packages"
        yield layers / "python"
