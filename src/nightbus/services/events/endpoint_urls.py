"""Says whether a URL may be called with a connection's secrets: over HTTPS, or on the private network.

AWS takes HTTPS alone. A node stands beside the services that it is to call, on a laptop and in CI, where those have no
certificates.
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
    """Raises AwsError, naming the parameter."""
    try:
        parsed = urlsplit(url)
        host, known_port = parsed.hostname or "", parsed.port != 0
    except ValueError:
        raise _refused(parameter, "it is not a URL.") from None
    if parsed.scheme not in ("https", "http") or not host or not known_port:
        raise _refused(parameter, "it must be an HTTPS URL.")
    if parsed.username is not None:
        raise _refused(parameter, "it must not hold a user name or a password.")
    if parsed.scheme == "http" and not is_near(host):
        raise _refused(parameter, "it must be an HTTPS URL, except on loopback and private hosts.")


def _refused(parameter: str, reason: str) -> AwsError:
    return validation_error(f"Parameter {parameter} is not valid. Reason: {reason}")


def is_near(host: str) -> bool:
    """By its name alone, without asking anybody: a loopback or private address, or a name of no public domain."""
    host = host.rstrip(".").lower()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_PRIVATE_SUFFIXES)
    return address.is_loopback or (address.is_private and not address.is_link_local)
