"""Finds what a host name stands for: a bucket, a function URL, or the web console.

A bucket: `bucket.localhost`, `bucket.s3.localhost`, `bucket.s3.us-east-1.example.org`. A function URL:
`<id>.lambda-url.<region>.localhost`, and the same below any other name of the node.
"""

from __future__ import annotations

from typing import NamedTuple

CONSOLE_HOST = "nightbus.localhost"  # of the web console on this machine, where nothing else is served
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


class UrlHost(NamedTuple):
    """The host of a function URL. `name` is all of it without the port, `below` the name of the node."""

    id: str
    region: str
    name: str
    below: str


def function_url_of(host: str) -> UrlHost | None:
    """Return what the host of a function URL says, whether there is such a URL or not; None for another host."""
    name = host.lower()
    if ".lambda-url." not in name:
        return None
    name = name.partition(":")[0].rstrip(".")
    labels = name.split(".")
    if len(labels) < 4 or labels[1] != "lambda-url":
        return None
    return UrlHost(labels[0], labels[2], name, ".".join(labels[3:]))


def is_console_host(host: str) -> bool:
    """Return whether the host, with or without a port, is the console's on this machine. A bucket of that name is
    reached by its path."""
    return host.lower().partition(":")[0].rstrip(".") == CONSOLE_HOST


def is_below_console_host(host: str) -> bool:
    """Return whether the host is a name below the console's, where nothing is served: a page there could set cookies
    for the console."""
    return host.lower().partition(":")[0].rstrip(".").endswith("." + CONSOLE_HOST)
