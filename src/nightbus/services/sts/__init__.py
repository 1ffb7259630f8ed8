"""Registers the operations of AWS STS: the caller's identity, and temporary credentials."""

from __future__ import annotations

from nightbus.services.context import Handler
from nightbus.services.sts import identity, sessions

HANDLERS: dict[str, Handler] = {
    "AssumeRole": sessions.assume_role,
    "DecodeAuthorizationMessage": identity.decode_authorization_message,
    "GetAccessKeyInfo": identity.get_access_key_info,
    "GetCallerIdentity": identity.get_caller_identity,
    "GetFederationToken": sessions.get_federation_token,
    "GetSessionToken": sessions.get_session_token,
}
