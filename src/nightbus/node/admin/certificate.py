"""Sends the certificate that verifies the signatures of SNS's notifications: `/SimpleNotificationService-….pem`."""

from __future__ import annotations

from nightbus.messaging.signing import CERTIFICATE_PATH
from nightbus.node.admin.request import AsgiScope, Send, send_bytes
from nightbus.node.node import Node


def is_certificate(scope: AsgiScope) -> bool:
    """Return whether the request is for a certificate. No bucket's name has capital letters."""
    path: str = scope["path"]
    return path.startswith(CERTIFICATE_PATH) and scope["method"] in ("GET", "HEAD")


async def send_certificate(node: Node, scope: AsgiScope, send: Send) -> None:
    pem = await node.platform.topics.signer.certificate(scope["path"])
    if pem is None:
        await send_bytes(scope, send, 404, b"text/plain", b"There is no such certificate.\n")
    else:
        await send_bytes(scope, send, 200, b"application/x-pem-file", pem)
