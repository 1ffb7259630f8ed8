"""A session of the console holds at all nodes on a store, over their restarts, and ends at all of them."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from api_requests import Caller, new_code
from cutting_proxy import cutting_proxy
from live_stream import live
from nodes import TWO_NODES, RunningNode, clean_environment
from postgres_server import postgres_server
from waiting import wait_for

pytestmark = pytest.mark.skipif(TWO_NODES, reason="these nodes are two already")
SESSION = "/_nightbus/api/session"


@dataclass
class Nodes:
    """Those that a load balancer would choose from: two on one database, or one and the same, started anew."""

    running: list[RunningNode]
    options: list[str]

    def restart(self, number: int) -> RunningNode:
        old = self.running[number]
        folder = old.folder
        assert old.stop() == 0
        self.running[number] = RunningNode(folder, port=old.port, dev_credentials=False, options=self.options)
        return self.running[number]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Nodes]:
    server = postgres_server()
    name = server.make_database()
    key = tmp_path / "cluster.key"
    key.write_text(secrets.token_hex(32))
    nodes = Nodes([], ["--store", server.url(name), "--cluster-key-file", str(key)])
    try:
        for number in range(2):
            folder = tmp_path / str(number)
            nodes.running.append(RunningNode(folder, dev_credentials=False, options=nodes.options))
        yield nodes
    finally:
        for node in nodes.running:
            node.stop()
        server.drop_database(name)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Nodes]:
    nodes = Nodes([RunningNode(tmp_path / "data", dev_credentials=False)], [])
    yield nodes
    nodes.running[0].stop()


def cookie_of(node: RunningNode, code: str) -> str:
    browser = Caller(node.port, {"Sec-Fetch-Site": "same-origin"})
    answer = browser.send("POST", SESSION, {"code": code})
    assert answer.status == 200, answer.body
    return answer.headers["set-cookie"].partition(";")[0]


def browser_at(node: RunningNode, cookie: str) -> Caller:
    return Caller(node.port, {"Sec-Fetch-Site": "same-origin", "Cookie": cookie})


def signed_out(node: RunningNode, cookie: str) -> None:
    """Waits for it: another node hears of the end by the feed."""
    wait_for(lambda: browser_at(node, cookie).send("GET", SESSION).status == 401)


def test_a_session_is_one_at_both_nodes(cluster: Nodes) -> None:
    first, second = cluster.running
    cookie = cookie_of(second, new_code(first))  # a link of one node signs in at the other
    at_first, at_second = browser_at(first, cookie), browser_at(second, cookie)
    token = at_first.get("/session")["token"]
    assert at_second.get("/session")["token"] == token
    rule = {"name": "made", "pattern": {"source": ["x"]}}
    assert at_second.send("POST", "/_nightbus/api/rules", rule, x_nightbus_token=token).status == 200
    assert at_first.send("POST", "/_nightbus/api/rules", rule).status == 403
    with live(at_second, topics="events") as stream:
        assert at_first.send("DELETE", SESSION, x_nightbus_token=token).status == 200
        with pytest.raises(AssertionError, match="the stream has ended"):
            while True:
                stream.message()
    signed_out(second, cookie)
    assert at_first.send("GET", SESSION).status == 401


def test_a_session_outlives_the_nodes_of_a_cluster(cluster: Nodes) -> None:
    cookie = cookie_of(cluster.running[0], new_code(cluster.running[0]))
    for number in range(2):
        node = cluster.restart(number)
        assert browser_at(node, cookie).get("/session")["token"]


def test_a_session_outlives_a_node_alone(alone: Nodes) -> None:
    cookie, other = (cookie_of(node, new_code(node)) for node in alone.running * 2)
    token = browser_at(alone.running[0], cookie).get("/session")["token"]
    node = alone.restart(0)
    assert browser_at(node, cookie).get("/session")["token"] == token
    assert browser_at(node, cookie).send("DELETE", SESSION, x_nightbus_token=token).status == 200
    node = alone.restart(0)
    assert browser_at(node, cookie).send("GET", SESSION).status == 401
    assert browser_at(node, other).get("/session")["token"]


def command(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "nightbus", *arguments],
        capture_output=True, text=True, timeout=120, env=clean_environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_everybody_is_signed_out_of_all_nodes(cluster: Nodes) -> None:
    first, second = cluster.running
    cookies, code = [cookie_of(node, new_code(node)) for node in cluster.running], new_code(second)
    place = ("--port", str(first.port), "--data", str(first.folder))
    assert "Nobody is signed in" in command("console", "--sign-everybody-out", *place)
    for cookie in cookies:
        for node in cluster.running:
            signed_out(node, cookie)
    assert Caller(second.port).send("POST", SESSION, {"code": code}).status == 403
    cookie_of(first, new_code(second))


def test_another_key_of_the_cluster_signs_everybody_out(cluster: Nodes, tmp_path: Path) -> None:
    cookies = [cookie_of(node, new_code(node)) for node in cluster.running]
    for node in cluster.running:  # which know them all now
        assert all(browser_at(node, cookie).get("/session") for cookie in cookies)
    new = str(tmp_path / "new.key")
    command("cluster", "rotate-key", new, *cluster.options, "--data", str(cluster.running[0].folder))
    for cookie in cookies:
        for node in cluster.running:
            signed_out(node, cookie)
    cookie_of(cluster.running[0], new_code(cluster.running[1]))


async def test_who_is_signed_in_is_told_that_the_database_is_away(tmp_path: Path) -> None:
    server = postgres_server()
    name = server.make_database()
    async with cutting_proxy("127.0.0.1", server.port) as proxy:
        url = server.url_by_network(name).replace(f":{server.port}/", f":{proxy.port}/")
        key = {"NIGHTBUS_CLUSTER_KEY": secrets.token_hex(32), "NIGHTBUS_STORE": url}
        node = await asyncio.to_thread(RunningNode, tmp_path / "data", key, dev_credentials=False)
        try:
            code = await asyncio.to_thread(new_code, node)
            browser = browser_at(node, await asyncio.to_thread(cookie_of, node, code))
            await asyncio.to_thread(browser.get, "/session")
            proxy.away = True
            answer = await asyncio.to_thread(browser.send, "GET", "/_nightbus/api/events")
            assert (answer.status, answer.json["error"]) == (503, "ServiceUnavailable")
            answer = await asyncio.to_thread(browser.send, "GET", SESSION)  # it is known without a read
            assert answer.status == 200
        finally:
            proxy.away = False
            await asyncio.to_thread(node.stop)
    server.drop_database(name)
