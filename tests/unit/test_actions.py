"""Every operation of a service that has a table of IAM actions has its line there."""

from __future__ import annotations

import importlib
import importlib.util
import runpy
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

from nightbus.services import SERVICES

SCRIPT = Path(__file__).parents[2] / "scripts" / "list_actions.py"
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


def test_the_page_of_actions_is_up_to_date() -> None:
    """Remedy: `python scripts/list_actions.py`."""
    script = runpy.run_path(str(SCRIPT))
    assert script["PAGE"].read_text() == script["page"]()
