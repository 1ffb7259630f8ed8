"""Speaks the Runtime API inside an environment, in the place of awslambdaric's native client.

awslambdaric imports a module named `runtime_client` and calls four functions of it. `RuntimeClient` has these, with the
native client's results and errors. A result goes to the node with the question for the next invocation in one request,
so that an invocation costs one write and one read; with libcurl it was two requests, and most of what a short
invocation took. The same header says how much memory the process had at most, which the node would else read in /proc.
This file is loaded by a zygote, by any Python from 3.8 on, without Nightbus importable: standard library only.
"""

import sys
from resource import RUSAGE_SELF, getrusage
from socket import AF_INET, IPPROTO_TCP, SOCK_STREAM, TCP_NODELAY, socket

INVOCATION = "/2018-06-01/runtime/invocation/"
READ = 65536
KILOBYTE = 1024 if sys.platform == "darwin" else 1  # in the units of ru_maxrss
LONGEST_HEAD = 1048576
NO_NEXT = "Failed to get next"
NAMES = (
    "Lambda-Runtime-Aws-Request-Id",
    "Lambda-Runtime-Trace-Id",
    "Lambda-Runtime-Invoked-Function-Arn",
    "Lambda-Runtime-Deadline-Ms",
    "Lambda-Runtime-Client-Context",
    "Lambda-Runtime-Cognito-Identity",
    "Lambda-Runtime-Aws-Tenant-Id",
    "Lambda-Runtime-Invocation-Id",
    "Content-Type",
)
HEADERS = [(name, name.lower()) for name in NAMES]
CALLBACK = b"/cloudformation-custom-resource-response-"  # as in stacks/callbacks/urls.py
PLAIN = set()  # the addresses that HTTPSConnection reaches without TLS


def reach_callbacks(payload):
    """Let HTTPSConnection reach the host of a response's URL, although the node speaks HTTP.

    Helpers such as crhelper make one of the URL's host and port, whatever its scheme is. Other hosts are as before.
    """
    import re
    from http.client import HTTPConnection, HTTPSConnection

    if not PLAIN:
        connect = HTTPSConnection.connect

        def connect_to(connection):
            plain = f"{connection.host}:{connection.port}" in PLAIN
            return (HTTPConnection.connect if plain else connect)(connection)

        HTTPSConnection.connect = connect_to
    PLAIN.update(host.decode() for host in re.findall(rb"http://([^/\s\"\\\\]+)" + CALLBACK, payload))


class RuntimeClient:
    """`address` is the value of AWS_LAMBDA_RUNTIME_API. It connects when it is first used."""

    def __init__(self, address):
        self.address = address
        self.connection = None
        self.asked = b""  # the request whose answer brings the next invocation
        self.before_next = (
            None  # called before the next invocation is awaited; what it returns is called then
        )

    def initialize_client(self, user_agent):
        """Nothing is to be prepared, and the node reads no user agent."""

    def next(self):
        """Wait for an invocation: its payload, and its headers by name, None for one that is absent."""
        request = self.asked
        if self.before_next is not None:
            self.before_next = self.before_next()
        if not request:
            request = f"GET {INVOCATION}next HTTP/1.1\r\nHost: {self.address}\r\n\r\n".encode()
            self.send(request, NO_NEXT)
        self.asked = b""
        status, headers, payload = self.answer(request)
        if status != "200":
            raise RuntimeError("Failed to post invocation response" if request[:4] == b"POST" else NO_NEXT)
        given = {name: headers.get(key) for name, key in HEADERS}
        given["Lambda-Runtime-Deadline-Ms"] = int(headers["lambda-runtime-deadline-ms"])
        if CALLBACK in payload:
            reach_callbacks(payload)
        return payload, given

    def post_invocation_result(self, invoke_id, data, content_type="application/json", *newer):
        self.post(invoke_id, "response", data, "Failed to post invocation response")

    def post_error(self, invoke_id, data, xray_fault="", *newer):
        """The node has no use for what is meant for X-Ray."""
        body = data.encode() if isinstance(data, str) else data
        self.post(invoke_id, "error", body, "Failed to post invocation error")

    def post(self, invoke_id, kind, data, failure):
        line = f"POST {INVOCATION}{invoke_id}/{kind} HTTP/1.1\r\nHost: {self.address}\r\n"
        peak = getrusage(RUSAGE_SELF).ru_maxrss // KILOBYTE
        request = f"{line}Nightbus-Next: {peak}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data
        self.send(request, failure)
        self.asked = request

    def send(self, request, failure):
        """Once more on another connection, where that of the request before is lost."""
        if self.connection is not None:
            try:
                self.connection.sendall(request)
                return
            except OSError:
                self.close()
        try:
            self.connect()
            self.connection.sendall(request)
        except OSError:
            raise RuntimeError(failure) from None

    def connect(self):
        host, _, port = self.address.rpartition(":")
        self.connection = socket(AF_INET, SOCK_STREAM)
        self.connection.settimeout(None)  # whatever default the function has set
        self.connection.connect((host, int(port)))
        self.connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def answer(self, request):
        """Status, headers by lower-case name, body. A connection that ends before it is opened once again."""
        data = self.read()
        if not data:
            self.close()
            self.send(request, NO_NEXT)
            data = self.read()
        while b"\r\n\r\n" not in data:
            more = self.read()
            if not more or len(data) > LONGEST_HEAD:
                raise RuntimeError(NO_NEXT)
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        missing = int(headers.get("content-length", "0")) - len(body)
        if missing > 0:
            parts = [body]
            while missing > 0:
                more = self.read()
                if not more:
                    raise RuntimeError(NO_NEXT)
                parts.append(more)
                missing -= len(more)
            body = b"".join(parts)
        return first.split(" ")[1], headers, body

    def read(self):
        """b"" at the end of the connection, however it ended."""
        try:
            return self.connection.recv(READ)
        except OSError:
            return b""
