"""Keeps out of the store what a subscription has in confidence: the password of its URL, and its confirmation's token.

The URL is stored with a mask in the place of the password, beside the sealed one. As on AWS, only
GetSubscriptionAttributes shows it whole. The token follows from what is stored and a secret of the node.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

from nightbus.store.vault import Vault, VaultClosed

_PASSWORD = re.compile(r"(https?://[^/?#@:]*:)[^/?#]*(?=@)", re.IGNORECASE)
_TOKENS = "sns/confirmation-tokens"  # the name of the node's secret


async def kept_endpoint(vault: Vault, endpoint: str) -> dict[str, str]:
    """Return the members of a subscription's value for its endpoint."""
    shown = _PASSWORD.sub(r"\1****", endpoint, count=1)
    if shown == endpoint:
        return {"endpoint": endpoint}
    return {"endpoint": shown, "sealed": await asyncio.to_thread(vault.seal, endpoint.encode())}


def whole_endpoint(vault: Vault, endpoint: str, sealed: str) -> str:
    """Return the endpoint with its password; without the vault's key, which is lost then, as it is shown."""
    try:
        return vault.open(sealed).decode() if sealed else endpoint
    except VaultClosed:
        return endpoint


def endpoint_of(vault: Vault, value: Mapping[str, Any]) -> str:
    """Return the whole endpoint of a subscription's value."""
    return whole_endpoint(vault, value["endpoint"], value.get("sealed", ""))


def confirmation_token(vault: Vault, stored: str) -> str:
    """Return the token that the endpoint gets, 64 hexadecimal digits. `stored` is what the record has for it."""
    return hmac.new(vault.keyed(_TOKENS), stored.encode(), hashlib.sha256).hexdigest()
