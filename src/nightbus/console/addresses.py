"""Says where the console is: below a host name of its own on this machine, where nothing else is served.

Cookies are kept by host, whatever the port, and pages of users (objects of buckets) come from 127.0.0.1 and localhost:
so a browser of this machine is sent to `nightbus.localhost`, which browsers resolve to this machine by themselves. On
that host the node answers nothing outside `/_nightbus/` (`node/application.py`). A node that is reached by another
name has its console there, and what it serves of users has an opaque origin (docs/security.md).
Source: https://www.rfc-editor.org/rfc/rfc6761#section-6.3 (names below localhost).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.gateway.hosts import CONSOLE_HOST

_ALSO_HERE = ("localhost", "127.0.0.1", "::1")


def address_elsewhere(asgi: Mapping[str, Any]) -> str | None:
    """Where to go with a request for a page that came to another name of this machine; None where it may stay."""
    host = host_of(asgi)
    name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    name = name or host
    if asgi.get("scheme") == "https" or name.strip("[]") not in _ALSO_HERE:
        return None
    query = asgi["query_string"].decode("latin-1")
    raw: bytes = asgi.get("raw_path") or asgi["path"].encode()
    port_text = f":{port}" if port.isdecimal() else ""
    return f"http://{CONSOLE_HOST}{port_text}{raw.decode('latin-1')}" + (f"?{query}" if query else "")


def host_of(asgi: Mapping[str, Any]) -> str:
    """The request's Host in lower case, with its port."""
    return next((value.decode("latin-1").lower() for name, value in asgi["headers"] if name == b"host"), "")
