"""Declares the commands of the buses' events: `events tail` and `events put`."""

from __future__ import annotations

import argparse
from pathlib import Path

from nightbus.cli import options
from nightbus.cli.options import settings_of

Arguments = argparse.Namespace


def declare_tail(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bus", metavar="NAME", help="Only this bus.")
    parser.add_argument("--pattern", metavar="JSON|@FILE", help="Only events that match this event pattern.")
    parser.add_argument(
        "--since", metavar="TIME", help="Begin with the events of the last 30s, 10m, 2h or 1d."
    )
    options.add_node(parser)
    options.add_region(parser)
    options.add_json(parser, "Print JSON, a line each.")


def tail(arguments: Arguments) -> None:
    from nightbus.cli.commands.tail import tail_events

    tail_events(
        settings_of(arguments),
        arguments.bus,
        arguments.pattern,
        arguments.since,
        arguments.region,
        as_json=arguments.json,
    )


def declare_put(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="Envelopes, or entries of PutEvents: one, a list, or the whole input; - is standard input.",
    )
    parser.add_argument(
        "--bus", metavar="NAME", help="The bus of events that name none; default: the default bus."
    )
    parser.add_argument(
        "--as-service",
        action="store_true",
        help="Put events whose source is an AWS service (aws.s3 ...); only for the user who runs the node.",
    )
    options.add_node(parser)
    options.add_region(parser)
    options.add_json(parser)


def put(arguments: Arguments) -> int:
    from nightbus.cli.commands.put_events import put_file_events

    return put_file_events(
        settings_of(arguments),
        arguments.file,
        arguments.bus,
        arguments.region,
        as_service=arguments.as_service,
        as_json=arguments.json,
    )
