"""A Python function that answers as a custom runtime does, so that it can stream: its import never returns.

The event says what it does: `{"do": "<name of a function below>", ...}`. With `gate`, the port of a
`Gate`, `chunks` waits after each chunk until the test lets it go on.
"""

from __future__ import annotations

import io
import socket
import zipfile

_SOURCE = '''
import base64, json, os, socket, sys, time

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
HOST, PORT = API.split(":")


class Stream:
    def __init__(self, request_id, content_type="application/octet-stream", trailers=()):
        self.socket = socket.create_connection((HOST, int(PORT)))
        named = "Trailer: " + ", ".join(trailers) + "\\r\\n" if trailers else ""
        self.socket.sendall((
            f"POST /2018-06-01/runtime/invocation/{request_id}/response HTTP/1.1\\r\\nHost: {API}\\r\\n"
            f"Content-Type: {content_type}\\r\\nLambda-Runtime-Function-Response-Mode: streaming\\r\\n"
            f"{named}Transfer-Encoding: chunked\\r\\n\\r\\n").encode())

    def write(self, data):
        self.socket.sendall(b"%x\\r\\n%b\\r\\n" % (len(data), data))

    def end(self, **trailers):
        lines = "".join(f"Lambda-Runtime-Function-Error-{k}: {v}\\r\\n" for k, v in trailers.items())
        self.socket.sendall(f"0\\r\\n{lines}\\r\\n".encode())
        reply = self.socket.recv(4096)
        self.socket.close()
        return reply.split(b" ")[1].decode()


def request(method, path, body=b""):
    import http.client
    connection = http.client.HTTPConnection(HOST, int(PORT))
    connection.request(method, "/2018-06-01/runtime/" + path, body)
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response, data


def chunks(event, request_id):
    stream = Stream(request_id, event.get("content_type", "text/plain"))
    gate = socket.create_connection(("127.0.0.1", event["gate"])) if "gate" in event else None
    for chunk in event["chunks"]:
        stream.write(chunk.encode())
        if gate is not None:
            gate.recv(1)
    print("ended with", stream.end(), flush=True)


def fails(event, request_id):
    stream = Stream(request_id, trailers=("Lambda-Runtime-Function-Error-Type", "Lambda-Runtime-Function-Error-Body"))
    stream.write(b"begun")
    body = json.dumps({"errorType": "Custom.Broken", "errorMessage": "in the middle"}).encode()
    stream.end(Type="Custom.Broken", Body=base64.b64encode(body).decode())


def hangs(event, request_id):
    Stream(request_id).write(b"begun")
    time.sleep(60)


def exits(event, request_id):
    Stream(request_id).write(b"begun")
    os._exit(3)


def cut(event, request_id):
    stream = Stream(request_id)
    stream.write(b"begun")
    stream.socket.close()


def large(event, request_id):
    stream = Stream(request_id, event.get("content_type", "application/octet-stream"))
    piece, began = b"x" * 65536, time.monotonic()
    for number in range(event["bytes"] // len(piece)):
        stream.write(piece)
        if number % 160 == 0:
            print("sent", number * len(piece), flush=True)
    print(f"ended with {stream.end()} after {time.monotonic() - began:.2f} s", flush=True)


def whole(event, request_id):
    request("POST", f"invocation/{request_id}/response", json.dumps(event).encode())


def error(event, request_id):
    request("POST", f"invocation/{request_id}/error", b'{"errorType": "Custom.No", "errorMessage": "no"}')


def http(event, request_id):
    """Streams with the prelude for function URLs."""
    stream = Stream(request_id, "application/vnd.awslambda.http-integration-response")
    if event.get("prelude") is not None:
        stream.write(json.dumps(event["prelude"]).encode())
        stream.write(b"\\0" * 3)
        stream.write(b"\\0" * 5)
    for chunk in event["chunks"]:
        stream.write(chunk.encode())
    stream.end()


while True:
    response, data = request("GET", "invocation/next")
    event = json.loads(data)
    if event.get("requestContext"):
        event = json.loads(event["body"]) if event.get("body") else {"do": "whole", "event": event}
    globals()[event["do"]](event, response.headers["Lambda-Runtime-Aws-Request-Id"])
'''


def streaming_code() -> bytes:
    """The zip file of the function; its handler is `app.handler`, and its `bootstrap` does the same."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", _SOURCE)
        bootstrap = zipfile.ZipInfo("bootstrap")
        bootstrap.external_attr = 0o755 << 16
        archive.writestr(bootstrap, "#!/usr/bin/env python3\n" + _SOURCE)
    return packed.getvalue()


class Gate:
    """Where a function waits until the test opens."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._function: socket.socket | None = None

    def open(self) -> None:
        """Let the function go on once."""
        if self._function is None:
            self._function = self._listener.accept()[0]
        self._function.send(b".")

    def close(self) -> None:
        self._listener.close()
        if self._function is not None:
            self._function.close()
