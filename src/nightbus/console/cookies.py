"""Reads and writes the cookie of a session.

Its name has the node's port: browsers send a host's cookies to every port of it, and two nodes on one machine have one
host. Nodes that share a store have one name, which follows from their vault's key: a load balancer may give a request
to any of them. By TLS the name begins with `__Host-`, so that no page of a name below this one can set it.
Source: https://www.rfc-editor.org/rfc/rfc6265 and draft-ietf-httpbis-rfc6265bis, section 4.1.3.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

_MOST = 10


def set_cookie(asgi: Mapping[str, Any], value: str, cluster: str = "") -> tuple[bytes, bytes]:
    """The header that gives the cookie to the browser; with an empty value, the one that takes it away.

    `cluster` tells the node's cluster from others; empty for a node on a store of its own.
    """
    is_tls = asgi.get("scheme") == "https"
    path = "/; Secure" if is_tls else "/_nightbus/"
    ending = "" if value else "; Max-Age=0"
    return (
        b"set-cookie",
        f"{_name(asgi, cluster)}={value}; Path={path}; HttpOnly; SameSite=Strict{ending}".encode(),
    )


def cookies_of(asgi: Mapping[str, Any], cluster: str = "") -> Iterator[str]:
    """The values of the node's cookie in the request: more than one where somebody has set another. Only the first ones
    of many: a look at one that is not known may be a read of the store."""
    return itertools.islice(_all_of(asgi, _name(asgi, cluster)), _MOST)


def _all_of(asgi: Mapping[str, Any], wanted: str) -> Iterator[str]:
    for header, text in asgi["headers"]:
        if header == b"cookie":
            for one in text.decode("latin-1").split(";"):
                name, _, value = one.strip().partition("=")
                if name == wanted:
                    yield value


def _name(asgi: Mapping[str, Any], cluster: str) -> str:
    server = asgi.get("server") or ("", 0)
    return f"{'__Host-' if asgi.get('scheme') == 'https' else ''}nightbus-{cluster or server[1]}"
