"""Writes the canonical request and the string to sign of signature version 4.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
Everything is Latin-1, so that a header's bytes are signed as they came.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote, unquote_to_bytes

from nightbus.gateway.signatures.signing_keys import sha256

ALGORITHM = "AWS4-HMAC-SHA256"
_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]*")
_PATH = re.compile(r"[A-Za-z0-9_.~/-]*")
_BLANKS = re.compile(r"[ \t]{2,}|\t")


def canonical_request(
    method: str, path: str, query: str, headers: Mapping[str, str], signed: Sequence[str], payload: str
) -> str:
    """Return the canonical request. `path` and `query` are canonical already; a header that is not there is empty."""
    lines = "".join([f"{name}:{header_value(headers.get(name, ''))}\n" for name in signed])
    return f"{method}\n{path}\n{query}\n{lines}\n{';'.join(signed)}\n{payload}"


def string_to_sign(timestamp: str, scope: str, canonical: str) -> str:
    return f"{ALGORITHM}\n{timestamp}\n{scope}\n{sha256(canonical.encode('latin-1', 'replace'))}"


def header_value(value: str) -> str:
    """Return the value without blanks around it, and with one for several."""
    return _BLANKS.sub(" ", value.strip(" \t")) if "  " in value or "\t" in value else value.strip(" ")


def s3_path(path: str) -> str:
    """Return the path of the URL as S3 signs it: encoded once, and nothing normalised."""
    if _PATH.fullmatch(path):
        return path or "/"
    return quote(unquote_to_bytes(path.encode("latin-1", "replace")), safe="/-_.~")


def service_path(path: str) -> str:
    """Return the path of the URL as all other services sign it: normalised, and encoded once more."""
    plain = normalised(path)
    return plain if _PATH.fullmatch(plain) else quote(plain.encode("latin-1", "replace"), safe="/-_.~")


def normalised(path: str) -> str:
    """Return the path without empty segments, `.` and `..` (RFC 3986, section 5.2.4)."""
    if "//" not in path and "/." not in path:
        return path or "/"
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment and segment != ".":
            kept.append(segment)
    end = "/" if kept and path.endswith("/") else ""
    return f"/{'/'.join(kept)}{end}"


def canonical_query(query: str, left_out: str = "") -> str:
    """Return the parameters sorted by name and value. `left_out` is one that cannot sign itself."""
    if not query:
        return ""
    pairs = []
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((_encoded(name), _encoded(value)))
    return "&".join([f"{name}={value}" for name, value in sorted(pairs) if name != left_out])


def _encoded(text: str) -> str:
    """Return a name or a value with the one encoding that the canonical query has. A plus stands for a blank."""
    if _UNRESERVED.fullmatch(text):
        return text
    raw = unquote_to_bytes(text.replace("+", " ").encode("latin-1", "replace"))
    return quote(raw, safe="-_.~")
