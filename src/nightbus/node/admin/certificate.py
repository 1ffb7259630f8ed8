"""Sends the certificate that verifies the signatures of SNS's notifications: `sns/certificate.pem`."""

from __future__ import annotations

from nightbus.node.admin.request import AdminRequest, send_bytes


async def send_certificate(request: AdminRequest) -> None:
    pem = await request.node.platform.topics.signer.certificate()
    await send_bytes(request.asgi, request.send, 200, b"application/x-pem-file", pem)
