"""Makes boto3 clients that reach the node whatever the environment, a profile or a mock of AWS says."""

from __future__ import annotations

import functools
import importlib
import os
import sys
from typing import Any

_NOBODY = (None, None, None, None)
_USUAL = ("s3", "cloudformation", "sts", "lambda", "sqs", "events", "logs", "iam")
_OF_DEPLOYMENTS = ("nightbus.cli.deployment", "nightbus.testing.packages")
_NOWHERE = "http://127.0.0.1"


@functools.cache
def _loader() -> Any:
    """The service models, which are read once for all clients."""
    import botocore.loaders

    return botocore.loaders.create_loader()


def preload() -> None:
    """Import what clients and deployments need, and read the models of services that most tests use: those of S3 take
    0.1 s.

    The first client of a service takes that long, and each further one of any session a tenth of it.
    """
    for name in _OF_DEPLOYMENTS:
        importlib.import_module(name)
    session = client_session("test", "us-east-1")
    for service in _USUAL:
        make_client(session, service, _NOWHERE, {})


def client_session(access_key: str, region: str) -> Any:
    """Return a boto3 session that reads no variable and no file: an AWS_PROFILE that is not there does no harm."""
    import boto3
    import botocore.session

    no_file = (None, None, os.devnull, None)
    own = {"profile": _NOBODY, "config_file": no_file, "credentials_file": no_file, "region": _NOBODY}
    session = botocore.session.Session(session_vars=own)
    session.register_component("data_loader", _loader())
    return boto3.Session(access_key, "test", region_name=region, botocore_session=session)


def make_client(session: Any, service: str, endpoint: str, options: dict[str, Any]) -> Any:
    """`options` are those of `boto3.client`. Without retries, so that a test sees each answer."""
    from botocore.config import Config

    config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=900, proxies={})
    own = options.pop("config", None)
    made = session.client(
        service, endpoint_url=endpoint, config=config if own is None else config.merge(own), **options
    )
    _without_mocks(made)
    return made


def _without_mocks(client: Any) -> None:
    """While moto mocks AWS, it answers the requests of every client, by a handler that its import registers."""
    models = sys.modules.get("moto.core.models")
    stubber = getattr(models, "botocore_stubber", None)
    if stubber is not None:
        client.meta.events.unregister("before-send", stubber)
