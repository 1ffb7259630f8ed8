"""Says where a cluster's blobs lie and where a node keeps copies of them, as its settings do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from nightbus.store.postgres.blob_cache import DEFAULT_BYTES

_DATABASE = "database"
_OPTIONS = {"endpoint", "region"}


@dataclass(frozen=True, slots=True)
class Bucket:
    """`prefix` begins the keys of all objects. `endpoint` is the URL of a service with S3's protocol, None for AWS's
    own."""

    name: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class BlobPlaces:
    """`home` takes new blobs: a folder that all nodes share, or a bucket; None for the database. `cache` is the folder
    of this node's copies, None for none; `cache_bytes` is its size."""

    home: Path | Bucket | None = None
    cache: Path | None = None
    cache_bytes: int = DEFAULT_BYTES


def blob_home(text: str) -> Path | Bucket | None:
    """What a setting says: `database`, the path of a folder, or `s3://bucket/prefix?endpoint=...&region=...`.

    Raises ValueError, whose text is for the user.
    """
    if text in ("", _DATABASE):
        return None
    if not text.startswith("s3:"):
        folder = Path(text)
        if not folder.is_absolute():
            raise ValueError(f"{text!r} is not `database`, the full path of a folder, or s3://bucket/prefix")
        return folder
    parts = urlsplit(text)
    options = parse_qs(parts.query, keep_blank_values=True)
    if parts.scheme != "s3" or not parts.netloc or parts.username is not None or set(options) - _OPTIONS:
        raise ValueError("it is not like s3://bucket/prefix?endpoint=https://s3.example&region=eu-west-1")
    chosen = {name: values[-1] or None for name, values in options.items()}
    return Bucket(parts.netloc, parts.path.lstrip("/"), chosen.get("endpoint"), chosen.get("region"))
