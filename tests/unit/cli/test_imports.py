"""Commands that answer at once import only what they need; what is heavy is imported by those that use it.

Modules are named instead of milliseconds, which say nothing on a busy machine.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from nodes import clean_environment

HEAVY = {
    "aiohttp", "asyncio", "asyncpg", "boto3", "botocore", "click", "cryptography", "email", "http", "jinja2", "msgspec",
    "orjson", "pydantic", "requests", "rich", "samtranslator", "shtab", "sqlite3", "typer", "urllib.request", "uvicorn",
    "yaml",
}  # fmt: skip
FOR_ASKING = {"email", "http", "urllib.request"}
FOR_LISTING = {"email"}  # of importlib.metadata, which finds packages
MOST_OF_NIGHTBUS = 35

SCRIPT = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
sys.argv = ["nightbus", *sys.argv[1:]]
from nightbus.cli.main import main
main()
"""


def imported(*command: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *command],
        env=clean_environment() | {"NIGHTBUS_PORT": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        (("--help",), set()),
        (("start", "--help"), set()),
        (("deploy", "--help"), set()),
        (("env",), set()),
        (("status",), FOR_ASKING),
        (("stop",), FOR_ASKING),
        (("explain", "an-event"), FOR_ASKING),
    ],
)
def test_a_command_imports_nothing_that_it_does_not_need(command: tuple[str, ...], needed: set[str]) -> None:
    modules = imported(*command)
    assert modules & HEAVY <= needed
    own = [name for name in modules if name.startswith("nightbus")]
    assert len(own) <= MOST_OF_NIGHTBUS, own


def test_the_list_of_runtimes_needs_nothing_heavy() -> None:
    assert imported("runtimes") & HEAVY <= FOR_LISTING


def test_a_node_with_an_embedded_store_imports_no_driver_of_another_database() -> None:
    script = "import json, sys, nightbus.node.node, nightbus.testing; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=clean_environment(), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    modules = set(json.loads(done.stdout))
    assert "nightbus.store.sqlite.store" in modules
    assert not {"asyncpg", "nightbus.store.postgres.store"} & modules
