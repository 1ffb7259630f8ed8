"""Who may call the console's API, and what a browser is told about its pages."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api_requests import Answer, Caller, as_operator, new_code
from nightbus.node.operator_key import OPERATOR_HEADER
from nodes import RunningNode, clean_environment

API = "/_nightbus/api"
RULE = {"name": "made", "pattern": {"source": ["x"]}}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """A node that accepts the keys that it issued, as users have it."""
    running = RunningNode(tmp_path_factory.mktemp("strict") / "data", dev_credentials=False)
    yield running
    assert running.stop() == 0


def signed_in(node: RunningNode) -> tuple[Caller, str]:
    """A browser with its session, and the session's token."""
    caller = Caller(node.port, {"Sec-Fetch-Site": "same-origin"})
    answer = caller.send("POST", f"{API}/session", {"code": new_code(node)})
    assert answer.status == 200, answer.body
    cookie = answer.headers["set-cookie"].partition(";")[0]
    caller = Caller(node.port, {**caller.headers, "Cookie": cookie})
    return caller, caller.get("/session")["token"]


def test_nobody_without_a_key_or_a_session_is_answered(strict: RunningNode) -> None:
    caller = Caller(strict.port)
    for method, path in (
        ("GET", "/events"),
        ("GET", "/session"),
        ("POST", "/events"),
        ("GET", "/live"),
        ("GET", "/none"),
    ):
        answer = caller.send(method, API + path, {} if method == "POST" else None)
        assert (answer.status, answer.json["error"]) == (401, "NotSignedIn")
    for key in ("x", "ü"):
        answer = caller.send("GET", f"{API}/events", **{OPERATOR_HEADER.replace("-", "_"): key})
        assert (answer.status, answer.json["error"]) == (403, "AccessDenied")
    assert caller.send("GET", f"{API}/openapi.json").json["openapi"] == "3.1.0"


def test_a_session_reads_and_changes_with_its_token_only(strict: RunningNode) -> None:
    caller, token = signed_in(strict)
    assert caller.get("/events")["events"] is not None
    for headers in ({}, {"x_nightbus_token": "wrong"}, {"x_nightbus_token": ""}):
        answer = caller.send("POST", f"{API}/rules", RULE, **headers)
        assert (answer.status, answer.json["error"]) == (403, "AccessDenied")
    assert caller.get("/rules")["rules"] == []
    assert caller.send("POST", f"{API}/rules", RULE, x_nightbus_token=token).status == 200
    assert [one["name"] for one in caller.get("/rules")["rules"]] == ["made"]


def test_the_cookie_is_for_the_node_alone(strict: RunningNode) -> None:
    answer = Caller(strict.port).send("POST", f"{API}/session", {"code": new_code(strict)})
    name, *flags = [part.strip() for part in answer.headers["set-cookie"].split(";")]
    assert name.startswith(f"nightbus-{strict.port}=")
    assert flags == ["Path=/_nightbus/", "HttpOnly", "SameSite=Strict"]


def test_a_code_is_used_up_and_only_by_the_own_page(strict: RunningNode) -> None:
    code = new_code(strict)
    caller = Caller(strict.port)
    for site in ("cross-site", "same-site", "none"):
        assert caller.send("POST", f"{API}/session", {"code": code}, Sec_Fetch_Site=site).status == 403
    assert caller.send("POST", f"{API}/session", {"code": code}, Origin="http://evil.example").status == 403
    assert caller.send("GET", "/_nightbus/console/sign-in").status == 200  # who only looks does not use it up
    assert caller.send("POST", f"{API}/session", {"code": code}).status == 200
    answer = caller.send("POST", f"{API}/session", {"code": code})
    assert (answer.status, answer.json["error"]) == (403, "InvalidCode")
    for wrong in ("", "x", 7, None, "x" * 300):
        assert caller.send("POST", f"{API}/session", {"code": wrong}).status in (400, 403)


def test_codes_are_for_who_has_the_operator_key(node: RunningNode, strict: RunningNode) -> None:
    caller, token = signed_in(strict)
    answer = caller.send("POST", f"{API}/session/codes", {}, x_nightbus_token=token)
    assert answer.status == 403
    assert (
        Caller(node.port).send("POST", f"{API}/session/codes", {}).status == 401
    )  # with dev_credentials too


def test_who_signs_out_is_out(strict: RunningNode) -> None:
    caller, token = signed_in(strict)
    assert caller.send("DELETE", f"{API}/session").status == 403
    answer = caller.send("DELETE", f"{API}/session", x_nightbus_token=token)
    assert (answer.status, "Max-Age=0" in answer.headers["set-cookie"]) == (200, True)
    assert caller.send("GET", f"{API}/session").status == 401


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_the_cookie_is_of_no_use_to_another_page(strict: RunningNode, site: str) -> None:
    caller, token = signed_in(strict)
    forged = {"Sec_Fetch_Site": site, "x_nightbus_token": token}
    assert caller.send("GET", f"{API}/events", **forged).status == 403
    assert caller.send("POST", f"{API}/events", {}, **forged).status == 403
    for origin in (
        "http://evil.example",
        "null",
        f"http://127.0.0.1:{strict.port}",
        f"http://localhost:{strict.port}",
    ):
        answer = caller.send("POST", f"{API}/rules", RULE, Origin=origin, x_nightbus_token=token)
        assert (answer.status, answer.json["error"]) == (403, "AccessDenied")


def test_a_rebound_name_reaches_nothing(strict: RunningNode) -> None:
    caller, _ = signed_in(strict)
    for path in (f"{API}/events", "/_nightbus/console", "/_nightbus/console/sign-in"):
        assert caller.send("GET", path, Host=f"rebind.evil.example:{strict.port}").status == 403


def test_a_form_changes_nothing(strict: RunningNode) -> None:
    """Even with the operator key: only JSON is taken for JSON."""
    caller = as_operator(strict)
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = caller.send("POST", f"{API}/rules", RULE, Content_Type=kind)
        assert (answer.status, answer.json["error"]) == (415, "UnsupportedMediaType")


def test_with_dev_credentials_programs_read_and_browsers_sign_in(node: RunningNode) -> None:
    caller = Caller(node.port)
    assert caller.send("GET", f"{API}/events").status == 200
    assert caller.send("POST", f"{API}/rules", RULE).status == 401
    for site in ("same-origin", "none"):
        assert caller.send("GET", f"{API}/events", Sec_Fetch_Site=site).status == 401


def test_the_host_of_the_console_answers_nothing_else(strict: RunningNode) -> None:
    caller = Caller(strict.port)
    for method, path in (
        ("GET", "/"),
        ("GET", "/bucket/page.html"),
        ("POST", "/"),
        ("PUT", "/bucket"),
        ("GET", "/favicon.ico"),
        ("GET", "/SimpleNotificationService-x.pem"),
    ):
        answer = caller.send(method, path)
        assert (answer.status, b"This host is the console's" in answer.body) == (404, True)


def headers_of(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in ("date", "content-length")}


def test_pages_have_a_strict_policy(strict: RunningNode) -> None:
    caller = Caller(strict.port)
    for path in (
        "/_nightbus/console",
        "/_nightbus/console/",
        "/_nightbus/console/events/x.y",
        "/_nightbus/console/sign-in",
    ):
        answer = caller.send("GET", path)
        assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert b"http:" not in answer.body
        assert b"https:" not in answer.body
    api = caller.send("GET", f"{API}/events")
    assert (api.headers["cache-control"], api.headers["x-content-type-options"]) == ("no-store", "nosniff")


def test_files_are_compressed_and_known_by_their_tag(strict: RunningNode) -> None:
    caller, path = Caller(strict.port), "/_nightbus/console/web/app.js"
    plain = caller.send("GET", path)
    assert plain.headers["content-type"] == "text/javascript; charset=utf-8"
    packed = caller.send("GET", path, Accept_Encoding="gzip, br")
    assert (packed.headers["content-encoding"], len(packed.body) < len(plain.body)) == ("gzip", True)
    again = caller.send("GET", path, If_None_Match=plain.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert caller.send("HEAD", path).body == b""
    for wrong in (
        "none.js",
        "",
        "..%2Fmount.py",
        "../mount.py",
        "..%5Cx.js",
        ".hidden.js",
        "%00.js",
        "style",
        "a/" * 500 + "x.js",
    ):
        assert caller.send("GET", f"/_nightbus/console/web/{wrong}").status == 404, wrong
    assert caller.send("POST", path, {}).status == 405


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_other_names_of_this_machine_lead_to_the_console(strict: RunningNode, host: str) -> None:
    answer = Caller(strict.port).send(
        "GET", "/_nightbus/console/events?source=a%20b", Host=f"{host}:{strict.port}"
    )
    assert answer.status == 307
    assert (
        answer.headers["location"]
        == f"http://nightbus.localhost:{strict.port}/_nightbus/console/events?source=a%20b"
    )


def test_no_secret_is_in_the_output_of_the_node(strict: RunningNode) -> None:
    code = new_code(strict)
    answer: Any = Caller(strict.port).send("POST", f"{API}/session", {"code": code})
    cookie = answer.headers["set-cookie"].partition(";")[0].partition("=")[2]
    printed = "".join(strict.output)
    assert code not in printed
    assert cookie not in printed
    assert "nightbus console" in printed
    assert f"http://nightbus.localhost:{strict.port}/_nightbus/console" in printed
    assert json.dumps(answer.json) == '{"done": true}'


def test_the_command_prints_a_link_that_signs_in(strict: RunningNode) -> None:
    command = [sys.executable, "-m", "nightbus", "console", "--print", "--port", str(strict.port)]
    done = subprocess.run(
        [*command, "--data", str(strict.folder)],
        capture_output=True,
        text=True,
        timeout=60,
        env=clean_environment(),
    )
    assert (done.returncode, done.stderr) == (0, "")
    address, _, code = done.stdout.strip().partition("#")
    assert address == f"http://nightbus.localhost:{strict.port}/_nightbus/console/sign-in"
    assert Caller(strict.port).send("POST", f"{API}/session", {"code": code}).status == 200
    failed = subprocess.run(
        [*command[:-1], "1", "--data", str(strict.folder)],
        capture_output=True, text=True, timeout=60, env=clean_environment(),
    )  # fmt: skip
    assert failed.returncode != 0
    assert "Traceback" not in failed.stderr


def test_by_tls_the_cookie_is_of_this_host_alone(tmp_path: Path) -> None:
    node = RunningNode(tmp_path / "data", dev_credentials=False, options=["--tls"])
    try:
        code = new_code(node)
        context = ssl.create_default_context(cafile=str(tmp_path / "data" / "tls" / "ca.pem"))
        connection = http.client.HTTPSConnection("127.0.0.1", node.port, timeout=30, context=context)
        body, kind = json.dumps({"code": code}), {"Content-Type": "application/json"}
        connection.request("POST", f"{API}/session", body, kind)
        reply = connection.getresponse()
        assert reply.read() == b'{"done":true}'
        cookie = str(reply.getheader("set-cookie"))
        assert cookie.startswith(f"__Host-nightbus-{node.port}=")
        assert cookie.endswith("; Path=/; Secure; HttpOnly; SameSite=Strict")
        connection.request("GET", f"{API}/session", headers={"Cookie": cookie.partition(";")[0]})
        assert json.load(connection.getresponse())["settings"]["tls"] is True
        connection.request(
            "GET", "/_nightbus/console"
        )  # it stays here: other machines know no nightbus.localhost
        assert connection.getresponse().status == 200
    finally:
        assert node.stop() == 0
