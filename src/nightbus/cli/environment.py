"""Makes the environment variables that direct AWS's tools to the node."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nightbus.aws.grammar import DEFAULT_ACCOUNT, is_account
from nightbus.node.settings import Settings

if TYPE_CHECKING:
    from nightbus.identity.key_file import AccessKey

_IN_THE_WAY = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
)


def chosen_region(region: str | None, environ: Mapping[str, str] | None = None) -> str:
    variables = os.environ if environ is None else environ
    return region or variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or "us-east-1"


def chosen_account(environ: Mapping[str, str] | None = None) -> str:
    """Return the account to use: that of the environment's access key if the key is for a node, else the default one.

    An access key of twelve digits names its account. Others contain it; they count where the environment names an
    endpoint, as `nightbus env` does, since otherwise they are AWS's.
    """
    variables = os.environ if environ is None else environ
    key = variables.get("AWS_ACCESS_KEY_ID", "")
    if is_account(key):
        return key
    if not (variables.get("AWS_ENDPOINT_URL") and key.startswith(("AKIA", "ASIA"))):
        return DEFAULT_ACCOUNT
    from nightbus.identity.credentials import account_in

    return account_in(key) or DEFAULT_ACCOUNT


def aws_variables(settings: Settings, key: AccessKey, region: str | None = None) -> dict[str, str]:
    """Return the variables by which AWS's tools and SDKs call the node with `key`."""
    chosen = chosen_region(region)
    return (
        _proxy_exception(settings, os.environ)
        | _trust(settings)
        | {
            "AWS_ENDPOINT_URL": settings.endpoint,
            "AWS_ACCESS_KEY_ID": key.id,
            "AWS_SECRET_ACCESS_KEY": key.secret,
            "AWS_REGION": chosen,
            "AWS_DEFAULT_REGION": chosen,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",  # the host name streaming-127.0.0.1 does not exist
        }
    )


def _trust(settings: Settings) -> dict[str, str]:
    """Return what makes tools trust the certificate that the node has made: AWS's variable, and that of Node.js."""
    if not settings.tls:
        return {}
    from nightbus.cli.local_node import authority_of

    authority = authority_of(settings)
    return (
        {} if authority is None else dict.fromkeys(("AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"), str(authority))
    )


def _proxy_exception(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return NO_PROXY with the node's host added, if the environment has a proxy."""
    if not any(environ.get(name) or environ.get(name.upper()) for name in ("http_proxy", "all_proxy")):
        return {}
    host = urlsplit(settings.endpoint).hostname or settings.host
    before = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    excepted = [name for name in before.split(",") if name]
    value = ",".join(excepted if host in excepted else [*excepted, host])
    return {"NO_PROXY": value, "no_proxy": value}


def leads_elsewhere(name: str) -> bool:
    """Return whether tools that have this variable use other credentials or another endpoint than the node's.

    AWS's SDK for JavaScript prefers AWS_PROFILE to the keys of the environment.
    """
    return name in _IN_THE_WAY or name.startswith("AWS_ENDPOINT_URL_")


def command_environment(settings: Settings, key: AccessKey, region: str | None = None) -> dict[str, str]:
    """Return the environment for a child process: the inherited one without variables that lead elsewhere."""
    inherited = {name: value for name, value in os.environ.items() if not leads_elsewhere(name)}
    return inherited | aws_variables(settings, key, region)
