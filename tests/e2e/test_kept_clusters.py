"""A cluster's database of an earlier schema is opened by two nodes, brought up to date, and has everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from kept_cluster import kept_node, restored
from kept_folder import check
from nightbus.store.postgres.schema import VERSION
from nodes import TWO_NODES, RunningNode
from postgres_server import postgres_server

KEPT = sorted((Path(__file__).parent.parent / "data").glob("cluster-schema-*.sql.gz"))
pytestmark = pytest.mark.skipif(TWO_NODES, reason="these nodes are two already")


def test_a_database_is_kept_of_each_schema_before() -> None:
    assert len(KEPT) >= VERSION - 1


@pytest.mark.parametrize("file", KEPT, ids=lambda file: file.name.partition(".")[0])
def test_a_kept_database_has_everything(file: Path, tmp_path: Path) -> None:
    server = postgres_server()
    name = restored(server, file)
    nodes: list[RunningNode] = []
    try:
        nodes.append(kept_node(tmp_path / "first", server, name))
        nodes.append(kept_node(tmp_path / "second", server, name))
        check(nodes[1])
        found = server.execute("SELECT value FROM nightbus.meta WHERE key = 'schema'", name)
        assert found == str(VERSION)
    finally:
        for node in nodes:
            node.stop()
        server.drop_database(name)
