"""Translates a SAM template to CloudFormation, in a process of its own: `python -m
nightbus.stacks.templates.sam_worker`.

It reads JSON from standard input (`template`, `parameters`, `region`) and writes JSON to standard output: `template`,
or `error` with CloudFormation's text. It is a process of its own because the translator needs 45 MB and blocks.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main() -> None:
    request = json.load(sys.stdin)
    json.dump(_answer(request), sys.stdout)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    from samtranslator.model.exceptions import ExceptionWithMessage, InvalidDocumentException

    try:
        return {"template": _translate(request)}
    except InvalidDocumentException as invalid:
        causes = " ".join(cause.message for cause in invalid.causes)
        return {"error": f"{invalid.message} {causes}".strip()}
    except ExceptionWithMessage as invalid:
        return {"error": invalid.message}


def _translate(request: dict[str, Any]) -> dict[str, Any]:
    from samtranslator.translator.transform import transform

    region = str(request["region"])
    parameters = {**request["parameters"], "AWS::Region": region}
    document = request["template"]
    document.pop("AWSTemplateFormatVersion", None)
    translated = transform(document, parameters, _BundledPolicies(region))  # type: ignore[arg-type]
    return {"AWSTemplateFormatVersion": "2010-09-09", **translated}


class _BundledPolicies:
    """Maps the names of AWS's managed policies to their ARNs by the translator's list, without a call to IAM."""

    def __init__(self, region: str) -> None:
        self._region = region

    def load(self) -> dict[str, str]:
        from samtranslator.internal.managed_policies import get_bundled_managed_policy_map
        from samtranslator.translator.arn_generator import ArnGenerator

        return get_bundled_managed_policy_map(ArnGenerator.get_partition_name(self._region)) or {}


if __name__ == "__main__":
    main()
