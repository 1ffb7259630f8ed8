"""A real node in a process of its own, for the tests that talk to one."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nightbus.identity.key_file import FILE_NAME, AccessKey, profile_of, read_key
from node_databases import POSTGRES, database_for

_READY_SECONDS = 120  # of a machine that does much else; a node that ends is not waited for
_STOP_SECONDS = 60
_HERE = Path(__file__).parent
TWO_NODES = bool(os.environ.get("NIGHTBUS_TEST_TWO_NODES"))
if TWO_NODES:
    _PROGRAM = [str(_HERE / "two_nodes.py")]
elif os.environ.get("NIGHTBUS_TEST_YIELDS"):
    _PROGRAM = [str(_HERE / "yielding_node.py")]
else:
    _PROGRAM = ["-m", "nightbus"]


class RunningNode:
    """`nightbus start` on a free port. `output` grows as the node prints.

    Clients name their accounts by keys of twelve digits, which a node with `dev_credentials` accepts. Without it they
    use the administrator's key, as users do. `program`: what runs instead of `-m nightbus`.
    """

    def __init__(
        self,
        data: Path | None = None,
        environ: Mapping[str, str] | None = None,
        port: int = 0,
        *,
        dev_credentials: bool = True,
        options: Sequence[str] = (),
        program: Sequence[str] = (),
    ) -> None:
        if TWO_NODES and data is not None:
            import pytest

            pytest.skip(
                "two nodes on a shared store in memory have no data folder, and nothing outlives them"
            )
        self.folder = data
        self._dev_credentials = dev_credentials
        self._database = database_for(data) if POSTGRES else None
        kept = ["--memory"] if data is None else ["--no-memory", "--data", str(data)]
        if self._database is not None:
            self.folder, kept = self._database.folder, self._database.options
        kept.append("--dev-credentials" if dev_credentials else "--no-dev-credentials")
        self.output: list[str] = []
        self._ready: queue.Queue[str] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, *(program or _PROGRAM), "start", "--port", str(port), *kept, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=clean_environment() | dict(environ or {}),
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.endpoint = self._wait_ready()
        self.port = int(self.endpoint.rsplit(":", 1)[1])

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output.append(line)
            if " is ready at " in line:
                self._ready.put(line.split(" is ready at ", 1)[1].split()[0])
        self._ready.put("")

    def _wait_ready(self) -> str:
        try:
            endpoint = self._ready.get(timeout=_READY_SECONDS)
        except queue.Empty:
            self.kill()
            endpoint = ""
        if not endpoint:
            raise RuntimeError("the node did not start:\n" + "".join(self.output))
        return endpoint

    def client(
        self, service: str, region: str = "us-east-1", account: str = "000000000000", **options: Any
    ) -> Any:
        """A boto3 client of the node, without retries, so that a test sees each answer."""
        import boto3
        from botocore.config import Config

        config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=60)
        options.setdefault("config", config)
        key = self.key(account)
        options.setdefault("aws_access_key_id", key.id)
        options.setdefault("aws_secret_access_key", key.secret)
        make: Any = boto3.client
        return make(service, region_name=region, endpoint_url=self.endpoint, **options)

    def key(self, account: str = "000000000000") -> AccessKey:
        """The key of the account's administrator; twelve digits with any secret where the node accepts them."""
        if self._dev_credentials:
            return AccessKey(account, "test")
        assert self.folder is not None
        key = read_key(self.folder / FILE_NAME, profile_of(account))
        assert key is not None, f"account {account} has no key yet"
        return key

    def environment(self) -> dict[str, str]:
        """For tools that talk to this node."""
        key = self.key()
        return clean_environment() | {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": key.id,
            "AWS_SECRET_ACCESS_KEY": key.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
        }

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._ended()

    def _ended(self) -> None:
        self._reader.join()
        if self._database is not None:
            self._database.node_ended()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        self._ended()
        return self.process.returncode


def clean_environment() -> dict[str, str]:
    """This process's, less every setting of AWS tools and of Nightbus; its interpreter's tools are found first."""
    dropped = ("AWS_", "NIGHTBUS_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    tools = str(Path(sys.executable).parent)
    return kept | {
        "PATH": f"{tools}{os.pathsep}{kept.get('PATH', '')}",
        "PYTHONUNBUFFERED": "1",
        "SAM_CLI_TELEMETRY": "0",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
