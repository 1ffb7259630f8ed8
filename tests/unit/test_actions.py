"""Every operation of a service that has a table of IAM actions has its line there."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping

import pytest

from nightbus.services import SERVICES

WITH_ACTIONS = [name for name in sorted(SERVICES) if importlib.util.find_spec(f"{SERVICES[name]}.actions")]


@pytest.mark.parametrize("service", WITH_ACTIONS)
def test_every_operation_has_an_action(service: str) -> None:
    """Remedy: a line in `actions.py` of the package."""
    actions = getattr(importlib.import_module(f"{SERVICES[service]}.actions"), "ACTIONS", None)
    if isinstance(actions, Mapping):
        assert set(actions) == set(importlib.import_module(SERVICES[service]).HANDLERS)
