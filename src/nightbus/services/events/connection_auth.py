"""Validates, merges and describes the authorization parameters of connections. Pure.

`auth` is always the AuthParameters of CreateConnection.
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


def refuse_private_connectivity(operation: str, auth: Mapping[str, Any]) -> None:
    """Raise AwsError for private connectivity, because Nightbus has no VPC Lattice."""
    if auth.get("ConnectivityParameters") is not None:
        raise not_supported("events", operation, "AuthParameters.ConnectivityParameters")


def check_auth(kind: str, auth: Mapping[str, Any]) -> None:
    """Raise AwsError unless `auth` has all parameters of the authorization type `kind`, and none of another."""
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
    for parameters in _parameter_lists(auth):
        if any("Key" not in one for one in parameters):
            raise _refused("HTTP parameters must have a Key.")


def _missing(kind: str, parameters: Mapping[str, Any]) -> Iterator[str]:
    yield from (name for name in _REQUIRED[kind] if parameters.get(name) is None)
    if kind == OAUTH:
        client = parameters.get("ClientParameters") or {}
        yield from (f"ClientParameters.{name}" for name in _CLIENT if client.get(name) is None)


def _parameter_lists(auth: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
    oauth = auth.get("OAuthParameters") or {}
    for parameters in (auth.get(_INVOCATION), oauth.get("OAuthHttpParameters")):
        yield from (parameters or {}).values()


def _refused(reason: str) -> Exception:
    return validation_error(f"Parameter AuthParameters is not valid. Reason: {reason}")


def updated_auth(kind: str, stored: Mapping[str, Any], requested: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored parameters as changed by UpdateConnection.

    Members that the request omits keep their stored values. Lists of HTTP parameters are replaced as a whole, and
    parameters of another authorization type are dropped.
    """
    scheme = _SCHEMES[kind]
    old, new = stored.get(scheme) or {}, requested.get(scheme) or {}
    auth = {**requested, scheme: {**old, **new}}
    if old.get("ClientParameters") and new.get("ClientParameters"):
        auth[scheme]["ClientParameters"] = {**old["ClientParameters"], **new["ClientParameters"]}
    if _INVOCATION not in requested and _INVOCATION in stored:
        auth[_INVOCATION] = stored[_INVOCATION]
    return _without_empty(auth, scheme)


def _without_empty(auth: dict[str, Any], scheme: str) -> dict[str, Any]:
    """Remove HTTP parameters that are empty."""
    for members, name in ((auth, _INVOCATION), (auth[scheme], "OAuthHttpParameters")):
        if name in members and not members[name]:
            del members[name]
    return auth


def without_secrets(auth: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters for replies: without secrets, and without the values of parameters marked as secret."""
    reply: dict[str, Any] = {}
    for name, value in auth.items():
        if name in ("HeaderParameters", "QueryStringParameters", "BodyParameters"):
            reply[name] = [_parameter_reply(one) for one in value]
        elif isinstance(value, Mapping):
            reply[name] = without_secrets(value)
        elif name not in _SECRET:
            reply[name] = value
    return reply


def _parameter_reply(parameter: Mapping[str, Any]) -> dict[str, Any]:
    secret = bool(parameter.get("IsValueSecret"))
    without_value = {"Key": parameter["Key"], "IsValueSecret": secret}
    return (
        without_value
        if secret or "Value" not in parameter
        else {**without_value, "Value": parameter["Value"]}
    )
