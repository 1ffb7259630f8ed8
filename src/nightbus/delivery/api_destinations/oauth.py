"""Fetches the access tokens of connections by OAuth's client credentials grant.

RFC 6749, sections 4.4 and 2.3.1: the client's id and secret go as parameters. Tokens live in memory only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson

from nightbus.bounded import Bounded, Locks
from nightbus.clock import Clock
from nightbus.delivery.api_destinations.connections import Connection
from nightbus.delivery.api_destinations.parameters import headers_of, pairs_of, with_query
from nightbus.outbound.http_client import HttpClient, HttpReply, HttpRequest, Unreachable

_SECONDS = 5.0
_EARLIER_MS = 30_000  # a token that ends within this is fetched anew
_WITHOUT_END_MS = 3_600_000  # where the answer does not say how long it lasts
_MOST_SHOWN = 200
_MOST_TOKENS = 1000


class NoToken(Exception):
    """The authorization endpoint gave none; the text says why, without what was sent there.

    `passing`: it may well give one a little later.
    """

    def __init__(self, text: str, passing: bool = False) -> None:
        super().__init__(text)
        self.passing = passing


@dataclass(frozen=True, slots=True)
class AccessToken:
    """`ends` in UTC ms."""

    value: str
    kind: str
    ends: int

    @property
    def header(self) -> str:
        return f"{self.kind} {self.value}"


async def fetch_token(connection: Connection, http: HttpClient, now_ms: int) -> AccessToken:
    """Raises NoToken."""
    try:
        reply = await http.send(_request(connection.auth["OAuthParameters"]), _SECONDS)
    except Unreachable as broken:
        raise NoToken(f"the authorization endpoint cannot be reached: {broken}", passing=True) from None
    return _token(reply, now_ms)


def _request(oauth: Mapping[str, Any]) -> HttpRequest:
    client, further = oauth["ClientParameters"], oauth.get("OAuthHttpParameters") or {}
    query = pairs_of(further, "QueryStringParameters")
    fields = {
        "grant_type": "client_credentials",
        "client_id": client["ClientID"],
        "client_secret": client["ClientSecret"],
        **pairs_of(further, "BodyParameters"),
    }
    method, body = oauth["HttpMethod"], b""
    headers = {"Accept": "application/json", **headers_of(further)}
    if method == "GET":
        query = fields | query
    else:
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        body = urlencode(fields).encode()
    url = with_query(oauth["AuthorizationEndpoint"], query)
    return HttpRequest(method, url, headers, body, encrypted_unless_nearby=True)


def _token(reply: HttpReply, now_ms: int) -> AccessToken:
    try:
        answer = orjson.loads(reply.body)
    except ValueError:
        answer = None
    if not isinstance(answer, Mapping):
        text = f"the authorization endpoint answered HTTP {reply.status}, and no JSON object"
        raise NoToken(text, _is_passing(reply.status))
    value = answer.get("access_token")
    if not 200 <= reply.status < 300 or not isinstance(value, str) or not value:
        description = str(
            answer.get("error_description") or answer.get("error") or "no access_token in its answer"
        )
        text = f"the authorization endpoint answered HTTP {reply.status}: {description[:_MOST_SHOWN]}"
        raise NoToken(text, _is_passing(reply.status))
    try:
        lasts = int(float(answer.get("expires_in") or 0) * 1000)
    except (TypeError, ValueError, OverflowError):
        lasts = 0
    kind = str(answer.get("token_type") or "Bearer")
    # RFC 6749, 7.1: the type's name is not case-sensitive, and some servers that say "bearer" want "Bearer".
    return AccessToken(
        value, "Bearer" if kind.lower() == "bearer" else kind, now_ms + (lasts or _WITHOUT_END_MS)
    )


def _is_passing(status: int) -> bool:
    return status == 429 or status >= 500


class AccessTokens:
    """The tokens of all connections: one is fetched when it is needed, and once for all who need it then."""

    def __init__(self, http: HttpClient, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._tokens: Bounded[str, tuple[int, AccessToken]] = Bounded(_MOST_TOKENS)
        self._locks: Locks[str] = Locks()

    def __len__(self) -> int:
        return len(self._tokens)

    async def token(self, connection: Connection) -> AccessToken:
        """Raises NoToken."""
        async with self._locks.holding(connection.arn):
            revision, token = self._tokens.get(connection.arn, (0, None))
            if token is None or revision != connection.revision or self._is_ending(token):
                token = await fetch_token(connection, self._http, self._clock.now_ms())
                self._tokens[connection.arn] = (connection.revision, token)
            return token

    def _is_ending(self, token: AccessToken) -> bool:
        return token.ends - self._clock.now_ms() < _EARLIER_MS

    def refused(self, connection: Connection, token: AccessToken) -> None:
        """An endpoint does not take it: the next one is fetched."""
        if self._tokens.get(connection.arn, (0, None))[1] == token:
            del self._tokens[connection.arn]
