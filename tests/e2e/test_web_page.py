"""A page that a real browser opens tries all that a page can, and reaches nothing of the node."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from browser import BROWSER, need_browser

from nodes import RunningNode

QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]

PAGE = """<!doctype html><title>tries</title><body><pre id=result></pre><script>
const node = NODE, seen = {}
const form = (name, action, fields) => new Promise(done => {
  const frame = document.createElement("iframe"); frame.name = name; frame.onload = done
  const form = document.createElement("form"); form.method = "POST"; form.target = name; form.action = action
  for (const [key, value] of Object.entries(fields)) {
    const input = document.createElement("input"); input.name = key; input.value = value; form.append(input)
  }
  document.body.append(frame, form); form.submit()
})
const image = source => new Promise(done => {
  const image = new Image(); image.onload = image.onerror = done; image.src = source
})
const scope = service => "X-Amz-Credential=test/20260101/us-east-1/" + service + "/aws4_request"
const presigned = service => scope(service) + "&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20990101T000000Z" +
  "&X-Amz-SignedHeaders=host&X-Amz-Signature=0&X-Amz-Expires=600"
const tries = {
  form: () => form("a", node + "/?" + presigned("sqs"),
    {Action: "CreateQueue", QueueName: "by-form", Version: "2012-11-05"}),
  text: () => fetch(node + "/?" + presigned("sqs"), {method: "POST", mode: "no-cors",
    headers: {"Content-Type": "text/plain"}, body: "Action=CreateQueue&QueueName=by-text&Version=2012-11-05"}),
  image: () => image(node + "/?Action=CreateQueue&QueueName=by-image&Version=2012-11-05&" + presigned("sqs")),
  bucket: () => fetch(node + "/by-fetch?" + presigned("s3"), {method: "POST", mode: "no-cors"}),
  json: () => fetch(node + "/", {method: "POST", headers: {"X-Amz-Target": "AmazonSQS.CreateQueue",
    "Content-Type": "application/x-amz-json-1.0", "Authorization": "AWS4-HMAC-SHA256 Credential=" +
    "test/20260101/us-east-1/sqs/aws4_request"}, body: '{"QueueName": "by-json"}'}),
  status: async () => { seen.read = await (await fetch(node + "/_nightbus/status")).text() },
}
addEventListener("load", async () => {
  for (const [name, attempt] of Object.entries(tries)) {
    try { await attempt(); seen[name] = "sent" } catch (failure) { seen[name] = String(failure) }
  }
  document.getElementById("result").textContent = JSON.stringify(seen)
})
</script>"""


@pytest.fixture(scope="module")
def page(node: RunningNode) -> Iterator[str]:
    """The address of the page, on another port of this machine."""
    body = PAGE.replace("NODE", json.dumps(f"http://localhost:{node.port}"), 1).encode()

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()


def shown(folder: Path, address: str) -> str:
    """The page's document after its scripts have run; names below evil.test are this machine."""
    need_browser()
    done = subprocess.run(
        [
            BROWSER,
            *QUIET,
            f"--user-data-dir={folder}",
            "--host-resolver-rules=MAP *.evil.test 127.0.0.1",
            "--virtual-time-budget=20000",
            "--dump-dom",
            address,
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout


def test_nothing_that_a_page_sends_has_an_effect(node: RunningNode, page: str, tmp_path: Path) -> None:
    document = shown(tmp_path, page)
    result = json.loads(document.split('<pre id="result">', 1)[1].split("</pre>", 1)[0])
    assert set(result) == {"form", "text", "image", "bucket", "json", "status"}  # and nothing was read
    assert "TypeError" in result["json"]
    assert "TypeError" in result["status"]
    assert "QueueUrls" not in node.client("sqs").list_queues()
    assert node.client("s3").list_buckets()["Buckets"] == []


def test_a_name_that_was_rebound_to_this_machine_shows_nothing(node: RunningNode, tmp_path: Path) -> None:
    document = shown(tmp_path, f"http://rebind.evil.test:{node.port}/_nightbus/status")
    assert "does not answer to the host" in document
    assert "dev_credentials" not in document


def test_who_types_the_address_sees_the_status(node: RunningNode, tmp_path: Path) -> None:
    document = shown(tmp_path, f"http://127.0.0.1:{node.port}/_nightbus/status")
    assert "dev_credentials" in document
