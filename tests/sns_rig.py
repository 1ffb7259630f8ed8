"""Subscribers that tests can look at: queues, an HTTP endpoint and a mail server, the last two in threads."""

from __future__ import annotations

import base64
import ipaddress
import json
import socketserver
import ssl
import threading
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from waiting import wait_for

Client = Callable[..., Any]
ACCOUNT = "000000000000"


def unique(kind: str) -> str:
    return f"{kind}-{uuid4().hex[:8]}"


@dataclass(frozen=True)
class Inbox:
    """A queue that topics may send to."""

    sqs: Any
    url: str
    arn: str

    @classmethod
    def make(cls, client: Client, fifo: bool = False, open_to_topics: bool = True) -> Inbox:
        sqs = client("sqs")
        name = unique("queue") + (".fifo" if fifo else "")
        arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
        attributes = {"FifoQueue": "true"} if fifo else {}
        if open_to_topics:
            attributes["Policy"] = json.dumps(allowing(arn))
        return cls(sqs, sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"], arn)

    def take(self, count: int = 1, seconds: float = 60.0) -> list[dict[str, Any]]:
        """The next messages, as they are received."""
        found: list[dict[str, Any]] = []

        def enough() -> bool:
            wanted: dict[str, Any] = {"MessageAttributeNames": ["All"], "AttributeNames": ["All"]}
            reply = self.sqs.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=1, **wanted
            )
            for message in reply.get("Messages", []):
                found.append(message)
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
            return len(found) >= count

        wait_for(enough, seconds)
        assert len(found) == count
        return found

    def notifications(self, count: int = 1) -> list[dict[str, Any]]:
        """The next messages' bodies, which are JSON."""
        return [json.loads(message["Body"]) for message in self.take(count)]

    def is_empty(self) -> bool:
        reply = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        return not reply.get("Messages")


def allowing(queue_arn: str, topic_arn: str = "*") -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnLike": {"aws:SourceArn": topic_arn}},
    }
    if topic_arn == "*":
        del statement["Condition"]
    return {"Version": "2012-10-17", "Statement": [statement]}


@dataclass
class Post:
    headers: Mapping[str, str]
    body: str

    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body)
        return value


@dataclass
class HttpEndpoint:
    """Notes each POST and answers it with the next of `answers`, with 200 when there are no more."""

    answers: list[int] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    certificate: Path | None = None  # with its key: then it talks HTTPS
    _confirmed: int = 0

    def __enter__(self) -> HttpEndpoint:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status = endpoint.answers.pop(0) if endpoint.answers else 200
                endpoint.posts.append(Post(dict(self.headers), body))
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if self.certificate is not None:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(self.certificate)
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        scheme = "http" if self.certificate is None else "https"
        return f"{scheme}://127.0.0.1:{self._server.server_port}/hook?a=b"

    def of_kind(self, kind: str) -> list[Post]:
        return [post for post in self.posts if post.headers["x-amz-sns-message-type"] == kind]

    def wait(self, kind: str, count: int = 1) -> list[Post]:
        wait_for(lambda: len(self.of_kind(kind)) >= count)
        return self.of_kind(kind)

    def confirm(self) -> str:
        """Visit the SubscribeURL of the first question that is still to come; the answer's text."""
        self._confirmed += 1
        asked = self.wait("SubscriptionConfirmation", self._confirmed)
        return visit(asked[self._confirmed - 1].json()["SubscribeURL"])


def make_certificate(file: Path) -> Path:
    """For 127.0.0.1, with its key, self-signed."""
    key = generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "endpoint.test")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    return file


def visit(url: str) -> str:
    with urllib.request.urlopen(url) as reply:
        return str(reply.read().decode())


def verify(message: Mapping[str, Any]) -> None:
    """By AWS's documented string and the certificate that the message names. Raises InvalidSignature."""
    url = message.get("SigningCertURL") or message["SigningCertUrl"]
    with urllib.request.urlopen(url) as reply:
        certificate = x509.load_pem_x509_certificate(reply.read())
    if message["Type"] == "Notification":
        names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    else:
        names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    text = "".join(f"{name}\n{message[name]}\n" for name in names if message.get(name) is not None)
    digest = {"1": SHA1(), "2": SHA256()}[message["SignatureVersion"]]
    key = cast(RSAPublicKey, certificate.public_key())
    key.verify(base64.b64decode(message["Signature"]), text.encode(), PKCS1v15(), digest)


@dataclass
class MailServer:
    """A small SMTP server. `answers` are what it says to the next mails instead of taking them."""

    answers: list[str] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)

    def __enter__(self) -> MailServer:
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.say("220 mail.test ready")
                for line in self.rfile:
                    word = line.split(None, 1)[0].upper() if line.strip() else b""
                    if word == b"EHLO":
                        self.say("250-mail.test\r\n250 AUTH PLAIN")
                    elif word == b"AUTH":
                        server.logins.append(base64.b64decode(line.split()[2]).decode())
                        self.say("235 welcome")
                    elif word == b"RCPT" and server.answers:
                        self.say(server.answers.pop(0))
                    elif word == b"DATA":
                        self.say("354 go on")
                        self.take()
                    elif word == b"QUIT":
                        self.say("221 bye")
                        return
                    else:
                        self.say("250 ok")

            def take(self) -> None:
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line[1:] if line.startswith(b".") else line)
                parsed = message_from_bytes(b"".join(lines), policy=policy.default)
                self.say("250 taken")
                server.mails.append(parsed)

            def say(self, text: str) -> None:
                self.wfile.write(f"{text}\r\n".encode())

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def wait(self, receiver: str, count: int = 1) -> list[EmailMessage]:
        """The mails to one receiver, once there are so many."""

        def found() -> list[EmailMessage]:
            return [mail for mail in self.mails if mail["To"] == receiver]

        wait_for(lambda: len(found()) >= count)
        return found()


def text_of(mail: EmailMessage) -> str:
    return str(mail.get_content()).replace("\r\n", "\n")
