"""Does a node reach its database over TLS as libpq's settings say, and say in one line why it does not?"""

from __future__ import annotations

import datetime
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from nightbus.clock import SystemClock
from nightbus.counters import Counters
from nightbus.node.shared_store import SharedStore
from nightbus.node.storage import CannotOpenStore, open_shared
from nightbus.store.doctor import WRONG
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.doctor import examine_cluster
from postgres_server import PASSWORD, USER, PostgresServer, postgres_server, start_server

_RULES = f"""
local all {USER} trust
hostnossl all all all reject
hostssl certified {USER} all scram-sha-256 clientcert=verify-full
hostssl all {USER} all scram-sha-256
"""
_WAS_OVER_TLS = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


class Authority:
    """Signs certificates, whose files are in `folder`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.file, self._folder, self._name = folder / f"{name}.crt", folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._write(name, self._key, x509.BasicConstraints(ca=True, path_length=None))

    def sign(self, name: str) -> tuple[Path, Path]:
        """The files of a certificate for the host or user `name`, and of its key."""
        self._write(f"{self._name}-{name}", ec.generate_private_key(ec.SECP256R1()), _dns(name), name)
        return self._folder / f"{self._name}-{name}.crt", self._folder / f"{self._name}-{name}.key"

    def _write(
        self, file: str, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType, name: str = ""
    ) -> None:
        now = datetime.datetime.now(datetime.UTC)
        built = (
            x509.CertificateBuilder(_named(self._name), _named(name or self._name), key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(extension, critical=not name)
        )
        pem = built.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        (self._folder / f"{file}.crt").write_bytes(pem)
        form = serialization.PrivateFormat.PKCS8
        secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        (self._folder / f"{file}.key").write_bytes(secret)
        (self._folder / f"{file}.key").chmod(0o600)


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _dns(name: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.DNSName(name)])


@dataclass(frozen=True)
class Guarded:
    """A server that takes nobody without TLS and a password, and none into `certified` without a certificate.

    Its own certificate is for the name localhost, of `ours`."""

    server: PostgresServer
    ours: Authority
    theirs: Authority

    def database(self, *settings: str, name: str = "plain", host: str = "localhost") -> Database:
        """With the password, and these settings of the URL."""
        url = f"postgresql://{USER}@{host}:{self.server.port}/{name}?{'&'.join(settings)}"
        return Database(url, password=PASSWORD)

    def verified(self, *settings: str, name: str = "plain") -> Database:
        return self.database("sslmode=verify-full", f"sslrootcert={self.ours.file}", *settings, name=name)


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    owner = (postgres_server().folder / "data").stat()
    folder = Path(tempfile.mkdtemp(prefix="nightbus-tls-", dir="/tmp"))
    ours, theirs = Authority(folder, "ours"), Authority(folder, "theirs")
    certificate, key = ours.sign("localhost")
    (folder / "hba").write_text(_RULES)
    for path in (folder, *folder.iterdir()):
        os.chown(path, owner.st_uid, owner.st_gid)
    server = start_server(
        ssl="on",
        ssl_cert_file=str(certificate),
        ssl_key_file=str(key),
        ssl_ca_file=str(ours.file),
        hba_file=str(folder / "hba"),
    )
    try:
        server.execute("CREATE DATABASE plain")
        server.execute("CREATE DATABASE certified")
        yield Guarded(server, ours, theirs)
    finally:
        server.stop()
        shutil.rmtree(folder)


async def over_tls(database: Database) -> bool:
    connection = await database.connect()
    try:
        return bool(await connection.fetchval(_WAS_OVER_TLS))
    finally:
        await connection.close()


async def refusal(database: Database, folder: Path) -> str:
    """What a node says, which is one line without a password, and is what the doctor says too."""
    password = folder / "password"
    password.write_text(database.password or "")
    shared = SharedStore(database.url, password, cluster_key="0" * 64)
    with pytest.raises(CannotOpenStore) as refused:
        await open_shared(shared, folder, SystemClock(), 0, counters=Counters())
    said = str(refused.value)
    (wrong,) = [one async for one in examine_cluster(database) if one.level == WRONG]
    assert said.removeprefix(f"{database.shown} cannot be used: ") == wrong.text.removeprefix(
        f"{database.shown} cannot be reached: "
    )
    assert "\n" not in said and PASSWORD not in said and "secret" not in said
    return said


async def test_the_servers_certificate_is_checked(guarded: Guarded, tmp_path: Path) -> None:
    assert await over_tls(guarded.verified())
    assert await over_tls(guarded.database("sslmode=require", host="127.0.0.1"))
    ours, theirs = guarded.ours.file, guarded.theirs.file
    wrong_host = guarded.database("sslmode=verify-full", f"sslrootcert={ours}", host="127.0.0.1")
    assert "is not valid for '127.0.0.1'" in await refusal(wrong_host, tmp_path)
    assert await over_tls(guarded.database("sslmode=verify-ca", f"sslrootcert={ours}", host="127.0.0.1"))
    wrong_authority = guarded.database("sslmode=verify-full", f"sslrootcert={theirs}")
    said = await refusal(wrong_authority, tmp_path)
    assert "the server's certificate is refused: " in said and "_ssl.c" not in said
    without = guarded.database("sslmode=disable", host="127.0.0.1")
    assert "pg_hba.conf rejects connection" in await refusal(without, tmp_path)


async def test_a_client_certificate_is_shown(guarded: Guarded, tmp_path: Path) -> None:
    certificate, key = guarded.ours.sign(USER)
    assert await over_tls(guarded.verified(f"sslcert={certificate}", f"sslkey={key}", name="certified"))
    none = guarded.verified(name="certified")
    assert "requires a valid client certificate" in await refusal(none, tmp_path)
    certificate, key = guarded.ours.sign("somebody")
    other = guarded.verified(f"sslcert={certificate}", f"sslkey={key}", name="certified")
    assert "authentication failed" in await refusal(other, tmp_path)
    certificate, key = guarded.theirs.sign(USER)
    foreign = guarded.verified(f"sslcert={certificate}", f"sslkey={key}", name="certified")
    assert f"does not trust sslcert {certificate}" in await refusal(foreign, tmp_path)


@pytest.mark.parametrize(
    ("setting", "content", "said"),
    [
        ("sslrootcert={}", None, "sslrootcert {} cannot be read: No such file or directory"),
        ("sslrootcert={}", "no certificate", "sslrootcert {} has no certificates in PEM"),
        ("sslcrl={}", "no list", "sslcrl {} has no certificates in PEM"),
        ("sslcert={}", None, "sslcert {} cannot be read: No such file or directory"),
        ("sslcert={}", "no certificate", "sslcert {} and its key cannot be used"),
    ],
)
async def test_a_file_that_cannot_be_used_is_named(
    guarded: Guarded, tmp_path: Path, setting: str, content: str | None, said: str
) -> None:
    file = tmp_path / "file.pem"
    if content is not None:
        file.write_text(content)
    database = guarded.verified(setting.format(file))
    assert said.format(file) in await refusal(database, tmp_path)


async def test_a_key_that_is_missing_is_named(guarded: Guarded, tmp_path: Path) -> None:
    certificate, _ = guarded.ours.sign(USER)
    missing = tmp_path / "none.key"
    database = guarded.verified(f"sslcert={certificate}", f"sslkey={missing}")
    assert f"sslkey {missing} cannot be read" in await refusal(database, tmp_path)


async def test_the_machines_own_authorities(guarded: Guarded, tmp_path: Path) -> None:
    """As libpq knows them since PostgreSQL 16."""
    said = await refusal(guarded.database("sslmode=verify-full", "sslrootcert=system"), tmp_path)
    assert "the server's certificate is refused: " in said


async def test_a_wrong_password(guarded: Guarded, tmp_path: Path) -> None:
    database = Database(guarded.verified().url, password="another secret")
    assert "password authentication failed" in await refusal(database, tmp_path)


async def test_a_password_file_of_postgresql(
    guarded: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pgpass"
    file.write_text(f"localhost:{guarded.server.port}:plain:{USER}:{PASSWORD}\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    assert await over_tls(Database(guarded.verified().url))
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert await over_tls(Database(guarded.verified().url))


async def test_a_socket_needs_no_tls(guarded: Guarded) -> None:
    assert not await over_tls(Database(guarded.server.url("plain")))
