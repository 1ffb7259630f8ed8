"""pytest, pytest-xdist, unittest and moto with `nightbus.testing`, each in a run of its own as users start it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from nodes import clean_environment

EXAMPLE = Path(__file__).parents[2] / "examples" / "order-to-invoice"
BEGIN = """
import os, json, unittest
import boto3, pytest
import nightbus.testing
from nightbus.testing import Nightbus
"""


def _run(folder: Path, *options: str, variables: dict[str, str] | None = None) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *options]
    done = subprocess.run(
        command,
        cwd=folder,
        env=clean_environment() | (variables or {}),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_each_worker_of_xdist_has_a_node(tmp_path: Path) -> None:
    body = """
@pytest.mark.parametrize("number", range(8))
def test_one(nightbus: Nightbus, number: int, nightbus_node) -> None:
    nightbus.events.put("one", "x", {"number": number})
    nightbus.settle()
    assert len(nightbus.events.all()) == 1
    open(f"{os.environ['PYTEST_XDIST_WORKER']}.{nightbus_node.endpoint.rpartition(':')[2]}", "w").close()
"""
    (tmp_path / "test_workers.py").write_text(BEGIN + body)
    code, output = _run(tmp_path, "-n", "2")
    assert code == 0, output
    seen = {path.name for path in tmp_path.iterdir() if path.name.startswith("gw")}
    assert len(seen) == 2, output


def test_moto_and_the_node_do_not_see_each_other(tmp_path: Path) -> None:
    body = """
from moto import mock_aws

@mock_aws
def test_both(nightbus: Nightbus) -> None:
    nightbus.client("sqs").create_queue(QueueName="ours")
    theirs = boto3.client("sqs", "us-east-1")
    theirs.create_queue(QueueName="theirs")
    assert [url.rpartition("/")[2] for url in theirs.list_queues()["QueueUrls"]] == ["theirs"]
    assert [url.rpartition("/")[2] for url in nightbus.client("sqs").list_queues()["QueueUrls"]] == ["ours"]
    assert "AWS_ENDPOINT_URL" not in os.environ

def test_after(nightbus: Nightbus) -> None:
    nightbus.client("s3").create_bucket(Bucket="after")
    assert [one["Name"] for one in nightbus.client("s3").list_buckets()["Buckets"]] == ["after"]
"""
    (tmp_path / "test_moto.py").write_text(BEGIN + body)
    code, output = _run(tmp_path)
    assert code == 0, output


def test_the_environment_is_neither_read_nor_changed(tmp_path: Path) -> None:
    body = """
def test_one(nightbus: Nightbus) -> None:
    before = dict(os.environ)
    nightbus.client("sns").create_topic(Name="one")
    assert nightbus.client("sts").get_caller_identity()["Account"] == nightbus.account
    assert dict(os.environ) == before
    assert nightbus.environment()["AWS_ENDPOINT_URL"] == nightbus.endpoint
"""
    (tmp_path / "test_environment.py").write_text(BEGIN + body)
    hostile = {
        "AWS_PROFILE": "no-such-profile",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "AKIANOTUSED",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "eu-west-1",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "NIGHTBUS_PORT": "9",
    }
    code, output = _run(tmp_path, variables=hostile)
    assert code == 0, output


def test_unittest_by_a_context_manager(tmp_path: Path) -> None:
    body = """
class Orders(unittest.TestCase):
    def setUp(self):
        self.nightbus = self.enterContext(nightbus.testing.node())

    def test_one(self):
        self.nightbus.events.put("one", "x", {})
        self.nightbus.clock.advance("1h")
        self.assertEqual(len(self.nightbus.events.all()), 1)

if __name__ == "__main__":
    unittest.main()
"""
    file = tmp_path / "orders.py"
    file.write_text(BEGIN.replace("pytest", "sys") + body)
    done = subprocess.run(
        [sys.executable, str(file)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_failure_prints_the_explanation(tmp_path: Path) -> None:
    body = """
def test_one(nightbus: Nightbus) -> None:
    nightbus.client("events").put_rule(Name="paid", EventPattern=json.dumps({"source": ["shop"]}))
    nightbus.events.put("shops", "Order", {})
    nightbus.settle()
    nightbus.events.assert_matched(rule="paid")
"""
    (tmp_path / "test_failing.py").write_text(BEGIN + body)
    code, output = _run(tmp_path)
    assert code == 1
    assert 'source is "shops", the rule wants "shop"' in output


def test_the_page_of_the_documentation(tmp_path: Path) -> None:
    page = (EXAMPLE.parents[1] / "docs" / "testing.md").read_text()
    code = page.split("```python\n", 1)[1].split("```", 1)[0]
    (tmp_path / "test_orders.py").write_text(code)
    code_of_end, output = _run(tmp_path)
    assert code_of_end == 0, output
    assert "2 passed" in output


def test_the_example(tmp_path: Path) -> None:
    """Its own tests, as its users run them."""
    code, output = _run(tmp_path, str(EXAMPLE / "tests"), "--rootdir", str(EXAMPLE))
    assert code == 0, output
    assert "7 passed" in output
