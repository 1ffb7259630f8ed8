"""Says who calls, whose account an access key names, and what an encoded message of a refusal says."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.identity.credentials import account_in, account_named_by
from nightbus.services.context import Context


async def get_caller_identity(ctx: Context) -> dict[str, Any]:
    caller = ctx.caller
    return {"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn}


async def get_access_key_info(ctx: Context, *, access_key_id: str) -> dict[str, Any]:
    """Return the account that the key names, whether or not there is such a key, as AWS does."""
    issued = access_key_id.startswith(("AKIA", "ASIA"))
    account = account_in(access_key_id) if issued else None
    return {"Account": account or account_named_by(access_key_id)}


async def decode_authorization_message(ctx: Context, *, encoded_message: str) -> dict[str, Any]:
    """Refuse the message: only some services of AWS encode why they refuse, and none of those is here."""
    text = "The encoded message is not valid: no service of Nightbus encodes why it refuses a request."
    raise AwsError("InvalidAuthorizationMessageException", text)
