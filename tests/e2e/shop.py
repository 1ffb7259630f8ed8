"""The order-to-invoice shop as its developer sees it: a project folder, the real tools, a terminal."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pexpect

from nodes import RunningNode

RUNTIME = f"python3.{sys.version_info.minor}"
SOURCE = Path(__file__).parent / "eb-demo"
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_SECONDS = 120


@dataclass
class Shop:
    """The application's folder and the node that its tools talk to; what earlier steps saw is kept for later ones.

    `keys` are the variables with the credentials of whoever uses the tools, if they are not the node's usual ones.
    """

    node: RunningNode
    folder: Path
    seen: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    stack: str = "eb-demo"

    @classmethod
    def set_up(cls, node: RunningNode, folder: Path) -> Shop:
        shutil.copytree(SOURCE, folder)
        template = folder / "template.yaml"
        template.write_text(template.read_text().replace("python3.11", RUNTIME))
        return cls(node, folder)

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.node.environment() | self.keys,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
            )
        return done

    def text(self, *command: str) -> str:
        """What the command printed on either stream, without colours."""
        done = self.run(*command)
        return plain(done.stdout + done.stderr)

    def aws(self, *arguments: str) -> Any:
        """The JSON that the real `aws` prints; None where it prints nothing."""
        output = self.run("aws", *arguments, "--output", "json").stdout
        return json.loads(output) if output.strip() else None

    def spawn(self, *command: str) -> pexpect.spawn[str]:
        environment = self.node.environment() | self.keys | {"COLUMNS": "220", "LINES": "60"}
        return pexpect.spawn(
            command[0],
            list(command[1:]),
            cwd=str(self.folder),
            env=environment,
            encoding="utf-8",
            timeout=_SECONDS,
            dimensions=(60, 220),
        )

    def function(self, logical_id: str) -> str:
        """The physical name of a function of the stack."""
        resource = self.aws(
            "cloudformation",
            "describe-stack-resource",
            "--stack-name",
            self.stack,
            "--logical-resource-id",
            logical_id,
        )
        return str(resource["StackResourceDetail"]["PhysicalResourceId"])

    def place_order(self, payload: str = "{}") -> str:
        """Invoke the order function as the session does; the decoded log tail."""
        output = self.run(
            "sh",
            "-c",
            'aws lambda invoke --function-name "$0" out --log-type Tail --output text --query LogResult'
            ' --payload "$1"',
            self.function("orderServiceFunction"),
            payload,
        ).stdout
        return base64.b64decode(output).decode()

    def answer(self) -> Any:
        """What the last `place_order` returned."""
        return json.loads((self.folder / "out").read_text())

    def invoice_lines(self) -> list[str]:
        group = f"/aws/lambda/{self.function('invoiceServiceFunction')}"
        found = self.node.client("logs").filter_log_events(logGroupName=group)["events"]
        return [event["message"] for event in found]


def plain(text: str) -> str:
    return _ANSI.sub("", text).replace("\r\n", "\n")
