"""Which commands are there? Their options stand here; what they do is imported when one is called."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from nightbus import __version__
from nightbus.node.settings import Settings, SettingsError, load_settings

app = typer.Typer(
    name="nightbus",
    help="EventBridge, Lambda, CloudFormation/SAM and CloudWatch Logs that you run yourself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

events = typer.Typer(help="The events on the buses.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(events, name="events")

Host = Annotated[str | None, typer.Option(help="Address to listen on, 127.0.0.1 by default. [NIGHTBUS_HOST]")]
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="Port, 4566 by default; 0 takes a free one. [NIGHTBUS_PORT]"),
]
Data = Annotated[
    Path | None,
    typer.Option(help="Folder that holds everything, ~/.local/share/nightbus by default. [NIGHTBUS_DATA]"),
]
Memory = Annotated[
    bool | None,
    typer.Option("--memory/--no-memory", help="Keep nothing after the node stops. [NIGHTBUS_MEMORY]"),
]
Forward = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SERVICE=URL",
        help="Where rules' targets of a service go that is not part of Nightbus (states, kinesis, ecs ...): a URL, "
        "or aws for AWS itself; may be repeated. [NIGHTBUS_FORWARD]",
    ),
]
Quotas = Annotated[
    bool | None,
    typer.Option(
        "--quotas/--no-quotas", help="Keep to AWS's quotas (300 rules a bus ...). [NIGHTBUS_QUOTAS]"
    ),
]
AllowedHosts = Annotated[
    list[str] | None,
    typer.Option(
        "--allowed-host",
        metavar="NAME",
        help="Another host name of this node, such as the one that containers use; may be repeated. "
        "[NIGHTBUS_ALLOWED_HOSTS]",
    ),
]
AllowedOrigins = Annotated[
    list[str] | None,
    typer.Option(
        "--allowed-origin",
        metavar="URL",
        help="A web page's origin that may call this node from a browser; may be repeated. "
        "[NIGHTBUS_ALLOWED_ORIGINS]",
    ),
]
Region = Annotated[
    str | None, typer.Option(help="AWS region; else AWS_REGION, AWS_DEFAULT_REGION, us-east-1.")
]


class CommandFailed(Exception):
    """A command cannot do what was asked; the text is for the person who typed it."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def main() -> None:
    """The entry point: failures are one line on standard error and an exit code, never a traceback."""
    try:
        app()
    except (CommandFailed, SettingsError) as failure:
        print(f"nightbus: {failure}", file=sys.stderr)
        sys.exit(getattr(failure, "code", 2))


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"nightbus {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The options of `nightbus` itself."""


def _settings(
    host: str | None = None,
    port: int | None = None,
    data: Path | None = None,
    memory: bool | None = None,
    forward: list[str] | None = None,
    quotas: bool | None = None,
    allowed_hosts: list[str] | None = None,
    allowed_origins: list[str] | None = None,
) -> Settings:
    return load_settings(
        host=host,
        port=port,
        data=data,
        memory=memory,
        forward=forward or (),
        quotas=quotas,
        allowed_hosts=allowed_hosts or (),
        allowed_origins=allowed_origins or (),
    )


@app.command()
def start(
    host: Host = None,
    port: Port = None,
    data: Data = None,
    memory: Memory = None,
    forward: Forward = None,
    quotas: Quotas = None,
    allowed_host: AllowedHosts = None,
    allowed_origin: AllowedOrigins = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every request.")] = False,
) -> None:
    """Start a node and stay in the foreground; Ctrl-C stops it in order."""
    from nightbus.cli.start import start_node

    settings = _settings(host, port, data, memory, forward, quotas, allowed_host, allowed_origin)
    start_node(settings, verbose)


@app.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
def run(
    command: Annotated[list[str], typer.Argument(help="The command and its arguments, after --.")],
    host: Host = None,
    port: Port = None,
    data: Data = None,
    memory: Memory = None,
    region: Region = None,
) -> None:
    """Run a command with the AWS variables pointing at the node; starts one for it if none is up."""
    from nightbus.cli.run import run_command

    raise typer.Exit(run_command(command, _settings(host, port, data, memory), region))


@app.command()
def env(host: Host = None, port: Port = None, region: Region = None) -> None:
    """Print the AWS variables for the node: eval "$(nightbus env)"."""
    from nightbus.cli.environment import export_lines

    print(export_lines(_settings(host, port), region))


@app.command()
def configure(host: Host = None, port: Port = None, region: Region = None) -> None:
    """Write the AWS profile `nightbus`, so that `aws --profile nightbus` reaches the node."""
    from nightbus.cli.configure import write_profile

    write_profile(_settings(host, port), region)


@app.command()
def status(
    host: Host = None,
    port: Port = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show whether a node runs, and what it holds."""
    from nightbus.cli.status import show_status

    show_status(_settings(host, port), as_json=json)


@app.command()
def stop(host: Host = None, port: Port = None, data: Data = None) -> None:
    """Stop the node in order; its data stays."""
    from nightbus.cli.stop import stop_node

    stop_node(_settings(host, port, data))


@app.command()
def deploy(
    stack_name: Annotated[str, typer.Option(help="The stack to create or update.")],
    template: Annotated[
        Path | None,
        typer.Argument(help="SAM or CloudFormation template; else ./template.yaml (.yml, .json)."),
    ] = None,
    parameter_overrides: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A parameter's value; may be repeated.")
    ] = None,
    host: Host = None,
    port: Port = None,
    region: Region = None,
) -> None:
    """Package and deploy a template without the SAM CLI."""
    from nightbus.cli.deploy import deploy_template

    deploy_template(template, stack_name, parameter_overrides or [], _settings(host, port), region)


@app.command()
def explain(
    event_id: Annotated[str | None, typer.Argument(help="The EventId that PutEvents answered.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only this rule.")] = None,
    event: Annotated[
        Path | None,
        typer.Option(
            help="An event that was not put: an envelope, or entries of PutEvents; - is standard input."
        ),
    ] = None,
    pattern: Annotated[
        Path | None, typer.Option(help="An event pattern to try on --event, without a node.")
    ] = None,
    bus: Annotated[
        str | None, typer.Option(help="Whose rules to try on --event; the default bus's otherwise.")
    ] = None,
    host: Host = None,
    port: Port = None,
    region: Region = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which rules an event matches, which not and why, and what became of it; 1 where --event matches none."""
    from nightbus.cli import explain as explaining

    if (event_id is None) == (event is None):
        raise CommandFailed("explain what? Give an event's id, or a file with --event", 2)
    if pattern is not None and event is None:
        raise CommandFailed("--pattern goes with --event; an event that was put is explained by its rules", 2)
    settings = _settings(host, port)
    if event_id is not None:
        explaining.explain_event(settings, event_id, rule, region, as_json=json)
        return
    assert event is not None
    if pattern is not None:
        matched = explaining.explain_files(event, pattern, as_json=json)
    else:
        matched = explaining.explain_unput(settings, event, bus, rule, region, as_json=json)
    raise typer.Exit(0 if matched else 1)


@events.command()
def tail(
    bus: Annotated[str | None, typer.Option(help="Only this bus.")] = None,
    pattern: Annotated[
        str | None, typer.Option(metavar="JSON|@FILE", help="Only events that match this event pattern.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Begin with those of the last 30s, 10m, 2h or 1d.")
    ] = None,
    host: Host = None,
    port: Port = None,
    region: Region = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, a line each.")] = False,
) -> None:
    """Show events as they come, which rules they match and what becomes of them; Ctrl-C ends it."""
    from nightbus.cli.tail import tail_events

    tail_events(_settings(host, port), bus, pattern, since, region, as_json=json)


@app.command()
def trace(
    event_id: Annotated[str, typer.Argument(help="The EventId that PutEvents answered.")],
    wait: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", help="Wait until everything has ended; exit code 1 where something failed."
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="The same, for as long as it takes.")
    ] = False,
    host: Host = None,
    port: Port = None,
    region: Region = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show an event's whole way: rules, inputs, attempts, log lines, and what functions published in turn."""
    from nightbus.cli.trace import trace_event

    if follow and wait is None:
        wait = float("inf")
    trace_event(_settings(host, port), event_id, region, as_json=json, wait=wait)


@app.command()
def doctor(data: Data = None) -> None:
    """Check a data folder, in use or not, and say what was found; fails where something is wrong."""
    from nightbus.cli.doctor import examine_folder

    raise typer.Exit(examine_folder(_settings(data=data)))


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="Where to write it; replaced if there.")], data: Data = None
) -> None:
    """Copy a data folder into one file, while its node runs or not."""
    from nightbus.cli.backup import write_backup

    raise typer.Exit(write_backup(_settings(data=data), file))


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What `nightbus backup` wrote.")], data: Data = None
) -> None:
    """Make a data folder from a backup; the folder must be new or empty."""
    from nightbus.cli.backup import restore_backup

    raise typer.Exit(restore_backup(_settings(data=data), file))
