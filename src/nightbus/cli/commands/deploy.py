"""Deploys a template without the SAM CLI: packages it, creates and executes a change set, and prints the events."""

from __future__ import annotations

from pathlib import Path

from nightbus.cli.client import is_running
from nightbus.cli.commands.deploy_output import Document, Lines
from nightbus.cli.deployment import Deployment, parameter
from nightbus.cli.errors import CommandFailed, no_node_at
from nightbus.node.settings import Settings

_NAMES = ("template.yaml", "template.yml", "template.json")


def deploy_template(
    template: Path | None,
    stack_name: str,
    overrides: list[str],
    settings: Settings,
    region: str | None,
    as_json: bool,
) -> None:
    """Deploy the template and return once the stack is complete. Raises CommandFailed, also if the stack fails."""
    from botocore.exceptions import BotoCoreError, ClientError

    from nightbus.cli.aws_clients import NodeClients

    if not is_running(settings):
        raise no_node_at(settings.endpoint)
    file, parameters = _template_file(template), [parameter(text) for text in overrides]
    try:
        output = Document() if as_json else Lines()
        output.template(file)
        deployment = Deployment(NodeClients(settings, region), settings.endpoint, stack_name, output)
        deployment.deploy(deployment.package(file), parameters)
    except (ClientError, BotoCoreError) as failure:
        raise CommandFailed(str(failure)) from failure


def _template_file(chosen: Path | None) -> Path:
    if chosen is not None:
        if not chosen.is_file():
            raise CommandFailed(f"{chosen} is not a file")
        return chosen
    built = Path(".aws-sam") / "build" / "template.yaml"
    first = next((path for path in (built, *map(Path, _NAMES)) if path.is_file()), None)
    if first is None:
        raise CommandFailed(f"there is none of {', '.join(_NAMES)} here; name the template")
    return first
