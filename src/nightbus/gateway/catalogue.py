"""Finds the service of a request among all services of botocore.

It reads only the `metadata` of each model. So the error for a service that Nightbus does not have names the operation,
in that service's protocol.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from nightbus.gateway.models import service_files

_HEAD = 16_384


@dataclass(slots=True)
class Catalogue:
    """The names of services by their signing names, target prefixes and versions. Services may share a signing name."""

    by_target: dict[str, str] = field(default_factory=dict)
    by_signing_name: dict[str, list[str]] = field(default_factory=dict)
    by_version: dict[str, list[str]] = field(default_factory=dict)  # query services by API version

    @classmethod
    def read(cls) -> Catalogue:
        catalogue = cls()
        for name, file in service_files():
            catalogue._add(name, _metadata(file))
        for names in (*catalogue.by_signing_name.values(), *catalogue.by_version.values()):
            names.sort(key=_likely_first)
        return catalogue

    def _add(self, name: str, metadata: dict[str, str]) -> None:
        target = metadata.get("targetPrefix")
        if target:
            self.by_target.setdefault(target, name)
        signing = metadata.get("signingName") or metadata.get("endpointPrefix", name)
        self.by_signing_name.setdefault(signing, []).append(name)
        protocols = metadata.get("protocols") or [metadata.get("protocol", "")]
        if {"query", "ec2"} & set(protocols) or "awsQueryCompatible" in metadata:
            self.by_version.setdefault(metadata.get("apiVersion", ""), []).append(name)

    def signed_for(self, signing_name: str) -> Iterable[str]:
        return self.by_signing_name.get(signing_name, ())


def _likely_first(name: str) -> tuple[int, str]:
    return len(name), name


def _metadata(file: Path) -> dict[str, str]:
    """Return the model's `metadata` object, which is at or near the beginning of the file."""
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as source:
        head = source.read(_HEAD)
        start = head.find(b'"metadata"')
        if start < 0:
            metadata: dict[str, str] = orjson.loads(head + source.read())["metadata"]
            return metadata
    begin = head.index(b"{", start)
    depth = 0
    for at in range(begin, len(head)):
        depth += {0x7B: 1, 0x7D: -1}.get(head[at], 0)
        if depth == 0:
            parsed: dict[str, str] = orjson.loads(head[begin : at + 1])
            return parsed
    return {}
