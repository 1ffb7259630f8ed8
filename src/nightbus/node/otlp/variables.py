"""Reads OpenTelemetry's variables: whether there is somebody to export to.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/ and
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/. Where, how and with which headers is
read by OpenTelemetry's own exporters; here is what the node has to know before it imports them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib.util import find_spec
from typing import NamedTuple

log = logging.getLogger("nightbus.otlp")

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_INTERVAL_MS = 60_000
_MISSING = "OTLP is set, but the packages that speak it are not installed: pip install 'nightbus[otel]'"


class Otlp(NamedTuple):
    """What is exported, and how often metrics are. `unspoken` is a protocol that was asked for and is not spoken."""

    spans: bool = False
    metrics: bool = False
    interval_ms: int = _INTERVAL_MS
    unspoken: str = ""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Otlp:
        if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
            return cls()
        spans, metrics = _wanted(environ, "TRACES"), _wanted(environ, "METRICS")
        protocol = environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        if (spans or metrics) and protocol != "http/protobuf":
            return cls(unspoken=protocol)
        interval = environ.get("OTEL_METRIC_EXPORT_INTERVAL", "")
        return cls(spans, metrics, int(interval) if interval.isdecimal() and int(interval) else _INTERVAL_MS)


def _wanted(environ: Mapping[str, str], signal: str) -> bool:
    is_set = environ.get(_ENDPOINT) or environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    return bool(is_set) and environ.get(f"OTEL_{signal}_EXPORTER", "otlp") == "otlp"


def otlp_wanted(environ: Mapping[str, str]) -> Otlp:
    """What is to be exported: nothing, with a line in the log, where it cannot be."""
    wanted = Otlp.of(environ)
    if wanted.unspoken:
        log.warning("OTLP by %s is not spoken here, only http/protobuf: nothing is exported", wanted.unspoken)
    elif (wanted.spans or wanted.metrics) and not _has_packages():
        log.warning(_MISSING)
        return Otlp()
    return wanted


def _has_packages() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False
