"""Measures how soon a saved source is live under `nightbus dev`: from the save until the first result of the new code.

It starts a node and `nightbus dev` on a small application, saves the handler again and again, and invokes the function
all the time. A save counts as live when the answer to an Invoke is that of the new code.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

_HANDLER = "{imports}\ndef handler(event, context):\n    return {number}\n"
_SHAPES = {"plain handler": "", "boto3 client at import": "import boto3\ns3 = boto3.client('s3')"}
_READY_SECONDS, _LIVE_SECONDS = 60.0, 30.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--saves", type=int, default=50, help="How many saves of each shape.")
    parser.add_argument("--modules", type=int, default=100, help="How many other modules the folder has.")
    arguments = parser.parse_args()
    print(f"| {'save → live, ms':30} | {'p50':>6} | {'p99':>6} | {'most':>6} |")
    print(f"| {'-' * 30} | -----: | -----: | -----: |")
    for name, imports in _SHAPES.items():
        taken = sorted(measure(imports, arguments.saves, arguments.modules))
        p99 = taken[min(len(taken) - 1, round(len(taken) * 0.99))]
        print(f"| {name:30} | {statistics.median(taken):6.0f} | {p99:6.0f} | {taken[-1]:6.0f} |")


def measure(imports: str, saves: int, modules: int) -> list[float]:
    """Milliseconds from each save until the first result of its code."""
    with tempfile.TemporaryDirectory(prefix="nightbus-bench-") as text:
        folder = Path(text)
        source = folder / "src"
        source.mkdir()
        for number in range(modules):
            (source / f"module{number}.py").write_text(f"NUMBER = {number}\n" * 50)
        handler = source / "app.py"
        handler.write_text(_HANDLER.format(imports=imports, number=0))
        (folder / "template.json").write_text(json.dumps(_template()))
        command = [
            sys.executable,
            "-m",
            "nightbus",
            "dev",
            "--port",
            "0",
            "--no-memory",
            "--data",
            str(folder / "data"),
        ]
        dev = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "NIGHTBUS_DEV_CREDENTIALS": "true"},
        )  # fmt: skip
        try:
            client = _client(dev)
            _wait_for(client, 0)
            return [_save(client, handler, imports, number) for number in range(1, saves + 1)]
        finally:
            dev.terminate()
            dev.communicate(timeout=30)


def _template() -> dict[str, Any]:
    properties = {
        "FunctionName": "saved", "Handler": "app.handler", "CodeUri": "src", "MemorySize": 512,
        "Runtime": f"python3.{sys.version_info.minor}",
    }  # fmt: skip
    function = {"Type": "AWS::Serverless::Function", "Properties": properties}
    return {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"Saved": function}}


def _client(dev: subprocess.Popen[str]) -> Any:
    """A client of the node that `nightbus dev` has started, once it watches."""
    import boto3

    endpoint, said = "", []
    assert dev.stdout is not None
    for line in dev.stdout:
        said.append(line)
        if "started a node for this session at " in line:
            endpoint = line.split(" at ", 1)[1].split(",", 1)[0]
        if "watching" in line:
            make: Any = boto3.client
            return make(
                "lambda", region_name="us-east-1", endpoint_url=endpoint,
                aws_access_key_id="000000000000", aws_secret_access_key="bench",
            )  # fmt: skip
    raise SystemExit("nightbus dev has ended:\n" + "".join(said))


def _save(client: Any, handler: Path, imports: str, number: int) -> float:
    time.sleep(0.3)  # a person's saves are not one burst
    began = time.perf_counter()
    handler.write_text(_HANDLER.format(imports=imports, number=number))
    _wait_for(client, number)
    return (time.perf_counter() - began) * 1000


def _wait_for(client: Any, number: int) -> None:
    deadline = time.monotonic() + _LIVE_SECONDS
    while json.load(client.invoke(FunctionName="saved")["Payload"]) != number:
        if time.monotonic() > deadline:
            raise SystemExit(f"save {number} was not live within {_LIVE_SECONDS:.0f} s")


if __name__ == "__main__":
    main()
