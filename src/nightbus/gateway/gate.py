"""Decides which HTTP requests a node answers at all, before it reads their bodies or routes them.

A browser lets any page send requests to this machine, and some requests need no access key, or any key will do
(`dev_credentials`). The gate refuses requests of pages, by three rules over the headers alone:

1. `Host` names the node: a loopback name or address, `*.localhost`, the name it is bound to, the address at which the
   connection arrived, or one of `allowed_hosts`. This stops DNS rebinding: a page whose own name was pointed at a
   loopback address sends that name.
2. The page that sent the request, by `Origin`, or by `Referer` where a browser sends no `Origin` (images, frames), was
   served by the node itself or by one of `allowed_origins`. Command line tools and SDKs send neither header.
3. `Sec-Fetch-Site` is neither `cross-site` nor `same-site`, unless rule 2 found an allowed origin.

The gate does not look at credentials: a page may know a key, or hold a presigned link.

The host of a function URL is one of the node's names with the URL's id and region before it. What a function serves
there has an origin of its own, so rules 2 and 3 keep its pages from the API as they keep every other page. Of
requests to a function URL, `node/function_urls.py` may admit those that rules 2 and 3 refuse, by the URL's Cors; no
other request is admitted there. Source: Fetch Metadata (https://www.w3.org/TR/fetch-metadata/) and the Fetch
standard's `Origin` header.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from nightbus.aws.errors import AwsError
from nightbus.gateway.hosts import function_url_of

_FOREIGN_SITES = frozenset({b"cross-site", b"same-site"})
_WILDCARDS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - names of addresses, nothing is bound here
_HOST = re.compile(
    r"(?P<name>\[[0-9a-f:.]{2,45}\]|[a-z0-9_](?:[a-z0-9._-]{0,252}))(?::(?P<port>[0-9]{1,5}))?"
)
_ORIGIN_LENGTH = 2048


@dataclass(frozen=True, slots=True)
class Admission:
    """The gate's decision. `refusal` is the error to answer with, None for an admitted request; `allowed_origin` is the
    `Origin` of a request that the settings admit, whose response gets CORS headers. `is_of_page`: the request is
    refused
    since a page sent it, by rule 2 or 3, and not for its host."""

    refusal: AwsError | None = None
    allowed_origin: str | None = None
    is_of_page: bool = False


_ADMITTED = Admission()


class Gate:
    """Applies the rules. `bound` is the host of the settings; `hosts` are names, with a leading dot or `*.` for all
    names below them; `origins` are `scheme://host[:port]`, or `*` for every page (rule 1 still applies).
    """

    def __init__(self, bound: str, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        names = {host.lower() for host in hosts} | ({bound.lower()} - _WILDCARDS)
        self._names = frozenset(name for name in names if not name.startswith((".", "*.")))
        self._suffixes = tuple(name.lstrip("*") for name in names if name.startswith((".", "*.")))
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)
        self._is_own_name = functools.lru_cache(maxsize=256)(self._names_this_node)

    def admit(self, scope: Mapping[str, Any]) -> Admission:
        """Decide about the request of an ASGI `http` scope."""
        host = origin = referer = site = None
        for name, value in scope["headers"]:
            if name == b"host":
                if host is not None:
                    return _refused("The request has more than one Host header.")
                host = value
            elif name == b"origin":
                if origin is not None:
                    return _refused("The request has more than one Origin header.")
                origin = value
            elif name == b"referer":
                referer = value
            elif name == b"sec-fetch-site":
                site = value
        if host is None or not self._is_own_host(host, scope.get("server")):
            return _unknown_host(host)
        if origin is None and referer is None and site not in _FOREIGN_SITES:
            return _ADMITTED
        return self._judge_page(host.decode("latin-1"), origin, referer, site)

    def _judge_page(
        self, host: str, origin: bytes | None, referer: bytes | None, site: bytes | None
    ) -> Admission:
        page = _origin_of(origin if origin is not None else referer)
        if page is not None and self._allows(page):
            return Admission(None, None if origin is None else page)
        own = page is not None and page.partition("://")[2] == host.lower()
        if site in _FOREIGN_SITES or not (own or (page is None and origin is None)):
            return _foreign_page(page or "another site")
        return _ADMITTED

    def _allows(self, page: str) -> bool:
        return page in self._origins or ("*" in self._origins and page != "null")

    def _is_own_host(self, host: bytes, server: Any) -> bool:
        """Return whether `Host` names the node. `server` is ASGI's address and port at which the connection arrived."""
        return self._is_own_name(host) or (bool(server) and _same_address(_name_of(host), str(server[0])))

    def _names_this_node(self, host: bytes) -> bool:
        name = _name_of(host)
        if name is None:
            return False
        if name == "localhost" or name.endswith(".localhost") or name in self._names:
            return True
        url = function_url_of(name)
        if url is not None:
            return _address(url.below) is None and self._names_this_node(url.below.encode())
        address = _address(name)
        if address is not None:
            return address.is_loopback or any(_address(own) == address for own in self._names)
        return name.endswith(self._suffixes) if self._suffixes else False


def check_allowed_host(text: str) -> str:
    """Return the text as an entry of `allowed_hosts`. Raises ValueError."""
    name = text.removeprefix("*").removeprefix(".").lower()
    match = _HOST.fullmatch(name)
    if match is None or match["port"] is not None:
        raise ValueError(
            f"{text!r} is not a host name; give nightbus, .example.test or 192.0.2.7, without a port"
        )
    return text.lower()


def check_allowed_origin(text: str) -> str:
    """Return the text as an entry of `allowed_origins`. Raises ValueError."""
    if text == "*":
        return text
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or _origin_of(text.encode()) != text.lower().rstrip("/"):
        raise ValueError(f"{text!r} is not an origin such as http://localhost:3000")
    return text.lower().rstrip("/")


def _name_of(host: bytes) -> str | None:
    match = _HOST.fullmatch(host.decode("latin-1").lower())
    return None if match is None else match["name"].strip("[]").rstrip(".")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _same_address(name: str | None, arrived_at: str) -> bool:
    address = None if name is None else _address(name)
    return address is not None and address == _address(arrived_at.partition("%")[0])


def _origin_of(header: bytes | None) -> str | None:
    """Return `scheme://host[:port]` in lower case; `null` for a header without an origin; None without a header."""
    if header is None:
        return None
    text = header.decode("latin-1")
    if len(text) > _ORIGIN_LENGTH:
        text = text[:_ORIGIN_LENGTH]
    try:
        parts = urlsplit(text)
    except ValueError:
        return "null"
    if not parts.scheme or not parts.netloc:
        return "null"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


def _refused(message: str, *, is_of_page: bool = False) -> Admission:
    return Admission(AwsError("AccessDenied", message, 403), is_of_page=is_of_page)


def _unknown_host(host: bytes | None) -> Admission:
    if host is None:
        return _refused("The request has no Host header.")
    shown = host[:80].decode("latin-1")
    return _refused(
        f"This Nightbus node does not answer to the host {shown!r}. If that is a name of this node, add it to the "
        "setting allowed_hosts (NIGHTBUS_ALLOWED_HOSTS)."
    )


def _foreign_page(page: str) -> Admission:
    return _refused(
        f"A web page of {page[:80]} may not call this Nightbus node. If the page is yours, add its origin to the "
        "setting allowed_origins (NIGHTBUS_ALLOWED_ORIGINS).",
        is_of_page=True,
    )
