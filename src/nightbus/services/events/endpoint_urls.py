"""Checks that a URL may be called with a connection's secrets: it is HTTPS, or on a private network.

AWS accepts HTTPS only. A node on a laptop or in CI calls services on the same network, which have no certificates
there.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from nightbus.aws.errors import AwsError, validation_error

_PRIVATE_SUFFIXES = (
    ".localhost",
    ".local",
    ".internal",
    ".home.arpa",
    ".test",
)  # RFC 6761, 6762, 8375, ICANN


def check_url(parameter: str, url: str) -> None:
    """Raise AwsError, with the parameter's name, unless the URL is allowed."""
    try:
        parsed = urlsplit(url)
        host, valid_port = parsed.hostname or "", parsed.port != 0
    except ValueError:
        raise _refused(parameter, "it is not a URL.") from None
    if parsed.scheme not in ("https", "http") or not host or not valid_port:
        raise _refused(parameter, "it must be an HTTPS URL.")
    if parsed.username is not None:
        raise _refused(parameter, "it must not hold a user name or a password.")
    if parsed.scheme == "http" and not is_private_host(host):
        raise _refused(parameter, "it must be an HTTPS URL, except on loopback and private hosts.")


def _refused(parameter: str, reason: str) -> AwsError:
    return validation_error(f"Parameter {parameter} is not valid. Reason: {reason}")


def is_private_host(host: str) -> bool:
    """Return whether the host is a loopback or private address, or a name outside the public domains.

    It decides by the name alone and does not resolve it.
    """
    host = host.rstrip(".").lower()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_PRIVATE_SUFFIXES)
    return address.is_loopback or (address.is_private and not address.is_link_local)
