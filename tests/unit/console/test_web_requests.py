"""Where a request for a page goes, and which cookie belongs to the node. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nightbus.console.addresses import address_elsewhere
from nightbus.console.cookies import cookies_of, set_cookie
from nightbus.console.web_files import FOLDER, WebFiles
from nightbus.gateway.hosts import is_below_console_host, is_console_host
from nightbus.node.settings import Settings


def asgi(host: str, scheme: str = "http", **more: Any) -> dict[str, Any]:
    headers = [(b"host", host.encode()), *more.pop("headers", [])]
    return {
        "scheme": scheme,
        "headers": headers,
        "path": "/p",
        "query_string": b"",
        "server": ("127.0.0.1", 4566),
        **more,
    }


@pytest.mark.parametrize(
    ("host", "scheme", "goes_to"),
    [
        ("127.0.0.1:4566", "http", "http://nightbus.localhost:4566/p"),
        ("LOCALHOST:4566", "http", "http://nightbus.localhost:4566/p"),
        ("[::1]:4566", "http", "http://nightbus.localhost:4566/p"),
        ("[::1]", "http", "http://nightbus.localhost/p"),
        ("localhost", "http", "http://nightbus.localhost/p"),
        ("nightbus.localhost:4566", "http", None),
        ("node.example:4566", "http", None),
        ("192.0.2.7:4566", "http", None),
        ("localhost:4566", "https", None),
        ("node.example", "https", None),
        ("", "http", None),
    ],
)
def test_a_browser_of_this_machine_goes_to_the_consoles_host(
    host: str, scheme: str, goes_to: str | None
) -> None:
    assert address_elsewhere(asgi(host, scheme)) == goes_to


def test_the_raw_path_and_the_query_go_along() -> None:
    scope = asgi("localhost:1", raw_path=b"/a%2Fb", query_string=b"x=%20")
    assert address_elsewhere(scope) == "http://nightbus.localhost:1/a%2Fb?x=%20"


@pytest.mark.parametrize(
    ("host", "is_it"),
    [
        ("nightbus.localhost", True),
        ("NIGHTBUS.localhost:4566", True),
        ("nightbus.localhost.:80", True),
        ("a.nightbus.localhost", False),
        ("nightbus.s3.localhost", False),
        ("nightbus.localhost.evil.test", False),
        ("[::1]:4566", False),
        ("", False),
    ],
)
def test_the_consoles_host_is_one_name(host: str, is_it: bool) -> None:
    assert is_console_host(host) == is_it


@pytest.mark.parametrize(
    ("host", "is_it"),
    [
        ("x.lambda-url.us-east-1.nightbus.localhost:4566", True),
        ("A.Nightbus.localhost.", True),
        ("nightbus.localhost", False),
        ("anightbus.localhost", False),
        ("nightbus.localhost.evil.test", False),
    ],
)
def test_names_below_the_consoles_host_are_known(host: str, is_it: bool) -> None:
    assert is_below_console_host(host) == is_it


def test_the_cookie_is_named_after_the_port_and_the_scheme() -> None:
    assert set_cookie(asgi("h"), "v")[1] == b"nightbus-4566=v; Path=/_nightbus/; HttpOnly; SameSite=Strict"
    assert set_cookie(asgi("h", "https"), "v")[1] == (
        b"__Host-nightbus-4566=v; Path=/; Secure; HttpOnly; SameSite=Strict"
    )
    sent = [(b"cookie", b"a=b; nightbus-4567=other; nightbus-4566=x"), (b"cookie", b"nightbus-4566=y=z;;")]
    assert list(cookies_of(asgi("h", headers=sent))) == ["x", "y=z"]
    assert list(cookies_of(asgi("h", "https", headers=sent))) == []
    assert list(cookies_of(asgi("h"))) == []


def test_of_many_cookies_only_the_first_ones_are_looked_at() -> None:
    """Whoever sends a thousand does not make the node read a thousand records."""
    sent = [(b"cookie", b"; ".join(b"nightbus-4566=%d" % number for number in range(1_000)))]
    assert list(cookies_of(asgi("h", headers=sent))) == [str(number) for number in range(10)]


def test_the_cookie_of_a_cluster_is_named_after_it_at_each_port() -> None:
    header = set_cookie(asgi("h"), "v", "c1")[1]
    assert header == b"nightbus-c1=v; Path=/_nightbus/; HttpOnly; SameSite=Strict"
    sent = [(b"cookie", b"nightbus-c1=x; nightbus-c2=y; nightbus-4566=z")]
    assert list(cookies_of(asgi("h", headers=sent), "c1")) == ["x"]
    assert list(cookies_of(asgi("h", headers=sent, server=("127.0.0.1", 4567)), "c1")) == ["x"]


@pytest.mark.parametrize(
    ("host", "endpoint"),
    [
        ("127.0.0.1", "http://nightbus.localhost:4566"),
        ("localhost", "http://nightbus.localhost:4566"),
        ("::1", "http://nightbus.localhost:4566"),
        ("0.0.0.0", "http://nightbus.localhost:4566"),
        ("127.0.0.2", "http://127.0.0.2:4566"),
        ("node.example", "http://node.example:4566"),
    ],
)
def test_the_console_is_told_where_a_browser_reaches_it(host: str, endpoint: str) -> None:
    assert Settings(host=host).console_endpoint == endpoint


async def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    files = WebFiles(tmp_path)
    (tmp_path / "a.js").write_text("one();\n" * 200)
    first = await files.find("a.js")
    assert first is not None
    assert await files.find("a.js") is first
    (tmp_path / "a.js").write_text("two();\n" * 201)
    second = await files.find("a.js")
    assert second is not None
    assert second.etag != first.etag
    (tmp_path / "a.js").unlink()
    assert await files.find("a.js") is None


async def test_every_file_of_the_console_has_a_type_that_is_served() -> None:
    files = WebFiles()
    names = [str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file()]
    assert "index.html" in names
    missing = [name for name in names if await files.find(name) is None]
    assert missing == []


async def test_the_shell_names_its_files_by_a_version_and_a_browser_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text('<script src="/_nightbus/console/web/app.js"></script>')
    (tmp_path / "app.js").write_text("const one = 1\n")
    (tmp_path / "routes.js").write_text("")
    files = WebFiles(tmp_path)
    shell = await files.find("index.html")
    assert shell is not None
    link = f"v-{files.version()}/app.js"
    assert f"/_nightbus/console/web/{link}" in shell.body.decode()
    assert (b"cache-control", b"no-cache") in shell.response(b"", b"")[1]
    kept = await files.find(link)
    assert kept is not None
    assert (b"cache-control", b"private, max-age=31536000, immutable") in kept.response(b"", b"")[1]

    (tmp_path / "app.js").write_text("const one = 1000\n")
    changed = await files.find("index.html")
    assert changed is not None
    assert changed.body != shell.body
    old = await files.find(link)
    assert old is not None
    assert b"1000" in old.body
    assert (b"cache-control", b"no-cache") in old.response(b"", b"")[1]
    assert await files.find("v-0000000000000000/../index.html") is None
