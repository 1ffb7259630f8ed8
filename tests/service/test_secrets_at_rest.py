"""No secret that a user gives to a node lies readable in its files, its log, its audit trail or its own pages."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forwarding_rig import Elsewhere, Sent
from given_secrets import (
    Collected,
    give_events,
    give_functions,
    give_identities,
    give_keys,
    give_messaging,
    give_mistakes,
    give_storage,
)
from given_stack_secrets import give_stacks
from node_databases import POSTGRES, bytes_of_backup, kept_bytes, store_options
from nodes import RunningNode, clean_environment


@pytest.fixture(scope="module")
def server() -> Iterator[Elsewhere]:
    opened = Elsewhere()

    def answer(sent: Sent) -> tuple[int, dict[str, Any]]:
        return 200, {"access_token": "hush-oauth-token", "expires_in": 3600}

    opened.answer = answer
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def collected() -> Collected:
    return Collected()


@pytest.fixture(scope="module")
def node(
    tmp_path_factory: pytest.TempPathFactory, server: Elsewhere, collected: Collected
) -> Iterator[RunningNode]:
    """A node with debugging output that was given every secret. `output` is its log."""
    folder = tmp_path_factory.mktemp("secrets") / "data"
    smtp = "smtp://mailer:hush-smtp@127.0.0.1:1?from=shop@example.com"
    environ = {"NIGHTBUS_SMTP": smtp, "NIGHTBUS_AUDIT_DATA_EVENTS": "true"}
    running = RunningNode(folder, environ=environ, options=["-v", "--no-quotas"])
    _FOLDERS[id(running)] = folder
    try:
        for give in (give_events, give_functions, give_keys, give_identities, give_storage, give_messaging):
            give(running, server, collected)
        collect_own_keys(folder, collected)
        give_stacks(running, server, collected)
        give_mistakes(running)
        yield running
    finally:
        running.stop()


_OF_THE_USER = (
    "vault.key",
    "operator.key",
    "credentials",
    "cluster.key",
)  # mode 0600: keys that only the user may read
_FOLDERS: dict[int, Path] = {}


def nightbus(node: RunningNode, *arguments: str) -> str:
    done = subprocess.run(
        ["nightbus", *arguments],
        env=clean_environment() | {"NIGHTBUS_DATA": str(_FOLDERS[id(node)])},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout + done.stderr


def test_the_audit_trail_has_no_secret(node: RunningNode, collected: Collected) -> None:
    pages = node.client("cloudtrail").get_paginator("lookup_events").paginate()
    records = [one["CloudTrailEvent"] for page in pages for one in page["Events"]]
    assert {"CreateConnection", "CreateSecret", "ImportKeyMaterial", "PutParameter", "CreateAccessKey"} <= {
        json.loads(one)["eventName"] for one in records
    }
    found = {(json.loads(one)["eventName"], name) for one in records for name in collected.in_(one.encode())}
    assert not found


def test_the_pages_and_commands_of_the_node_have_no_secret(
    node: RunningNode, collected: Collected, server: Elsewhere
) -> None:
    event = node.client("events").put_events(Entries=[{"Source": "shop", "DetailType": "d", "Detail": "{}"}])[
        "Entries"
    ][0]["EventId"]
    port = ["--port", str(node.port)]
    texts = {
        "why-denied": nightbus(node, "why-denied", "--json", "--limit", "100", *port),
        "explain": nightbus(node, "explain", event, "--json", *port),
        "trace": nightbus(node, "trace", event, "--wait", "20", "--json", *port),
        "status": nightbus(node, "status", "--json", *port),
        "suggest": nightbus(node, "policy", "suggest", "s", "--format", "json", *port),
    }
    assert "oauth-client-credentials" in texts["trace"]
    assert "CreateQueue" in texts["why-denied"]
    for path in ("status", "sizes", "health", f"explain?event={event}", f"trace?event={event}"):
        with urllib.request.urlopen(f"{node.endpoint}/_nightbus/{path}") as answer:
            texts[path] = answer.read().decode()
    assert not {(where, name) for where, text in texts.items() for name in collected.in_(text.encode())}
    shown = node.client("sns").list_subscriptions()["Subscriptions"]
    assert not {name for one in shown for name in collected.in_(one["Endpoint"].encode())}


def test_neither_the_log_nor_the_files_nor_a_backup_have_a_secret(
    node: RunningNode, collected: Collected, tmp_path: Path
) -> None:
    folder = _FOLDERS[id(node)]
    found = _in_files(
        folder, collected
    )  # while it runs: the write-ahead log has what is not in the database yet
    saved = nightbus(node, "backup", *store_options(folder), str(tmp_path / "backup"))
    assert list(tmp_path.rglob("*")), saved
    found |= _in_files(tmp_path, collected)
    if POSTGRES:
        found |= {("the database", name) for name in collected.in_(kept_bytes(folder))}
        backup = bytes_of_backup(tmp_path / "backup")
        assert b"oauth-client-credentials" in backup  # what is no secret is there to be read
        found |= {("the backup", name) for name in collected.in_(backup)}
    assert node.stop() == 0
    for database in folder.rglob("*.db"):
        with sqlite3.connect(database) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    found |= _in_files(folder, collected)
    log = "".join(node.output).encode()
    assert b"DEBUG" in log
    found |= {("log", name) for name in collected.in_(log)}
    assert not found


def collect_own_keys(folder: Path, collected: Collected) -> None:
    """The node's own: the administrator's key and the operator's."""
    collected.add("operator key", (folder / "operator.key").read_text().strip())
    credentials = folder / "credentials"
    text = credentials.read_text() if credentials.exists() else ""
    for number, key in enumerate(re.findall(r"aws_secret_access_key\s*=\s*(\S+)", text)):
        collected.add(f"administrator's key {number}", key)


def _in_files(folder: Path, collected: Collected) -> set[tuple[str, str]]:
    files = [one for one in folder.rglob("*") if one.is_file() and one.name not in _OF_THE_USER]
    found = set[tuple[str, str]]()
    for file in files:
        data = file.read_bytes()
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                data = b"".join(archive.read(name) for name in archive.namelist())
        names = collected.in_(data)
        found |= {(str(file.relative_to(folder)), name) for name in names}
    return found
