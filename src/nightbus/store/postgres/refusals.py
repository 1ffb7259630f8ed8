"""Says in one line why there is no connection to the database, without a password, and with the file that is to blame.

The driver takes libpq's settings for TLS; where a file cannot be used, its error does not name the file.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

SYSTEM = "system"  # as a file of certificates: those that this machine trusts
_LISTS = ("sslrootcert", "sslcrl")


def reason_of(url: str, failure: BaseException) -> str:
    """`failure` is what connecting to `url` raised."""
    if isinstance(failure, ssl.SSLCertVerificationError):
        return f"the server's certificate is refused: {failure.verify_message}"
    if isinstance(failure, OSError) and (named := next(_unusable(url), "")):
        return named
    silence = "it does not answer in time" if isinstance(failure, TimeoutError) else type(failure).__name__
    said = " ".join(str(failure).split()) or silence
    certificate = tls_settings(url).get("sslcert")
    # With TLS 1.3 the server refuses a client's certificate after the client's part of the handshake.
    if certificate and (isinstance(failure, ssl.SSLError | ConnectionResetError) or _was_cut(failure)):
        return f"{said} (perhaps the server does not trust sslcert {certificate}: see its log)"
    return said


def _was_cut(failure: BaseException) -> bool:
    return (
        getattr(failure, "sqlstate", None) == "08003"
    )  # by the server, in the middle of what the driver did


def tls_settings(url: str) -> dict[str, str]:
    """What the URL, or else the environment, says of TLS, under libpq's names in the URL."""
    said = {name: value for name, value in parse_qsl(urlsplit(url).query) if name.startswith("ssl")}
    for name in (*_LISTS, "sslmode", "sslcert", "sslkey"):
        if name not in said and (value := os.environ.get(f"PG{name.upper()}")):
            said[name] = value
    return said


def _unusable(url: str) -> Iterator[str]:
    """Yield a sentence for each file of the settings that cannot be used."""
    settings = tls_settings(url)
    files = {name: settings[name] for name in (*_LISTS, "sslcert", "sslkey") if settings.get(name)}
    for name, file in files.items():
        if name == "sslrootcert" and file == SYSTEM:
            continue
        try:
            with Path(file).open("rb") as opened:
                opened.read(1)
            if name in _LISTS:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
        except ssl.SSLError:
            yield f"{name} {file} has no certificates in PEM"
        except OSError as failure:
            yield f"{name} {file} cannot be read: {failure.strerror}"
    if "sslcert" in files:
        password = settings.get("sslpassword", "")
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_cert_chain(files["sslcert"], files.get("sslkey"), lambda: password)
        except OSError:
            yield f"sslcert {files['sslcert']} and its key cannot be used"
