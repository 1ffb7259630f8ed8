"""Extensions as programs for tests: each is one file of a layer, which speaks the Extensions API with urllib."""

from __future__ import annotations

import io
import zipfile

# What every one of them begins with. `call` returns status, headers and JSON.
HEAD = """#!/usr/bin/env python3
import json, os, sys, urllib.error, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"]
NAME = os.path.basename(sys.argv[0])
def call(method, path, body=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    named = {{"Lambda-Extension-" + key.replace("_", "-"): value for key, value in headers.items()}}
    request = urllib.request.Request(API + path, data=data, headers=named, method=method)
    try:
        with urllib.request.urlopen(request) as reply:
            text = reply.read().decode()
            return reply.status, reply.headers, json.loads(text) if text.startswith("{{") else text
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, json.loads(refused.read())
def register(events, **headers):
    return call("POST", "/2020-01-01/extension/register", {{"events": events}}, Name=NAME, **headers)
def next_event(identifier):
    return call("GET", "/2020-01-01/extension/event/next", Identifier=identifier)[2]
"""
# Prints each event, and what the body does with it.
LOOP = """
status, headers, answer = register(["INVOKE", "SHUTDOWN"], Accept_Feature="accountId")
identifier = headers["Lambda-Extension-Identifier"]
print("registered", json.dumps(answer), flush=True)
while True:
    event = next_event(identifier)
    print("event", json.dumps(event), flush=True)
    on_event(event)
    if event["eventType"] == "SHUTDOWN":
        sys.exit(0)
"""
# Listens, subscribes, and prints what comes as `got [...]`.
LISTEN = """
import http.server, threading
class Listener(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        batch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()
        for one in batch:
            if one["type"] != "extension":
                print("got", json.dumps(one), flush=True)
    def log_message(self, *_): pass
def on_event(event):
    if event["eventType"] == "SHUTDOWN":
        import time
        time.sleep(0.3)
status, headers, _ = register(["INVOKE", "SHUTDOWN"])
identifier = headers["Lambda-Extension-Identifier"]
def listen():
    server = http.server.HTTPServer(("sandbox.localdomain", 4243), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
def subscribe(path, **changes):
    wanted = {
        "schemaVersion": "2022-12-13",
        "types": ["platform", "function"],
        "buffering": {"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 100},
        "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:4243/"},
    }
    reply = call("PUT", path, {**wanted, **changes}, Identifier=identifier)
    print("subscribed", json.dumps([reply[0], reply[2]]), flush=True)
"""
EVENT_LOOP = """
while True:
    event = next_event(identifier)
    on_event(event)
    if event["eventType"] == "SHUTDOWN":
        sys.exit(0)
"""


def program(body: str = "def on_event(event): pass", loop: str = LOOP) -> str:
    """`body` defines what `loop` calls."""
    return HEAD.format() + body + loop


def layer_of(*, mode: int = 0o755, **programs: str) -> bytes:
    """The zip of a layer with these extensions, by name."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in programs.items():
            entry = zipfile.ZipInfo(f"extensions/{name}")
            entry.external_attr = (0o100000 | mode) << 16
            archive.writestr(entry, text)
    return packed.getvalue()
