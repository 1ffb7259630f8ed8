"""Gives the operator of the node the access key of an account's administrator: `credentials`."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.grammar import is_account
from nightbus.identity.key_file import dev_key
from nightbus.node.admin.operator import require_operator
from nightbus.node.admin.request import AdminRequest, body_scope


async def administrator_key(request: AdminRequest) -> dict[str, Any]:
    """Return the key of the body's `account`, which is made at the first request for it.

    With `new` true the administrator gets another key, and the key from before is deleted. Raises AwsError.
    """
    require_operator(request, "nightbus env")
    body = await request.read_json()
    account = body_scope(body).account
    if not is_account(account):
        raise AwsError("ValidationException", f"{account[:80]!r} is not an account: it has twelve digits.")
    node = request.node
    if body.get("new") is True:
        key = await node.administrator_keys.replace(account)
    elif node.dev_credentials:
        key = dev_key(account)
    else:
        key = await node.administrator_keys.ensure(account)
    return {"AccessKeyId": key.id, "SecretAccessKey": key.secret}
