"""Makes the certificate of a node that has none of its own, and the TLS context for either.

The files lie in `tls` of the data folder: `key.pem` (mode 0600), `certificate.pem`, and `ca.pem`, which clients trust
(`AWS_CA_BUNDLE`). `ca.pem` is an authority made for this one certificate; its key is thrown away, so that nobody can
make a further certificate that those clients trust. Some clients refuse an authority's own certificate as a server's
(https://docs.rs/webpki/latest/webpki/enum.Error.html, CaUsedAsEndEntity), so the two are not one.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import logging
import os
import re
import socket
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from nightbus.node.settings import Settings, SettingsError

if TYPE_CHECKING:
    from cryptography import x509

log = logging.getLogger("nightbus.node")
_FOLDER = "tls"
_DAYS = 825  # the most that Apple's clients accept: https://support.apple.com/en-us/103769
_RENEWED_DAYS = 30  # before the end
_MOST_ADDRESSES = 50  # of earlier times
_AREAS = {  # of AWS's regions that have Lambda, with how many there are in each; without the isolated partitions
    "af-south": 1, "ap-east": 2, "ap-northeast": 3, "ap-south": 2, "ap-southeast": 7, "ca-central": 1, "ca-west": 1,
    "cn-north": 1, "cn-northwest": 1, "eu-central": 2, "eu-north": 1, "eu-south": 2, "eu-west": 3, "il-central": 1,
    "me-central": 1, "me-south": 1, "mx-central": 1, "sa-east": 1, "us-east": 2, "us-gov-east": 1, "us-gov-west": 1,
    "us-west": 2,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files. `authority` is what clients trust, None for a certificate that the user gave."""

    chain: Path
    key: Path
    authority: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return the context for a server. Raises SettingsError if the files are not a certificate and its key."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self.chain, self.key, password=_no_password)
        except (OSError, ssl.SSLError, SettingsError) as wrong:
            reason = getattr(wrong, "strerror", None) or wrong
            raise SettingsError(
                f"{self.chain} with the key {self.key} cannot be used for TLS: {reason}"
            ) from wrong
        return context

    def fingerprint(self) -> str:
        """Return the SHA-256 of the server's certificate, as `openssl x509 -fingerprint` prints it."""
        pem = self.chain.read_text()
        end = "-----END CERTIFICATE-----"
        first = pem[pem.index("-----BEGIN CERTIFICATE-----") : pem.index(end) + len(end)]
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest().upper()
        return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def certificate_of(settings: Settings, folder: Path) -> Certificate:
    """Return the files of the certificate. One that the settings do not name is made if need be.

    It is made again when it ends soon, when the settings name the node otherwise, or when a node that listens on all
    addresses has a new one. Then clients have to trust another authority; so it stays good for the addresses that the
    machine had before, and a new IPv6 address is no reason, since many machines get one each day. Raises OSError.
    """
    files = files_of(settings, folder)
    if files.authority is not None:
        names, of_machine = _names(settings), set(_machine_names())
        if not _is_good(files, [*names, *_reached_by(settings, of_machine)]):
            had = _addresses(files)
            _make(files, {*names, *of_machine, *had})
            if had:
                log.warning("the certificate is made anew: clients need the new %s", files.authority)
    return files


def _reached_by(settings: Settings, of_machine: Iterable[str]) -> list[str]:
    """Return which of the machine's names and addresses others use for the node."""
    if not is_everywhere(settings.host):
        return []
    return [one for one in of_machine if ":" not in one]


def files_of(settings: Settings, folder: Path) -> Certificate:
    """Return where the certificate is: that of the settings, else the one in the data folder."""
    if settings.tls_cert is not None and settings.tls_key is not None:
        return Certificate(settings.tls_cert, settings.tls_key)
    return made_certificate(folder)


def made_certificate(folder: Path) -> Certificate:
    """Return where the certificate is that a node on the folder makes."""
    inner = folder / _FOLDER
    return Certificate(inner / "certificate.pem", inner / "key.pem", inner / "ca.pem")


def _no_password() -> str:
    raise SettingsError("the key is encrypted; give one without a passphrase")


def _names(settings: Settings) -> list[str]:
    """Return the names and addresses of the node by its settings, and those of buckets and functions below them."""
    given = ["localhost", "127.0.0.1", "::1", *settings.allowed_hosts]
    if not is_everywhere(settings.host):
        given.append(_bare(settings.host))
    names = ["*.localhost"]
    for name in given:
        names.append(f"*{name}" if name.startswith(".") else name)
        if not _is_address(name):
            names += _names_below(name.lstrip("*."))
    return names


def _bare(host: str) -> str:
    return host.strip("[]").partition("%")[0]


def is_everywhere(host: str) -> bool:
    """Return whether a node with this host listens on all addresses."""
    return _bare(host) in ("", "0.0.0.0", "::")  # noqa: S104


def _names_below(name: str) -> Iterator[str]:
    """Yield the names of buckets and function URLs. A wildcard stands for one label (RFC 9525, 6.3)."""
    yield f"*.s3.{name}"
    for area, regions in _AREAS.items():
        for number in range(1, regions + 1):
            yield f"*.lambda-url.{area}-{number}.{name}"


def _machine_names() -> Iterator[str]:
    """Yield the machine's name, and the addresses from which it would reach others.

    To connect a UDP socket finds such an address and sends nothing.
    """
    name = socket.gethostname()
    if re.fullmatch(r"[A-Za-z0-9.-]+", name):
        yield name
    for family, other in (
        (socket.AF_INET, "192.0.2.1"),
        (socket.AF_INET6, "2001:db8::1"),
    ):  # reserved for documents
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as outward:
            outward.connect((other, 9))
            yield str(outward.getsockname()[0]).partition("%")[0]


def _read(files: Certificate) -> tuple[x509.Certificate, x509.SubjectAlternativeName] | None:
    """Return the certificate with its names, None if there is none."""
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(files.chain.read_bytes())
        return certificate, certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return None


def _addresses(files: Certificate) -> list[str]:
    """Return the addresses of the certificate that there is."""
    from cryptography import x509

    found = _read(files)
    every = [] if found is None else list(map(str, found[1].get_values_for_type(x509.IPAddress)))
    return every[:_MOST_ADDRESSES]


def _is_good(files: Certificate, names: Iterable[str]) -> bool:
    """Return whether the files are there, and the certificate is for all of the names and valid for some time."""
    found = _read(files)
    if found is None:
        return False
    certificate, present = found
    lasts = certificate.not_valid_after_utc - datetime.now(UTC) > timedelta(days=_RENEWED_DAYS)
    is_whole = files.key.is_file() and files.authority is not None and files.authority.is_file()
    return lasts and is_whole and all(_general_name(name) in present for name in names)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _general_name(name: str) -> x509.GeneralName:
    from cryptography import x509

    return x509.IPAddress(ipaddress.ip_address(name)) if _is_address(name) else x509.DNSName(name)


def _make(files: Certificate, names: Iterable[str]) -> None:
    """Write an authority and a certificate for the names."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer, subject = _name("Nightbus (made for one node)"), _name("Nightbus")
    authority_id = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_id)
    authority = (
        _builder(issuer, issuer, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(authority_id, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    own = (
        _builder(subject, issuer, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([_general_name(one) for one in sorted(names)]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(issued_by, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files.key.parent.mkdir(mode=0o700, exist_ok=True)
    _write(files.key, private)
    if files.authority is not None:
        _write(files.authority, authority.public_bytes(pem))
    _write(files.chain, own.public_bytes(pem))


def _name(text: str) -> x509.Name:
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, public_key: object) -> x509.CertificateBuilder:
    from cryptography import x509

    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)  # type: ignore[arg-type]
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # for clients whose clocks are behind
        .not_valid_after(now + timedelta(days=_DAYS - 1))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write(file: Path, data: bytes) -> None:
    """Replace the file in one step; the folder is for its owner alone, and so is the file."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as written:
        written.write(data)
        written.flush()
        os.fsync(written.fileno())
    temporary.replace(file)
