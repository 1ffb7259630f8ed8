"""No handler, background worker or queue of jobs is written and then forgotten in its package's tables."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections import Counter
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from nightbus.cli.commands import contents_checks
from nightbus.delivery.jobs import JobQueue
from nightbus.delivery.rule_jobs import RuleJobs
from nightbus.gateway.models import load_service, snake_case
from nightbus.services import SERVICES, WITHOUT_WORK

METHODS_OF_JOB_QUEUES = [name for name in vars(JobQueue) if callable(vars(JobQueue)[name]) and name[0] != "_"]


def modules_of(package: str) -> Iterator[ModuleType]:
    found = importlib.import_module(package)
    for module in pkgutil.walk_packages(found.__path__, f"{package}."):
        yield importlib.import_module(module.name)


def public_coroutines(package: str) -> Iterator[Callable[..., Any]]:
    for module in modules_of(package):
        for name, one in vars(module).items():
            if inspect.iscoroutinefunction(one) and one.__module__ == module.__name__ and name[0] != "_":
                yield one


def is_worker(function: Callable[..., Any]) -> bool:
    """It takes the platform and nothing else, and gives nothing back."""
    signature = inspect.signature(function)
    annotations = [parameter.annotation for parameter in signature.parameters.values()]
    return annotations == ["Platform"] and signature.return_annotation == "None"


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_worker_is_listed(service: str) -> None:
    """Remedy: a line in `WORKERS` or `DUTIES` of the package, or an underscore before the name."""
    package = importlib.import_module(SERVICES[service])
    listed = [*getattr(package, "WORKERS", ()), *getattr(package, "DUTIES", ())]
    forgotten = {one.__qualname__ for one in public_coroutines(SERVICES[service]) if is_worker(one)} - {
        one.__qualname__ for one in listed
    }
    assert forgotten == set()


def test_a_start_passes_over_the_packages_without_work_and_no_other() -> None:
    """Remedy: the service leaves `WITHOUT_WORK` with its first worker, duty or queue of jobs."""
    packages = {service: importlib.import_module(package) for service, package in SERVICES.items()}
    tables = ("WORKERS", "DUTIES", "JOB_QUEUES")
    without = {name for name, one in packages.items() if not any(getattr(one, table, ()) for table in tables)}
    assert without == WITHOUT_WORK


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_no_two_duties_of_a_package_have_one_name(service: str) -> None:
    """A duty's lease is named after its function: of two with one name, one would wait for the other for ever."""
    duties = getattr(importlib.import_module(SERVICES[service]), "DUTIES", ())
    assert [name for name, count in Counter(duty.__name__ for duty in duties).items() if count > 1] == []


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_handler_is_listed(service: str) -> None:
    """Remedy: a line in `HANDLERS` of the package."""
    names = {snake_case(operation): operation for operation in load_service(service).operations}
    written = {
        names[one.__name__]
        for one in public_coroutines(SERVICES[service])
        if one.__name__ in names and next(iter(inspect.signature(one).parameters), None) == "ctx"
    }
    assert written - set(importlib.import_module(SERVICES[service]).HANDLERS) == set()


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_queue_of_jobs_is_listed(service: str) -> None:
    """Remedy: a line in `JOB_QUEUES` of the package. Nobody delivers the jobs of a queue that is not listed."""
    written = {
        one.__qualname__
        for module in modules_of(SERVICES[service])
        for one in vars(module).values()
        if is_job_queue(one) and one.__module__ == module.__name__
    }
    listed = getattr(importlib.import_module(SERVICES[service]), "JOB_QUEUES", ())
    assert written == {one.__qualname__ for one in listed}


def is_job_queue(one: object) -> bool:
    return isinstance(one, type) and all(callable(getattr(one, name, None)) for name in METHODS_OF_JOB_QUEUES)


def test_the_doctor_counts_every_queue_of_jobs_and_each_has_a_name_of_its_own() -> None:
    """Remedy: a line in `WORK` of `cli/commands/contents_checks.py`."""
    packages = [importlib.import_module(package) for package in SERVICES.values()]
    names = [one.name for package in packages for one in getattr(package, "JOB_QUEUES", ())]
    assert sorted(set(names)) == sorted(names)
    assert {RuleJobs.name, *names} - set(contents_checks.WORK) == set()
