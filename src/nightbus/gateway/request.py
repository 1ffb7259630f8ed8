"""Holds a request as the protocols see it, once HTTP is behind it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import parse_qsl, unquote

_MOST_FIELDS = 20_000  # of a form or a URL; the largest lists of the models have fewer


@dataclass(slots=True)
class WireRequest:
    """`path` is still percent-encoded; `headers` have lower-case names. `body` is b"" while it is streamed."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    labels: dict[str, str] = field(
        default_factory=dict
    )  # what the operation's URI template found in the path
    query_lists: Mapping[str, list[str]] = field(default_factory=dict)
    credential: Credential | None = None  # read from the rest at its first use
    parsed_form: dict[str, str] | None = None  # likewise

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def authorization(self) -> Credential:
        if self.credential is None:
            self.credential = Credential.of(self)
        return self.credential

    def form(self) -> dict[str, str]:
        """The body of a form, the last value of each name; {} without a body. Raises ValueError for too many fields."""
        if self.parsed_form is None:
            text = self.body.decode("utf-8", "replace")
            self.parsed_form = parse_query(text)[0] if text else {}
        return self.parsed_form


def parse_query(raw: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The last value of each name, and all of them. Raises ValueError where there are too many."""
    lists: dict[str, list[str]] = {}
    for name, value in parse_qsl(raw, keep_blank_values=True, max_num_fields=_MOST_FIELDS):
        lists.setdefault(name, []).append(value)
    return {name: values[-1] for name, values in lists.items()}, lists


@dataclass(frozen=True)
class Credential:
    """Who says to have signed: `AKID/20260101/us-east-1/events/aws4_request`, in the header or the query."""

    access_key: str = ""
    region: str = ""
    service: str = ""
    malformed: bool = False  # its scope has another number of parts

    @classmethod
    def of(cls, request: WireRequest) -> Credential:
        header = request.headers.get("authorization", "")
        if header:
            return cls._of_header(header)
        scope = request.query.get("X-Amz-Credential")
        if scope:
            return cls._of_scope(unquote(scope))
        if "AWSAccessKeyId" in request.query:  # version 2, which names no service; only S3 has no `Action`
            return cls(request.query["AWSAccessKeyId"], "", "" if "Action" in request.query else "s3")
        return cls()

    @classmethod
    def _of_header(cls, header: str) -> Credential:
        at = header.find("Credential=")
        if at >= 0:
            return cls._of_scope(header[at + 11 :].split(",", 1)[0].split(" ", 1)[0])
        if header.startswith("AWS "):
            return cls(header[4:].split(":", 1)[0], "", "s3")
        return cls()

    @classmethod
    @functools.lru_cache(maxsize=1024)
    def _of_scope(cls, scope: str) -> Credential:
        parts = scope.split("/")
        if len(parts) == 5:
            return cls(parts[0], parts[2], parts[3])
        if len(parts) == 4:  # SigV4A has no region in its scope
            return cls(parts[0], "", parts[2])
        return cls(parts[0], malformed=True)

    @cached_property
    def is_given(self) -> bool:
        return bool(self.access_key)
