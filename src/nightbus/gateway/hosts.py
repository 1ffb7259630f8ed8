"""Finds the bucket in a host name: `bucket.localhost`, `bucket.s3.localhost`, `bucket.s3.us-east-1.example.org`."""

from __future__ import annotations

_PLAIN = {"localhost", "s3"}


def bucket_of(host: str) -> str | None:
    """Return the bucket in the host name, or None if the path has the bucket."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    if name.startswith("[") or name.replace(".", "").isdigit():
        return None
    labels = name.split(".")
    if "s3" in labels[1:]:
        return ".".join(labels[: labels.index("s3", 1)]) or None
    if labels[-1] == "localhost" and len(labels) > 1 and labels[0] not in _PLAIN:
        return ".".join(labels[:-1])
    return None
