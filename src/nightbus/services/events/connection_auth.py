"""Checks and shows what a connection's authorization is made of. Pure.

`auth` is AuthParameters as CreateConnection takes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nightbus.aws.errors import not_supported, validation_error
from nightbus.services.events.endpoint_urls import check_url

OAUTH = "OAUTH_CLIENT_CREDENTIALS"
_SCHEMES = {"BASIC": "BasicAuthParameters", "API_KEY": "ApiKeyAuthParameters", OAUTH: "OAuthParameters"}
_REQUIRED = {
    "BASIC": ("Username", "Password"),
    "API_KEY": ("ApiKeyName", "ApiKeyValue"),
    OAUTH: ("ClientParameters", "AuthorizationEndpoint", "HttpMethod"),
}
_CLIENT = ("ClientID", "ClientSecret")
_SECRET = frozenset({"Password", "ApiKeyValue", "ClientSecret"})
_INVOCATION = "InvocationHttpParameters"


def refuse_private(operation: str, auth: Mapping[str, Any]) -> None:
    """There is no VPC Lattice. Raises AwsError."""
    if auth.get("ConnectivityParameters") is not None:
        raise not_supported("events", operation, "AuthParameters.ConnectivityParameters")


def check_auth(kind: str, auth: Mapping[str, Any]) -> None:
    """Raises AwsError where they are not what authorises in this way, whole and alone."""
    scheme = _SCHEMES[kind]
    if auth.get(scheme) is None:
        raise _refused(f"{scheme} must be specified when AuthorizationType is {kind}.")
    for other in _SCHEMES.values():
        if other != scheme and auth.get(other) is not None:
            raise _refused(f"{other} must not be specified when AuthorizationType is {kind}.")
    for missing in _missing(kind, auth[scheme]):
        raise _refused(f"{scheme}.{missing} must be specified.")
    if kind == OAUTH:
        check_url("AuthorizationEndpoint", auth[scheme]["AuthorizationEndpoint"])
    for given in _parameter_lists(auth):
        if any("Key" not in one for one in given):
            raise _refused("HTTP parameters must have a Key.")


def _missing(kind: str, given: Mapping[str, Any]) -> Iterator[str]:
    yield from (name for name in _REQUIRED[kind] if given.get(name) is None)
    if kind == OAUTH:
        client = given.get("ClientParameters") or {}
        yield from (f"ClientParameters.{name}" for name in _CLIENT if client.get(name) is None)


def _parameter_lists(auth: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
    oauth = auth.get("OAuthParameters") or {}
    for parameters in (auth.get(_INVOCATION), oauth.get("OAuthHttpParameters")):
        yield from (parameters or {}).values()


def _refused(reason: str) -> Exception:
    return validation_error(f"Parameter AuthParameters is not valid. Reason: {reason}")


def merged(kind: str, standing: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What UpdateConnection makes of what stands: of the scheme's parameters those that are given are new.

    HTTP parameters, being lists, are taken whole. What belongs to another scheme goes.
    """
    scheme = _SCHEMES[kind]
    old, new = standing.get(scheme) or {}, given.get(scheme) or {}
    auth = {**given, scheme: {**old, **new}}
    if old.get("ClientParameters") and new.get("ClientParameters"):
        auth[scheme]["ClientParameters"] = {**old["ClientParameters"], **new["ClientParameters"]}
    if _INVOCATION not in given and _INVOCATION in standing:
        auth[_INVOCATION] = standing[_INVOCATION]
    return _without_empty(auth, scheme)


def _without_empty(auth: dict[str, Any], scheme: str) -> dict[str, Any]:
    """HTTP parameters that are given as none at all are taken away."""
    for place, name in ((auth, _INVOCATION), (auth[scheme], "OAuthHttpParameters")):
        if name in place and not place[name]:
            del place[name]
    return auth


def shown(auth: Mapping[str, Any]) -> dict[str, Any]:
    """As DescribeConnection answers it: without secrets, and without the values of parameters that are secret."""
    found: dict[str, Any] = {}
    for name, value in auth.items():
        if name in ("HeaderParameters", "QueryStringParameters", "BodyParameters"):
            found[name] = [_shown_parameter(one) for one in value]
        elif isinstance(value, Mapping):
            found[name] = shown(value)
        elif name not in _SECRET:
            found[name] = value
    return found


def _shown_parameter(given: Mapping[str, Any]) -> dict[str, Any]:
    secret = bool(given.get("IsValueSecret"))
    named = {"Key": given["Key"], "IsValueSecret": secret}
    return named if secret or "Value" not in given else {**named, "Value": given["Value"]}
