"""Makes the request to an API destination from the parameters of its connection, the target and the event.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html says which headers are whose.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from nightbus.bus.json_text import parse_json, write_json
from nightbus.delivery.api_destinations.connections import ApiDestination, Connection
from nightbus.delivery.forwarding.interface import Unforwardable
from nightbus.outbound.http_client import HttpRequest

API_KEY, BASIC, OAUTH = "API_KEY", "BASIC", "OAUTH_CLIENT_CREDENTIALS"
_OWN = {
    "User-Agent": "Amazon/EventBridge/ApiDestinations",
    "Range": "bytes=0-1048575",
    "Accept-Encoding": "gzip,deflate",  # nothing here reads the answer's body
}
_JSON = "application/json; charset=utf-8"
# Those that EventBridge takes out of a request, whoever put them in.
REMOVED = frozenset(
    {
        "a-im",
        "accept-charset",
        "accept-datetime",
        "accept-encoding",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-md5",
        "date",
        "expect",
        "forwarded",
        "from",
        "host",
        "http2-settings",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "max-forwards",
        "origin",
        "pragma",
        "proxy-authorization",
        "range",
        "referer",
        "te",
        "trailer",
        "transfer-encoding",
        "user-agent",
        "upgrade",
        "via",
        "warning",
    }
)


def pairs_of(parameters: Mapping[str, Any], block: str) -> dict[str, str]:
    """`[{"Key": ..., "Value": ..., "IsValueSecret": ...}]` as a mapping."""
    return {one.get("Key", ""): one.get("Value", "") for one in parameters.get(block) or ()}


def headers_of(parameters: Mapping[str, Any]) -> dict[str, str]:
    return pairs_of(parameters, "HeaderParameters")


def with_query(url: str, pairs: Mapping[str, str]) -> str:
    """The URL with these parameters besides its own."""
    if not pairs:
        return url
    parsed = urlsplit(url)
    return urlunsplit(parsed._replace(query="&".join(filter(None, (parsed.query, urlencode(pairs))))))


def request_for(
    destination: ApiDestination, connection: Connection, parameters: Mapping[str, Any], input_text: str
) -> HttpRequest:
    """`parameters` are the target's HttpParameters, filled from the event; of one name, the connection's value wins.

    What an OAuth token authorizes gets its header later. Raises Unforwardable.
    """
    own = connection.auth.get("InvocationHttpParameters") or {}
    query = {**(parameters.get("QueryStringParameters") or {}), **pairs_of(own, "QueryStringParameters")}
    url = with_query(_with_path(destination.endpoint, parameters.get("PathParameterValues") or ()), query)
    headers = {"Content-Type": _JSON}
    for further in (
        parameters.get("HeaderParameters") or {},
        headers_of(own),
        _authorization(connection),
        _OWN,
    ):
        put_headers(headers, further)
    body = _body(input_text, pairs_of(own, "BodyParameters"))
    return HttpRequest(destination.method, url, headers, body, encrypted_unless_nearby=True)


def put_headers(headers: dict[str, str], further: Mapping[str, str]) -> None:
    """One header of each name, however it is written."""
    for name, value in further.items():
        if name.lower() in REMOVED and name not in _OWN:
            continue
        for there in [one for one in headers if one.lower() == name.lower()]:
            del headers[there]
        headers[name] = value


def _authorization(connection: Connection) -> dict[str, str]:
    auth = connection.auth
    if connection.authorization_type == API_KEY:
        key = auth["ApiKeyAuthParameters"]
        return {key["ApiKeyName"]: key["ApiKeyValue"]}
    if connection.authorization_type == BASIC:
        basic = auth["BasicAuthParameters"]
        credentials = f"{basic['Username']}:{basic['Password']}".encode()
        return {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}
    return {}


def _with_path(endpoint: str, values: Sequence[str]) -> str:
    """Each `*` in the path becomes one value."""
    parsed = urlsplit(endpoint)
    pieces = parsed.path.split("*")
    if len(pieces) - 1 > len(values):
        raise Unforwardable("The target has fewer path parameter values than the endpoint has stars.")
    path = pieces[0] + "".join(
        quote(value, safe="") + piece for value, piece in zip(values, pieces[1:], strict=False)
    )
    return urlunsplit(parsed._replace(path=path))


def _body(input_text: str, further: Mapping[str, str]) -> bytes:
    if not further:
        return input_text.encode()
    try:
        value = parse_json(input_text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Unforwardable(
            "The connection has body parameters, so the target's input must be a JSON object."
        )
    return write_json({**value, **further}).encode()
