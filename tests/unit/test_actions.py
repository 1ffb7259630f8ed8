"""Every operation of every service has its line in a table of IAM actions."""

from __future__ import annotations

import importlib
import importlib.util
import runpy
from pathlib import Path
from types import ModuleType

import pytest

from nightbus.services import SERVICES

SCRIPT = Path(__file__).parents[2] / "scripts" / "list_actions.py"


def _actions(service: str) -> ModuleType:
    return importlib.import_module(f"{SERVICES[service]}.actions")


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_operation_has_an_action(service: str) -> None:
    """Remedy: a line in `actions.py` of the package."""
    actions = _actions(service).ACTIONS
    assert set(actions) == set(importlib.import_module(SERVICES[service]).HANDLERS)
    assert all(callable(line) for line in actions.values())


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_the_lines_stand_in_the_order_of_the_alphabet(service: str) -> None:
    actions = list(_actions(service).ACTIONS)
    assert actions == sorted(actions)


def test_the_page_of_actions_is_up_to_date() -> None:
    """Remedy: `python scripts/list_actions.py`."""
    script = runpy.run_path(str(SCRIPT))
    assert script["PAGE"].read_text() == script["page"]()
