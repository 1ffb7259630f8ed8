"""Reads the setting `forward`: where the targets of each other service are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from nightbus.delivery.forwarding.interface import AWS
from nightbus.delivery.forwarding.kinds import SETTINGS


def forwards_from(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Service and endpoint, checked. Raises ValueError, whose text ends a sentence that names the setting."""
    endpoints = {}
    for service, endpoint in pairs:
        if service not in SETTINGS:
            raise ValueError(
                f"{service!r} is no service that events are forwarded to; known are {', '.join(SETTINGS)}"
            )
        if endpoint != AWS and not _is_url(endpoint):
            raise ValueError(f"{service} is neither a URL nor {AWS}: {endpoint!r}")
        endpoints[service] = endpoint.rstrip("/")
    return endpoints


def forwards_in(text: str) -> dict[str, str]:
    """`states=http://127.0.0.1:8083,kinesis=aws`. Raises ValueError."""
    pairs = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        service, equals, endpoint = part.partition("=")
        if not equals:
            raise ValueError(f"{part!r} is not of the form service=URL or service={AWS}")
        pairs.append((service.strip(), endpoint.strip()))
    return forwards_from(pairs)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def missing(target_arn: str, service: str, endpoints: Mapping[str, str]) -> str:
    """Why a target cannot be reached, and what to set."""
    named = f" (set are {', '.join(sorted(endpoints))})" if endpoints else ""
    return (
        f"Target {target_arn} belongs to {service}, which is not part of Nightbus{named}. Name its endpoint by "
        f"--forward {service}=URL, or {service}={AWS} for AWS itself; also NIGHTBUS_FORWARD, and [forward] in "
        f"nightbus.toml."
    )
