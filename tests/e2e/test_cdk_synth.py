"""`nightbus.testing` deploys what an application of the newest CDK synthesizes, without `cdk` and its bootstrap."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from test_cdk import MODULES, RUNTIME

from nightbus.testing import Nightbus
from nodes import clean_environment

APP = Path(__file__).parent / "cdk-two-stacks"

pytestmark = pytest.mark.skipif(
    not (MODULES / "aws-cdk-lib").exists() or shutil.which("node") is None,
    reason="the CDK is not installed: `scripts/install test` does that where npm is there",
)


def synthesized(folder: Path, nightbus: Nightbus) -> Path:
    """Run the application as `cdk synth` does: https://docs.aws.amazon.com/cdk/v2/guide/configure-synth.html.

    The assembly is where CDK_OUTDIR says, by the context of CDK_CONTEXT_JSON.
    """
    app = shutil.copytree(APP, folder / "app")
    done = subprocess.run(
        ["node", "app.js"],
        cwd=app,
        env={
            **clean_environment(),
            "PATH": os.environ["PATH"],
            "NODE_PATH": str(MODULES),
            "CDK_OUTDIR": str(folder / "cdk.out"),
            "CDK_CONTEXT_JSON": json.dumps({"runtime": RUNTIME}),
            "CDK_DEFAULT_ACCOUNT": nightbus.account,
            "CDK_DEFAULT_REGION": nightbus.region,
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "cdk.out"


def test_two_stacks_of_which_one_needs_the_other(nightbus: Nightbus, tmp_path: Path) -> None:
    shop = nightbus.deploy(synthesized(tmp_path, nightbus))
    base = nightbus.stacks[0]
    assert (base.name, shop.name) == ("Base", "AShop")
    event = nightbus.events.put("shop", "OrderPlaced", {"item": "book"})
    nightbus.settle()
    nightbus.events.assert_delivered(target=shop["FunctionName"], event=event)
    (order,) = nightbus.messages(base["QueueUrl"])
    assert json.loads(order)["id"] == event
