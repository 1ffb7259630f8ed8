"""The node's own certificate, and which connections may go without it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nightbus.node import tls_certificate, tls_listener
from nightbus.node.settings import Settings, SettingsError
from nightbus.node.tls_certificate import Certificate, certificate_of
from nightbus.node.tls_listener import TlsListener, is_of_this_machine

ANY = Settings("0.0.0.0", tls=True)


def test_it_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    first = certificate_of(ANY, tmp_path)
    fingerprint = first.fingerprint()
    assert certificate_of(ANY, tmp_path).fingerprint() == fingerprint
    assert {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "tls").iterdir()} == {
        "ca.pem": 0o600,
        "certificate.pem": 0o600,
        "key.pem": 0o600,
    }
    assert len(fingerprint) == 32 * 3 - 1


@pytest.mark.parametrize("lost", ["ca.pem", "certificate.pem", "key.pem"])
def test_what_is_lost_is_made_again(tmp_path: Path, lost: str) -> None:
    certificate_of(ANY, tmp_path)
    (tmp_path / "tls" / lost).unlink()
    certificate_of(ANY, tmp_path).context()
    assert (tmp_path / "tls" / lost).stat().st_size


def test_a_further_name_or_the_coming_end_makes_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = certificate_of(ANY, tmp_path).fingerprint()
    named = replace(ANY, allowed_hosts=("nightbus", ".test.example", "192.0.2.9"))
    second = certificate_of(named, tmp_path).fingerprint()
    assert second != first
    assert certificate_of(ANY, tmp_path).fingerprint() == second

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + timedelta(days=810)

    monkeypatch.setattr(tls_certificate, "datetime", Later)
    assert certificate_of(named, tmp_path).fingerprint() != second


def test_a_new_address_of_the_machine_makes_another_which_is_good_for_the_old_ones_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    monkeypatch.setattr(tls_certificate, "_machine_names", lambda: iter(names))

    def fingerprint_at(*addresses: str, settings: Settings = ANY) -> str:
        names[:] = ["laptop", *addresses]
        return certificate_of(settings, tmp_path).fingerprint()

    at_home = fingerprint_at("192.0.2.1", "2001:db8::1")
    assert fingerprint_at("192.0.2.1", "2001:db8::2") == at_home  # of which a machine gets another each day
    at_work = fingerprint_at("198.51.100.1")
    assert at_work != at_home
    assert fingerprint_at("192.0.2.1") == at_work
    assert fingerprint_at("203.0.113.1", settings=Settings("192.0.2.1", tls=True)) == at_work


def test_files_that_are_no_certificate_are_named(tmp_path: Path) -> None:
    made = certificate_of(ANY, tmp_path)
    (tmp_path / "text").write_text("none")
    for chain, key in (
        (tmp_path / "text", made.key),
        (made.chain, tmp_path / "text"),
        (tmp_path / "gone", made.key),
    ):
        with pytest.raises(SettingsError, match="cannot be used for TLS"):
            Certificate(chain, key).context()


class Greeting(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(b"tls" if self.transport.get_extra_info("sslcontext") else b"plain")
        self.transport.close()


@contextlib.asynccontextmanager
async def listening(certificate: Certificate) -> AsyncIterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        listener = TlsListener(server, certificate.context(), Greeting)
        yield server.getsockname()[1]
        listener.close()
        await listener.wait_closed()


async def answer(port: int, sent: bytes, trusted: Path | None = None) -> bytes:
    context = None if trusted is None else ssl.create_default_context(cafile=str(trusted))
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(sent)
    try:
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


async def test_one_port_speaks_both_with_this_machine(tmp_path: Path) -> None:
    certificate = certificate_of(ANY, tmp_path)
    async with listening(certificate) as port:
        assert await answer(port, b"GET", certificate.authority) == b"tls"
        assert await answer(port, b"GET") == b"plain"


async def test_other_machines_have_to_speak_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_listener, "is_of_this_machine", lambda connection: False)
    certificate = certificate_of(ANY, tmp_path)
    async with listening(certificate) as port:
        assert await answer(port, b"x", certificate.authority) == b"tls"
        refusal = await answer(port, b"GET / HTTP/1.1\r\n\r\n")
    head, _, body = refusal.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert f"content-length: {len(body)}".encode() in head
    assert b"use https://" in body


async def test_whoever_does_not_trust_or_says_nothing_disturbs_nobody(tmp_path: Path) -> None:
    certificate = certificate_of(ANY, tmp_path)
    async with listening(certificate) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("127.0.0.1", port, ssl=ssl.create_default_context())
        for sent in (b"\x16", b"\x16\x03\x01garbage of a handshake"):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            writer.close()
        _, silent = await asyncio.open_connection("127.0.0.1", port)
        assert await answer(port, b"x", certificate.authority) == b"tls"
        silent.close()
        _, silent = await asyncio.open_connection(
            "127.0.0.1", port
        )  # is still silent when the listener closes
    silent.close()


def test_ends_of_a_connection_tell_whether_it_crosses_a_network() -> None:
    class Ends:
        def __init__(self, other: str, own: str) -> None:
            self._ends = other, own

        def getpeername(self) -> tuple[str, int]:
            return self._ends[0], 1

        def getsockname(self) -> tuple[str, int]:
            return self._ends[1], 2

    for other, own, expected in (
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.5", "127.0.0.1", True),
        ("::1", "::1", True),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", True),
        ("192.0.2.2", "192.0.2.2", True),
        ("fe80::1%eth0", "fe80::1%eth0", True),
        ("192.0.2.3", "192.0.2.2", False),
        ("172.17.0.1", "172.17.0.2", False),
        ("::ffff:192.0.2.3", "::ffff:192.0.2.2", False),
        ("2001:db8::1", "2001:db8::2", False),
    ):
        assert is_of_this_machine(Ends(other, own)) == expected  # type: ignore[arg-type]
