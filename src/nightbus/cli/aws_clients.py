"""Makes boto3 clients of the node, for commands that call AWS operations."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from nightbus.cli.administrator_key import administrator_key
from nightbus.cli.environment import chosen_account, chosen_region
from nightbus.cli.local_node import authority_of
from nightbus.node.settings import Settings


class NodeClients:
    """Clients for the chosen `region`, with the administrator's key of the chosen account.

    They connect to the node directly and ignore the environment's proxies. Raises CommandFailed if there is no key.
    """

    def __init__(self, settings: Settings, region: str | None) -> None:
        self.region = chosen_region(region)
        self._endpoint = settings.endpoint
        key = administrator_key(settings, chosen_account())
        authority = authority_of(settings)
        self._verify = None if authority is None else str(authority)
        self._session = boto3.Session(key.id, key.secret, region_name=self.region)

    def make(self, service: str) -> Any:
        make: Any = self._session.client
        return make(service, endpoint_url=self._endpoint, verify=self._verify, config=Config(proxies={}))
