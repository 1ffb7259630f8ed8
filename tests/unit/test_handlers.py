"""Every handler fits the model of its operation: a parameter that the model does not have would never be filled."""

from __future__ import annotations

import importlib

import pytest

from nightbus.gateway.models import load_service
from nightbus.node.operations import bind
from nightbus.services import SERVICES


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_handlers_name_only_members_of_their_operations(service: str) -> None:
    handlers = importlib.import_module(SERVICES[service]).HANDLERS
    assert handlers
    for name, handler in handlers.items():
        assert name in load_service(service).operations
        bind(service, name, handler)


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_handlers_take_what_their_operations_require(service: str) -> None:
    handlers = importlib.import_module(SERVICES[service]).HANDLERS
    for name, handler in handlers.items():
        bound = bind(service, name, handler)
        shape = bound.model.input
        assert set(shape.required if shape else ()) <= set(bound.parameters), name
