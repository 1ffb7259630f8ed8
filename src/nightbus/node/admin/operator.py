"""Admits whoever runs the node: who shows the key of its data folder."""

from __future__ import annotations

import hmac

from nightbus.aws.errors import AwsError
from nightbus.node.admin.request import AdminRequest
from nightbus.node.operator_key import OPERATOR_HEADER


def is_operator(request: AdminRequest) -> bool:
    """Return whether the caller shows the key, or needs none since every caller is an administrator."""
    return request.node.dev_credentials or _shows_key(request)


def require_operator(request: AdminRequest, command: str) -> None:
    """`command` is the one that shows the key, for the message. Raises AwsError where the caller does not show it."""
    if not _shows_key(request):
        raise AwsError("AccessDenied", f"This is for whoever runs the node: {command}.", 403)


def _shows_key(request: AdminRequest) -> bool:
    return hmac.compare_digest(request.header(OPERATOR_HEADER), request.node.operator_key.encode())
