"""Defines the request that the protocols parse, independent of the HTTP server."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import parse_qsl, unquote

_LONGEST_SCOPE = 512  # characters
_WITHOUT_REGION = "AWS4-ECDSA"  # SigV4A, whose scope has no region
_MOST_FIELDS = 20_000  # of a form or a URL; the largest lists of the models have fewer


@dataclass(slots=True)
class WireRequest:
    """A request. `path` is percent-encoded; `headers` have names in lower case. `body` is b"" if it is streamed.

    `raw_path` and `raw_query` are those of the request line; routing puts the bucket of the host into `path`. `headers`
    have the last value of a name, and `repeated` all values of a name that came several times, joined by commas.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    labels: dict[str, str] = field(
        default_factory=dict
    )  # the values of the labels of the operation's URI template
    query_lists: Mapping[str, list[str]] = field(default_factory=dict)
    credential: Credential | None = None  # computed at its first use
    parsed_form: dict[str, str] | None = None  # likewise
    raw_path: str = ""
    raw_query: str = ""
    repeated: Mapping[str, str] = field(default_factory=dict)

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def authorization(self) -> Credential:
        if self.credential is None:
            self.credential = Credential.of(self)
        return self.credential

    def form(self) -> dict[str, str]:
        """Return the form in the body, with the last value of each name; {} without a body.

        Raises ValueError for too many fields.
        """
        if self.parsed_form is None:
            text = self.body.decode("utf-8", "replace")
            self.parsed_form = parse_query(text)[0] if text else {}
        return self.parsed_form


def parse_query(raw: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the last value of each name, and all values of each name. Raises ValueError if there are too many."""
    lists: dict[str, list[str]] = {}
    for name, value in parse_qsl(raw, keep_blank_values=True, max_num_fields=_MOST_FIELDS):
        lists.setdefault(name, []).append(value)
    return {name: values[-1] for name, values in lists.items()}, lists


def repeated_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the values of each header that came several times, joined by commas."""
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1").strip())
    return {name: ",".join(several) for name, several in values.items() if len(several) > 1}


@dataclass(frozen=True)
class Credential:
    """The credential scope in the header or the query: `AKID/20260101/us-east-1/events/aws4_request`."""

    access_key: str = ""
    region: str = ""
    service: str = ""
    malformed: bool = False  # the scope has a wrong number of parts

    @classmethod
    def of(cls, request: WireRequest) -> Credential:
        header = request.headers.get("authorization", "")
        if header:
            return cls._of_header(header)
        scope = request.query.get("X-Amz-Credential")
        if scope:
            algorithm = request.query.get("X-Amz-Algorithm", "")
            return cls._of_scope(unquote(scope), algorithm.startswith(_WITHOUT_REGION))
        if "AWSAccessKeyId" in request.query:  # version 2, which names no service; only S3 has no `Action`
            return cls(request.query["AWSAccessKeyId"], "", "" if "Action" in request.query else "s3")
        return cls()

    @classmethod
    def _of_header(cls, header: str) -> Credential:
        at = header.find("Credential=")
        if at >= 0:
            scope = header[at + 11 :].split(",", 1)[0].split(" ", 1)[0]
            return cls._of_scope(scope, header.startswith(_WITHOUT_REGION))
        if header.startswith("AWS "):
            return cls(header[4:].split(":", 1)[0], "", "s3")
        return cls()

    @classmethod
    def _of_scope(cls, scope: str, without_region: bool) -> Credential:
        if len(scope) > _LONGEST_SCOPE:  # which is not worth remembering
            return cls(scope[:_LONGEST_SCOPE], malformed=True)
        return cls._read_scope(scope, without_region)

    @classmethod
    @functools.lru_cache(maxsize=1024)
    def _read_scope(cls, scope: str, without_region: bool) -> Credential:
        parts = scope.split("/")
        if len(parts) == 5:
            return cls(parts[0], parts[2], parts[3])
        if len(parts) == 4 and without_region:
            return cls(parts[0], "", parts[2])
        return cls(parts[0], service="".join(parts[3:4]), malformed=True)

    @cached_property
    def is_given(self) -> bool:
        return bool(self.access_key)
