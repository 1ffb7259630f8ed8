"""Sends requests to API destinations, with the authorization of their connection and within their rate.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.clock import Clock
from nightbus.delivery.api_destinations.connections import (
    AUTHORIZED,
    ApiDestination,
    Connection,
    api_destination_of,
    connection_of,
)
from nightbus.delivery.api_destinations.oauth import AccessToken, AccessTokens, NoToken
from nightbus.delivery.api_destinations.parameters import OAUTH, put_headers, request_for
from nightbus.delivery.forwarding.interface import Unforwardable
from nightbus.delivery.jobs import Delivered, Failed, Outcome, Postponed
from nightbus.delivery.rates import Rates
from nightbus.outbound.http_client import HttpClient, HttpReply, HttpRequest, Unreachable
from nightbus.store.interface import Store
from nightbus.store.vault import Vault, VaultClosed

log = logging.getLogger("nightbus.delivery")

TIMEOUT_SECONDS = 5.0
_UNAUTHORIZED = (401, 407)
_AGAIN = (401, 407, 409, 429)
_SERVER_ERROR = 500
_CODES = {
    401: "NotAuthorized",
    403: "NotAuthorized",
    407: "NotAuthorized",
    409: "ResourceConflict",
    429: "Throttling",
}
_UNABLE = "Unable to invoke ApiDestination endpoint:"


class ApiInvoker:
    def __init__(self, store: Store, vault: Vault, http: HttpClient, clock: Clock) -> None:
        self._store = store
        self._vault = vault
        self._http = http
        self._clock = clock
        self._tokens = AccessTokens(http, clock)

    def in_memory(self) -> dict[str, int]:
        return {"access tokens": len(self._tokens)}

    async def invoke(
        self, scope: Scope, arn: str, who: str, parameters: Mapping[str, Any], input_text: str, rates: Rates
    ) -> Outcome | Postponed:
        """`who` is the same for every attempt of a delivery, `parameters` are HttpParameters filled from the event."""
        destination = await api_destination_of(self._store, scope, arn)
        if destination is None:
            return Failed("ResourceNotFound", f"API destination {arn} does not exist.", permanent=True)
        wait = await rates.moment(arn, destination.rate, who, self._clock.now_ms())
        if wait is not None:
            return Postponed(wait)
        try:
            connection = await connection_of(self._store, self._vault, scope, destination.connection_arn)
        except VaultClosed as closed:
            log.error("%s", closed)
            return Failed("InternalFailure", "The connection's secrets cannot be opened.", permanent=False)
        if problem := _unusable(destination, connection):
            return problem
        assert connection is not None
        try:
            request = request_for(destination, connection, parameters, input_text)
        except Unforwardable as reason:
            return Failed("InvalidInput", str(reason), permanent=True)
        return await self._send(request, connection)

    async def _send(self, request: HttpRequest, connection: Connection) -> Outcome:
        token: AccessToken | None = None
        try:
            if connection.authorization_type == OAUTH:
                token = await self._tokens.token(connection)
                headers = dict(request.headers)
                put_headers(headers, {"Authorization": token.header})
                request = replace(request, headers=headers)
            reply = await self._http.send(request, TIMEOUT_SECONDS)
        except NoToken as reason:
            return Failed("NotAuthorized", f"No access token: {reason}", permanent=False)
        except Unreachable as broken:
            code = "Timeout" if broken.timed_out else "ConnectionFailure"
            text = f"{_UNABLE} The API destination endpoint cannot be reached: {broken}."
            return Failed(code, text, permanent=broken.unknown)
        if token is not None and reply.status in _UNAUTHORIZED:
            self._tokens.refused(connection, token)
        return self._outcome(reply)

    def _outcome(self, reply: HttpReply) -> Outcome:
        status = reply.status
        if 200 <= status < 300:
            return Delivered()
        code, text = _error(status)
        if status < _SERVER_ERROR and status not in _AGAIN:
            return Failed(code, text, permanent=True, status=status)
        now = self._clock.now_ms()
        wait = retry_after_ms(reply.headers.get("retry-after", ""), now)
        if wait is None:
            return Failed(code, text, permanent=False, status=status)
        # A negative Retry-After asks for no further attempt.
        return Failed(code, text, permanent=wait < 0, not_before=now + wait, status=status)


def _error(status: int) -> tuple[str, str]:
    """The code and the message of an answer that is no success."""
    if status >= _SERVER_ERROR:
        return "ServiceException", f"{_UNABLE} The API destination endpoint answered HTTP {status}."
    code = _CODES.get(status, "SdkClientError")
    if code != "NotAuthorized":
        return code, f"{_UNABLE} The API destination endpoint answered HTTP {status}."
    return code, (
        f"{_UNABLE} The request failed because the credentials included for the connection are not authorized "
        f"for the API destination (HTTP {status})."
    )


def _unusable(destination: ApiDestination, connection: Connection | None) -> Failed | None:
    if connection is None:
        text = f"Connection {destination.connection_arn} does not exist."
        return Failed("ResourceNotFound", text, permanent=True)
    if connection.state != AUTHORIZED and (connection.authorization_type != OAUTH or not connection.auth):
        return Failed("NotAuthorized", f"Connection {connection.arn} is {connection.state}.", permanent=False)
    return None


def retry_after_ms(text: str, now_ms: int) -> int | None:
    """Seconds, or a date (RFC 9110, 10.2.3), as ms from now; None where there is nothing to go by."""
    text = text.strip()
    try:
        return int(text) * 1000
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0, int(when.timestamp() * 1000) - now_ms)
