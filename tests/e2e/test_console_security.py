"""In a real browser that is signed in to the console, pages of others read and change nothing of it.

The pages: an object of a bucket, the answer of a function's URL, a page of another site, and one whose name was pointed
at this machine. Each tries all that a page can; what reached the node is seen in its rules and in what the page read.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import BROWSER, need_browser
from playwright.sync_api import BrowserContext, sync_playwright

from api_requests import as_operator, new_code
from nodes import RunningNode

OPTIONS = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP *.evil.test 127.0.0.1"]
RULE = '{"name": "forged", "pattern": {"source": ["x"]}}'

ATTACK = Path(__file__).with_name("console_attack.js").read_text()


def page_text(port: int) -> str:
    script = ATTACK.replace("PORT", str(port), 1).replace("RULE", json.dumps(RULE), 1)
    return f"<!doctype html><title>trying</title><body><script>{script}</script>"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    running = RunningNode(tmp_path_factory.mktemp("guarded") / "data", dev_credentials=False)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def signed_in(node: RunningNode) -> Iterator[BrowserContext]:
    """A browser with a session of the console."""
    need_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=OPTIONS)
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{node.port}/_nightbus/console/sign-in#{new_code(node)}")
        page.wait_for_url(f"http://nightbus.localhost:{node.port}/_nightbus/console")
        assert page.evaluate("fetch('/_nightbus/api/session').then(reply => reply.status)") == 200
        page.close()
        yield context
        browser.close()


def tried(context: BrowserContext, address: str) -> list[str]:
    """What the page could read, once it has tried everything."""
    page = context.new_page()
    page.goto(address)
    page.wait_for_function("document.title.startsWith('tried ')", timeout=60_000)
    seen: list[str] = json.loads(page.title().removeprefix("tried "))
    page.close()
    return seen


def rules(node: RunningNode) -> list[str]:
    return [one["Name"] for one in node.client("events").list_rules()["Rules"]]


def test_a_page_in_a_bucket_has_an_origin_of_nobody(node: RunningNode, signed_in: BrowserContext) -> None:
    """Its scripts do not run at all, by the sandbox that objects are served with."""
    s3 = node.client("s3")
    s3.create_bucket(Bucket="pages")
    for key, kind in (
        ("page.html", "text/html"),
        ("page.svg", "image/svg+xml"),
        ("page.xhtml", "application/xhtml+xml"),
    ):
        s3.put_object(Bucket="pages", Key=key, Body=page_text(node.port).encode(), ContentType=kind)
    for key in ("page.html", "page.svg", "page.xhtml"):
        page = signed_in.new_page()
        link = s3.generate_presigned_url("get_object", Params={"Bucket": "pages", "Key": key})
        reply = page.goto(link)
        assert reply is not None
        assert (reply.status, reply.headers["content-security-policy"]) == (200, "sandbox")
        page.wait_for_timeout(300)  # nothing is to happen: there is no condition to wait for
        assert not page.title().startswith("tried")
        page.close()
    there = signed_in.new_page().goto(link.replace("127.0.0.1", "nightbus.localhost"))
    assert there is not None
    assert there.status == 404  # on the console's host there are no objects
    assert rules(node) == []


def test_a_page_of_a_function_reads_and_changes_nothing(node: RunningNode, signed_in: BrowserContext) -> None:
    address = function_url(node, page_text(node.port))
    assert tried(signed_in, address) == []
    assert rules(node) == []


def test_no_page_below_the_consoles_host_sets_a_cookie_for_it(
    node: RunningNode, signed_in: BrowserContext
) -> None:
    """Browsers let a page set cookies for the name above its own, and drop a name's oldest where it has too many."""
    address = node.client("lambda").get_function_url_config(FunctionName="page")["FunctionUrl"]
    page = signed_in.new_page()
    for host in ("lambda-url.us-east-1.nightbus.localhost", "pages.nightbus.localhost"):
        id = address.removeprefix("http://").partition(".")[0]
        there = f"{id}.{host}" if host.startswith("lambda-url") else host
        reply = page.goto(f"http://{there}:{node.port}/_nightbus/console")
        assert reply is not None
        assert (reply.status, "set-cookie" in reply.headers) == (404, False)
    page.close()


def test_a_page_of_the_consoles_own_origin_would_be_seen(
    node: RunningNode, signed_in: BrowserContext
) -> None:
    """What the other tests rely on: a page with the console's origin reads, and changes nothing by guessing."""
    address = f"http://nightbus.localhost:{node.port}/own"
    body = page_text(node.port)
    signed_in.route(address, lambda route: route.fulfill(body=body, content_type="text/html"))
    seen = tried(signed_in, address)
    assert f"fetched http://nightbus.localhost:{node.port}/_nightbus/api/events" in seen
    assert not [one for one in seen if "127.0.0.1" in one or one.startswith("framed")]
    assert rules(node) == []


@pytest.mark.parametrize("host", ["page.evil.test", "evil.localhost", "localhost", "nightbus.localhost"])
def test_a_page_of_another_site_reads_and_changes_nothing(
    node: RunningNode, signed_in: BrowserContext, host: str
) -> None:
    """The last one is a program at another port of the console's host: its requests carry the cookie."""
    address = f"http://{host}:1/page"
    body = page_text(node.port)
    signed_in.route(address, lambda route: route.fulfill(body=body, content_type="text/html"))
    assert tried(signed_in, address) == []
    assert rules(node) == []


def test_a_name_that_was_pointed_at_this_machine_shows_nothing(
    node: RunningNode, signed_in: BrowserContext
) -> None:
    page = signed_in.new_page()
    for path in ("console", "api/events", "api/session", "status"):
        reply = page.goto(f"http://rebind.evil.test:{node.port}/_nightbus/{path}")
        assert reply is not None
        assert reply.status == 403
    page.close()


def test_the_console_runs_no_script_but_its_own(node: RunningNode, signed_in: BrowserContext) -> None:
    page = signed_in.new_page()
    blocked: list[str] = []
    page.on("console", lambda message: blocked.append(message.text))
    page.goto(f"http://nightbus.localhost:{node.port}/_nightbus/console")
    page.evaluate("""() => {
      const script = member => document.body.append(Object.assign(document.createElement('script'), member))
      script({textContent: 'window.ran = 1'})
      script({src: 'http://127.0.0.1:1/x.js'})
      const image = new Image(); image.src = 'http://127.0.0.1:1/x.png'
      document.body.insertAdjacentHTML('beforeend', '<a id=a onclick="window.ran = 1">x</a>')
      document.getElementById('a').click()
    }""")
    page.wait_for_function("true")
    assert page.evaluate("window.ran") is None
    refused = [text for text in blocked if "Content Security Policy" in text]
    assert len(refused) >= 3, blocked
    page.close()


def test_the_session_ends_where_its_owner_signs_out(node: RunningNode, signed_in: BrowserContext) -> None:
    """Last: the browser is signed out by it."""
    page = signed_in.new_page()
    page.goto(f"http://nightbus.localhost:{node.port}/_nightbus/console")
    assert page.evaluate("document.cookie") == ""  # no script sees the cookie
    statuses = page.evaluate("""async () => {
      const session = await (await fetch('/_nightbus/api/session')).json()
      const headers = {'x-nightbus-token': session.token}
      const out = await fetch('/_nightbus/api/session', {method: 'DELETE', headers})
      return [out.status, (await fetch('/_nightbus/api/session')).status]
    }""")
    assert statuses == [200, 401]
    assert signed_in.cookies(f"http://nightbus.localhost:{node.port}/_nightbus/") == []
    assert as_operator(node).get("/session")["token"] == ""


def function_url(node: RunningNode, body: str) -> str:
    """The address of a function that answers with this page."""
    answer = {"statusCode": 200, "headers": {"content-type": "text/html"}, "body": body}
    code = f"def handler(event, context):\n    return {answer!r}\n"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("app.py", code)
    trust: Any = {
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ]
    }
    role = node.client("iam").create_role(RoleName="page", AssumeRolePolicyDocument=json.dumps(trust))[
        "Role"
    ]["Arn"]
    functions = node.client("lambda")
    functions.create_function(
        FunctionName="page",
        Runtime="python3.13",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": archive.getvalue()},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="page")
    address: str = functions.create_function_url_config(FunctionName="page", AuthType="NONE")["FunctionUrl"]
    for action, more in (
        ("lambda:InvokeFunctionUrl", {"FunctionUrlAuthType": "NONE"}),
        ("lambda:InvokeFunction", {"InvokedViaFunctionUrl": True}),
    ):
        functions.add_permission(
            FunctionName="page", StatementId=action[7:], Action=action, Principal="*", **more
        )
    return address
