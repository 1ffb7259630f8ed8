"""Every operation of a service that has a table of IAM actions has its line there."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from types import ModuleType

import pytest

from nightbus.services import SERVICES

WITH_ACTIONS = [name for name in sorted(SERVICES) if importlib.util.find_spec(f"{SERVICES[name]}.actions")]


def _actions(service: str) -> ModuleType:
    return importlib.import_module(f"{SERVICES[service]}.actions")


@pytest.mark.parametrize("service", WITH_ACTIONS)
def test_every_operation_has_an_action(service: str) -> None:
    """Remedy: a line in `actions.py` of the package."""
    actions = getattr(_actions(service), "ACTIONS", None)
    if isinstance(actions, Mapping):
        assert set(actions) == set(importlib.import_module(SERVICES[service]).HANDLERS)


@pytest.mark.parametrize("service", WITH_ACTIONS)
def test_the_lines_stand_in_the_order_of_the_alphabet(service: str) -> None:
    actions = list(_actions(service).ACTIONS)
    assert actions == sorted(actions)
