"""How long until a node is ready, how much memory has it idle, and how fast are deploy, invoke and cold start?

Run: python bench/node.py [--json FILE]. It starts nodes of its own on loopback and ends by itself in about a minute.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from nodes import RunningNode, clean_environment  # noqa: E402

EXAMPLE = ROOT / "examples" / "order-to-invoice"
RUNTIME = f"python3.{sys.version_info.minor}"
STARTS = 5
INVOCATIONS = 1000
COLD_STARTS = 10
SETTLE_SECONDS = 10.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nightbus-bench-") as name:
        folder = Path(name)
        figures: dict[str, float] = {}
        figures["fdatasync, ms p50"] = fdatasync_ms(folder)
        figures |= commanding()
        figures |= starting(folder)
        node = RunningNode(data=folder / "node")
        try:
            time.sleep(SETTLE_SECONDS)
            figures["idle memory, MB"] = resident_megabytes(node.process.pid)
            figures |= deploying(node, folder)
            figures |= invoking(node)
        finally:
            node.stop()
    for label, value in figures.items():
        print(f"{label:44} {value:10.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


def fdatasync_ms(folder: Path) -> float:
    """The disk's own share of whatever is durable."""

    def once() -> None:
        os.write(descriptor, b"x" * 4096)
        os.fdatasync(descriptor)

    descriptor = os.open(folder / "sync", os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        return statistics.median(timed(once) for _ in range(100)) * 1000
    finally:
        os.close(descriptor)


def starting(folder: Path) -> dict[str, float]:
    """From the command to the line that says ready, on a folder that is there."""
    seconds = []
    for _ in range(STARTS):
        began = time.perf_counter()
        node = RunningNode(data=folder / "start")
        seconds.append(time.perf_counter() - began)
        node.stop()
    return {"start to ready, s (median of 5)": statistics.median(seconds)}


def commanding() -> dict[str, float]:
    """CPU time of commands that answer at once; the node of `status` need not be there."""
    return {f"nightbus {command}, s of CPU": cpu_seconds(command) for command in ("--help", "env", "status")}


def cpu_seconds(command: str) -> float:
    used = []
    for _ in range(STARTS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(["nightbus", command], env=clean_environment(), capture_output=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(used)


def resident_megabytes(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no VmRSS")


def deploying(node: RunningNode, folder: Path) -> dict[str, float]:
    example = folder / "example"
    shutil.copytree(EXAMPLE, example, ignore=shutil.ignore_patterns(".aws-sam"))
    sam(node, example, "build", "--parameter-overrides", f"Runtime={RUNTIME}")
    deploy = (
        "deploy", "--stack-name", "bench", "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-progressbar",
        "--no-confirm-changeset", "--parameter-overrides", f"Runtime={RUNTIME}",
    )  # fmt: skip
    first = timed(lambda: sam(node, example, *deploy))
    again = timed(lambda: sam(node, example, *deploy, "--no-fail-on-empty-changeset"))
    return {"sam deploy, first (bucket included), s": first, "sam deploy, no changes, s": again}


def sam(node: RunningNode, folder: Path, *arguments: str) -> None:
    environment = clean_environment() | node.environment()
    subprocess.run(["sam", *arguments], cwd=folder, env=environment, check=True, capture_output=True)


def invoking(node: RunningNode) -> dict[str, float]:
    client = node.client("lambda")
    stack = node.client("cloudformation").describe_stacks(StackName="bench")["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    function = outputs["OrderFunction"]

    def refused() -> None:
        reply: Any = client.invoke(FunctionName=function, Payload=b"{}")
        if "FunctionError" in reply:
            raise RuntimeError(reply["Payload"].read())

    cold = []
    for attempt in range(COLD_STARTS):
        client.update_function_configuration(FunctionName=function, Description=f"cold start {attempt}")
        cold.append(timed(refused) * 1000)
    warm = sorted(timed(refused) * 1000 for _ in range(INVOCATIONS))
    plain = sorted(plain_invocations(node, function))
    return {
        "cold start with boto3, by boto3, ms p50": statistics.median(cold),
        "warm Invoke by boto3, ms p50": warm[len(warm) // 2],
        "warm Invoke by boto3, ms p99": warm[len(warm) * 99 // 100],
        "warm Invoke by plain HTTP, ms p50": plain[len(plain) // 2],
        "warm Invoke by plain HTTP, ms p99": plain[len(plain) * 99 // 100],
    }


def plain_invocations(node: RunningNode, function: str) -> list[float]:
    """Without the client's own share: one connection, a request that is made once."""
    connection = http.client.HTTPConnection("127.0.0.1", node.port)
    scope = "000000000000/20260101/us-east-1/lambda/aws4_request"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}

    def once() -> None:
        connection.request("POST", f"/2015-03-31/functions/{function}/invocations", b"{}", headers)
        reply = connection.getresponse()
        if reply.status != 200:
            raise RuntimeError(reply.read())
        reply.read()

    return [timed(once) * 1000 for _ in range(INVOCATIONS)]


def timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
