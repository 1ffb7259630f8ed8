"""Prints what a node does with each resource of a template, before any deployment and without a node."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.grammar import DEFAULT_ACCOUNT
from nightbus.cli.checking.assessing import Report, assess_source
from nightbus.cli.checking.sources import Source, find_sources
from nightbus.cli.deployment import parameter
from nightbus.cli.environment import chosen_region
from nightbus.cli.terminal import GREEN, RED, YELLOW, coloured
from nightbus.node.settings import Settings
from nightbus.stacks.planning.assessment import Assessment


def check_templates(
    template: Path | None, overrides: list[str], settings: Settings, region: str | None, *, as_json: bool
) -> int:
    """Return 0 if the node does everything, 1 if it refuses something. Raises CommandFailed."""
    entries = [parameter(text) for text in overrides]
    values = {entry["ParameterKey"]: entry["ParameterValue"] for entry in entries}
    scope = Scope(DEFAULT_ACCOUNT, chosen_region(region))
    reports = asyncio.run(_assess_all(find_sources(template), values, settings, scope))
    if as_json:
        print(json.dumps({"templates": [_document(report) for report in reports]}, indent=2))
    else:
        for report in reports:
            _print_report(report)
    return 0 if all(report.is_supported for report in reports) else 1


async def _assess_all(
    sources: list[Source], values: dict[str, str], settings: Settings, scope: Scope
) -> list[Report]:
    """Return the reports in the order of the sources, in which a nested template comes after its parent."""
    reports: dict[str, Report] = {}
    for source in sources:
        parent = reports.get(source.parent)
        given = values if parent is None else {**values, **parent.parameters_of(source.logical_id)}
        reports[source.name] = await assess_source(source, given, settings.forward, scope)
    return list(reports.values())


def _print_report(report: Report) -> None:
    print(report.name)
    if report.assumed:
        listed = ", ".join(f"{name}={value}" for name, value in report.assumed.items())
        print(f"  assumed: {listed} (--parameter-overrides NAME=VALUE says otherwise)")
    if report.error:
        print(f"  {coloured('refused', RED)}  the template: {report.error}")
        return
    if report.macros:
        print(f"  not checked: what {', '.join(report.macros)} would change, since macros run on a node")
    width = max((len(one.logical_id) for one in report.assessments), default=0)
    for one in report.assessments:
        verdict, colour = _verdict(one)
        print(f"  {coloured(f'{verdict:9}', colour)}  {one.logical_id:{width}}  {one.type_name}")
        for reason in (*one.refusals, *one.errors, *one.elsewhere):
            print(f"  {'':9}  {'':{width}}  {reason}")
    refused = sum(not one.is_supported for one in report.assessments)
    made = sum(one.is_supported and not one.skipped for one in report.assessments)
    print(f"  {made} of {len(report.assessments)} resources are made here, {refused} refused.")


def _verdict(one: Assessment) -> tuple[str, str]:
    if one.refusals:
        return "refused", RED
    if one.errors:
        return "invalid", RED
    if one.skipped:
        return "skipped", YELLOW
    return ("elsewhere", YELLOW) if one.elsewhere else ("made", GREEN)


def _document(report: Report) -> dict[str, Any]:
    return {
        "template": report.name,
        "supported": report.is_supported,
        "error": report.error or None,
        "assumed_parameters": report.assumed,
        "unchecked_macros": report.macros,
        "resources": [
            {
                "logical_id": one.logical_id,
                "type": one.type_name,
                "verdict": _verdict(one)[0],
                "refusals": list(one.refusals),
                "errors": list(one.errors),
                "elsewhere": list(one.elsewhere),
            }
            for one in report.assessments
        ],
    }
