"""Which requests the gate admits, by the headers that browsers send and pages cannot change."""

from __future__ import annotations

from typing import Any

import pytest

from nightbus.gateway.gate import Gate, check_allowed_host, check_allowed_origin

OWN = "127.0.0.1:4566"


def scope(*headers: tuple[str, str], arrived_at: str = "127.0.0.1") -> dict[str, Any]:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return {"type": "http", "headers": raw, "server": (arrived_at, 4566)}


def admits(gate: Gate, *headers: tuple[str, str], arrived_at: str = "127.0.0.1") -> bool:
    return gate.admit(scope(*headers, arrived_at=arrived_at)).refusal is None


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:4566",
        "127.9.9.9",
        "localhost",
        "LOCALHOST:1",
        "bucket.s3.localhost:4566",
        "streaming-nightbus.localhost",
        "[::1]:4566",
        "[::ffff:127.0.0.1]:4566",
        "localhost.:4566",
    ],
)
def test_a_loopback_name_or_address_is_the_nodes_own(host: str) -> None:
    assert admits(Gate("127.0.0.1"), ("host", host))


@pytest.mark.parametrize(
    "host",
    [
        "rebind.evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:4566",
        "evil.example:4566",
        "192.0.2.7:4566",
        "0.0.0.0:4566",
        "evillocalhost",
        "",
        "127.0.0.1:4566, evil.example",
        "localhost evil.example",
        "[::1",
        "2130706433",
        "[fe80::1]",
        "a" * 10_000,
    ],
)
def test_any_other_host_is_refused(host: str) -> None:
    refusal = Gate("127.0.0.1").admit(scope(("host", host))).refusal
    assert refusal is not None
    assert (refusal.code, refusal.status) == ("AccessDenied", 403)
    assert "allowed_hosts" in refusal.message
    assert len(refusal.message) < 400


def test_a_request_needs_exactly_one_host_and_at_most_one_origin() -> None:
    gate = Gate("127.0.0.1")
    assert not admits(gate)
    assert not admits(gate, ("host", OWN), ("host", "evil.example"))
    assert not admits(gate, ("host", OWN), ("host", OWN))
    own = ("origin", f"http://{OWN}")
    assert not admits(gate, ("host", OWN), own, ("origin", "https://evil.example"))


def test_the_bound_name_and_the_address_of_the_connection_are_the_nodes_own() -> None:
    assert admits(Gate("build-7"), ("host", "build-7:4566"))
    assert admits(Gate("0.0.0.0"), ("host", "192.0.2.7:4566"), arrived_at="192.0.2.7")
    assert admits(Gate("::"), ("host", "192.0.2.7:4566"), arrived_at="::ffff:192.0.2.7")
    assert not admits(Gate("0.0.0.0"), ("host", "192.0.2.8:4566"), arrived_at="192.0.2.7")
    assert not admits(Gate("0.0.0.0"), ("host", "0.0.0.0"), arrived_at="192.0.2.7")


def test_allowed_hosts_are_names_or_all_names_below_one() -> None:
    gate = Gate("127.0.0.1", ["nightbus", "*.example.test", ".internal"])
    for host in ("nightbus:4566", "NIGHTBUS", "a.example.test", "b.a.example.test:1", "x.internal"):
        assert admits(gate, ("host", host)), host
    for host in ("nightbus.evil.example", "example.test.evil", "badexample.test", "internal"):
        assert not admits(gate, ("host", host)), host


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_site_began_is_refused_whatever_else_it_says(site: str) -> None:
    gate = Gate("127.0.0.1")
    assert not admits(gate, ("host", OWN), ("sec-fetch-site", site))
    assert not admits(gate, ("host", OWN), ("sec-fetch-site", site), ("origin", f"http://{OWN}"))
    assert not admits(gate, ("host", OWN), ("sec-fetch-site", site), ("authorization", "AWS4-HMAC-SHA256 x"))


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://127.0.0.1:3000",
        "http://localhost:4566",
        "http://127.0.0.1:4566@evil.example",
        "http://evil.example/127.0.0.1:4566",
        "file://",
        "garbage",
        "http://[",
        "",
    ],
)
def test_a_page_of_another_origin_is_refused(origin: str) -> None:
    gate = Gate("127.0.0.1")
    assert not admits(gate, ("host", OWN), ("origin", origin))


def test_a_browser_that_sends_a_referer_alone_is_judged_by_it() -> None:
    gate = Gate("127.0.0.1", origins=["http://localhost:3000"])
    assert not admits(gate, ("host", OWN), ("referer", "https://evil.example/page"))
    assert admits(gate, ("host", OWN), ("referer", f"http://{OWN}/console/"))
    image = (("referer", "http://localhost:3000/gallery"), ("sec-fetch-site", "same-site"))
    assert admits(gate, ("host", OWN), *image)


def test_tools_and_the_nodes_own_pages_pass() -> None:
    gate = Gate("127.0.0.1")
    assert admits(gate, ("host", OWN))
    assert admits(gate, ("host", OWN), ("sec-fetch-site", "none"))
    assert admits(gate, ("host", OWN), ("sec-fetch-site", "same-origin"))
    assert admits(gate, ("host", OWN), ("sec-fetch-site", "same-origin"), ("origin", f"http://{OWN}"))
    assert admits(gate, ("host", OWN), ("origin", f"https://{OWN}"))


def test_an_allowed_origin_passes_and_is_named() -> None:
    gate = Gate("127.0.0.1", origins=["http://localhost:3000"])
    headers = (("host", OWN), ("origin", "http://localhost:3000"), ("sec-fetch-site", "same-site"))
    assert gate.admit(scope(*headers)).allowed_origin == "http://localhost:3000"
    assert not admits(gate, ("host", OWN), ("origin", "http://localhost:3001"))
    assert not admits(gate, ("host", "evil.example"), ("origin", "http://localhost:3000"))
    everybody = Gate("127.0.0.1", origins=["*"])
    assert everybody.admit(scope(*headers)).allowed_origin == "http://localhost:3000"
    assert not admits(everybody, ("host", OWN), ("origin", "null"))


@pytest.mark.parametrize("text", ["http://a", "a b", "a:80", "", "*", "."])
def test_an_allowed_host_is_a_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not a host name"):
        check_allowed_host(text)


@pytest.mark.parametrize("text", ["localhost", "ftp://a", "http://a/b", "http://", "http://u@a", "null"])
def test_an_allowed_origin_is_an_origin(text: str) -> None:
    with pytest.raises(ValueError, match="is not an origin"):
        check_allowed_origin(text)


URL = "abcdefghijklmnopqrstuvwxyz234567.lambda-url.us-east-1"


@pytest.mark.parametrize(
    ("host", "admitted"),
    [
        (f"{URL}.localhost:4566", True),
        (f"{URL.upper()}.LOCALHOST.:4566", True),
        (f"{URL}.node.test:4566", True),
        (f"{URL}.evil.test:4566", False),
        (f"{URL}.127.0.0.1:4566", False),
        (f"{URL}.evil.test.lambda-url.us-east-1.localhost", True),
        (f"{URL}:4566", False),
    ],
)
def test_the_host_of_a_function_url_is_below_a_name_of_the_node(host: str, admitted: bool) -> None:
    assert admits(Gate("node.test"), ("host", host)) is admitted


def test_a_page_of_a_function_is_a_foreign_page_for_the_node() -> None:
    page = ("origin", f"http://{URL}.localhost:4566")
    for host in ("localhost:4566", OWN, "other.localhost:4566", f"x.{URL}.localhost:4566"):
        admission = Gate("127.0.0.1").admit(scope(("host", host), page))
        assert (admission.refusal is None, admission.is_of_page) == (False, True)
    assert admits(Gate("127.0.0.1"), ("host", f"{URL}.localhost:4566"), page)
    unknown = Gate("127.0.0.1").admit(scope(("host", "evil.example"), page))
    assert (unknown.refusal is None, unknown.is_of_page) == (False, False)
