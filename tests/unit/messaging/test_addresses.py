"""Where the node connects to for its users: judged by the address, however the host is spelt."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from nightbus.outbound.addresses import is_forbidden, is_nearby
from nightbus.outbound.http_client import HttpClient, HttpRequest, Unreachable

METADATA = "169.254.169.254"


@pytest.mark.parametrize(
    "address",
    [
        METADATA,
        "169.254.170.2",
        "fe80::1",
        "fe80::1%lo",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "::ffff:169.254.169.254",
        "::ffff:a9fe:a9fe",
        "::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "64:ff9b::a9fe:a9fe",
        "100.100.100.200",
        "168.63.129.16",
        "224.0.0.1",
        "ff02::1",
    ],
)
def test_addresses_that_are_reached_for_nobody(address: str) -> None:
    assert is_forbidden(address)
    assert not is_nearby(address)


@pytest.mark.parametrize(
    ("address", "nearby"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("192.168.0.9", True),
        ("fd12:3456::1", True),
        ("::ffff:127.0.0.1", True),
        ("8.8.8.8", False),
        ("2600::1", False),
    ],
)
def test_other_addresses_are_nearby_or_not(address: str, nearby: bool) -> None:
    assert not is_forbidden(address)
    assert is_nearby(address) == nearby


def answering(monkeypatch: pytest.MonkeyPatch, **names: str) -> list[str]:
    """Names that resolve as given; the list grows by the addresses that are connected to."""
    connected: list[str] = []
    loop = asyncio.get_running_loop()

    async def getaddrinfo(host: str, port: int, **_: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (names[host.partition(".")[0]], port))]

    async def open_connection(host: str, port: int, **_: Any) -> Any:
        connected.append(host)
        raise ConnectionRefusedError("not in this test")

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo, raising=False)
    monkeypatch.setattr(asyncio, "open_connection", open_connection)
    return connected


async def test_a_name_is_judged_by_what_it_resolves_to(monkeypatch: pytest.MonkeyPatch) -> None:
    connected = answering(monkeypatch, metadata=METADATA, near="10.0.0.1", far="192.0.2.7", public="8.8.8.8")
    with pytest.raises(Unreachable, match="link-local or a cloud's metadata service") as refused:
        await HttpClient().send(HttpRequest("GET", "http://metadata.google.internal/"), 5)
    assert refused.value.unknown
    with pytest.raises(Unreachable, match="by https only"):
        await HttpClient().send(HttpRequest("GET", "http://public.local/", encrypted_unless_nearby=True), 5)
    assert connected == []
    for name in ("near", "public"):
        with pytest.raises(Unreachable, match="not in this test"):
            await HttpClient().send(HttpRequest("GET", f"http://{name}.test/"), 5)
    assert connected == ["10.0.0.1", "8.8.8.8"]


@pytest.mark.parametrize(
    "host", [METADATA, "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "[::ffff:169.254.169.254]"]
)
async def test_every_spelling_of_the_metadata_address_is_refused(host: str) -> None:
    with pytest.raises(Unreachable, match="metadata service"):
        await HttpClient().send(HttpRequest("GET", f"http://{host}/latest/meta-data/"), 5)


@pytest.mark.parametrize(
    "headers", [{"A": "b\r\nX: y"}, {"A": "b\nX: y"}, {"A\r\nB": "c"}, {"A b": "c"}, {"": "c"}, {"A": "\x00"}]
)
async def test_no_header_begins_another(headers: dict[str, str]) -> None:
    with pytest.raises(Unreachable, match="no token, or its value holds a control character"):
        await HttpClient().send(HttpRequest("GET", "http://127.0.0.1:9/", headers), 5)
