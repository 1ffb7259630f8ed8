"""The console of nodes that share a database says which figures are one node's, and is signed in to at all of them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from console_rig import opened, sign_in_link
from nodes import TWO_NODES, RunningNode
from postgres_server import postgres_server

pytestmark = pytest.mark.skipif(TWO_NODES, reason="these nodes are two already")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RunningNode]]:
    server, environ = postgres_server(), {"NIGHTBUS_CLUSTER_KEY": secrets.token_hex(32)}
    name = server.make_database()
    running: list[RunningNode] = []
    try:
        for number in range(2):
            folder: Path = tmp_path_factory.mktemp(f"node{number}")
            running.append(RunningNode(folder, environ, options=["--store", server.url(name)]))
        yield running
    finally:
        for node in running:
            node.stop()
        server.drop_database(name)


def test_figures_that_one_node_counts_are_called_so(browser: Browser, nodes: list[RunningNode]) -> None:
    with opened(browser, nodes[0].port, None) as console:
        console.page.goto(sign_in_link(nodes[0]))
        console.page.locator("nav.nav").wait_for()
        page = console.visit("/")
        expect(page.get_by_text("the last hour, on this node alone")).to_have_count(2)
        page = console.visit("/functions")
        expect(page.get_by_text("are those on this node since it started")).to_be_visible()
        page = console.visit("/map")
        expect(page.get_by_text("to dead-letter queues, that of this node alone")).to_be_visible()
        assert console.violations() == []


def test_a_link_of_one_node_signs_in_at_both(browser: Browser, nodes: list[RunningNode]) -> None:
    first, second = nodes
    with opened(browser, second.port, None) as console:
        page = console.page
        link = sign_in_link(first).replace(f":{first.port}/", f":{second.port}/")
        page.goto(link)
        page.locator("nav.nav").wait_for()
        console.visit("/functions")
        page.goto(f"http://nightbus.localhost:{first.port}/_nightbus/console/functions")
        page.locator("nav.nav").wait_for()
        console.ignore = ["403"]
        page.goto("about:blank")
        page.goto(link)
        expect(page.get_by_role("status")).to_contain_text("This link was used already")
        expect(page.get_by_text(f"nightbus console --port {second.port}", exact=True)).to_be_visible()
