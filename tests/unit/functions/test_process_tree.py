"""What is forked is found by a look at the machine's processes."""

from __future__ import annotations

import os
import resource
import sys

import pytest

from nightbus.functions.process_tree import below, children_of, parents

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")


def test_each_process_has_its_parent() -> None:
    found = parents()
    assert found[os.getpid()] == os.getppid()
    assert os.getpid() in below(os.getppid(), children_of(found.items()))


def test_without_a_descriptor_nothing_is_found_and_nothing_raised() -> None:
    """Nobody would hear of it: looks are taken in the background."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        found = parents()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found == {}
