"""Makes the environment variables that direct AWS's tools to the node."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from urllib.parse import urlsplit

from nightbus.aws.grammar import DEFAULT_ACCOUNT, is_account
from nightbus.node.settings import Settings

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
    """Return the account to use.

    An access key of twelve digits is kept, as it names its account; others are replaced.
    """
    key = (os.environ if environ is None else environ).get("AWS_ACCESS_KEY_ID", "")
    return key if is_account(key) else DEFAULT_ACCOUNT


def aws_variables(settings: Settings, region: str | None = None) -> dict[str, str]:
    chosen = chosen_region(region)
    return _proxy_exception(settings, os.environ) | {
        "AWS_ENDPOINT_URL": settings.endpoint,
        "AWS_ACCESS_KEY_ID": chosen_account(),
        "AWS_SECRET_ACCESS_KEY": "nightbus",
        "AWS_REGION": chosen,
        "AWS_DEFAULT_REGION": chosen,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",  # the host name streaming-127.0.0.1 does not exist
    }


def _proxy_exception(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return NO_PROXY with the node's host added, if the environment has a proxy."""
    if not any(environ.get(name) or environ.get(name.upper()) for name in ("http_proxy", "all_proxy")):
        return {}
    host = urlsplit(settings.endpoint).hostname or settings.host
    before = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    excepted = [name for name in before.split(",") if name]
    value = ",".join(excepted if host in excepted else [*excepted, host])
    return {"NO_PROXY": value, "no_proxy": value}


def command_environment(settings: Settings, region: str | None = None) -> dict[str, str]:
    """Return the environment for a child process: the inherited one without variables that lead elsewhere."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in _IN_THE_WAY and not name.startswith("AWS_ENDPOINT_URL_")
    }
    return inherited | aws_variables(settings, region)


def export_lines(settings: Settings, region: str | None = None) -> str:
    exported = aws_variables(settings, region)
    cleared = {name: "" for name in ("AWS_SESSION_TOKEN",) if os.environ.get(name)}
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in (exported | cleared).items())
