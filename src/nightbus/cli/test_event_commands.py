"""Declares the commands of test events: `test-event list`, `put`, `get`, `delete` and `invoke`."""

from __future__ import annotations

import argparse
from pathlib import Path

from nightbus.cli import options
from nightbus.cli.command import Command
from nightbus.cli.options import settings_of

Arguments = argparse.Namespace


def _declare_owner(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "owner",
        metavar="FUNCTION|RULE",
        help="A function's name, a rule's (BUS/RULE on another bus than the default one), or the logical id of either.",
    )
    parser.add_argument(
        "--stack-name", metavar="NAME", help="The stack of a logical id; by default any stack."
    )


def _declare_common(parser: argparse.ArgumentParser) -> None:
    options.add_node(parser)
    options.add_region(parser)


def declare_list(parser: argparse.ArgumentParser) -> None:
    _declare_owner(parser)
    _declare_common(parser)
    options.add_json(parser)


def list_events(arguments: Arguments) -> None:
    from nightbus.cli.commands.test_event import list_test_events

    list_test_events(
        settings_of(arguments),
        arguments.region,
        arguments.owner,
        arguments.stack_name,
        as_json=arguments.json,
    )


def declare_put(parser: argparse.ArgumentParser) -> None:
    _declare_owner(parser)
    parser.add_argument("name", metavar="NAME", help="The event's name.")
    parser.add_argument("file", type=Path, metavar="FILE", help="The event as JSON; - is standard input.")
    parser.add_argument("--force", "-f", action="store_true", help="Replace the event of that name.")
    _declare_common(parser)


def put(arguments: Arguments) -> None:
    from nightbus.cli.commands.test_event import put_test_event

    put_test_event(
        settings_of(arguments),
        arguments.region,
        arguments.owner,
        arguments.stack_name,
        arguments.name,
        arguments.file,
        replaces=arguments.force,
    )


def declare_one(parser: argparse.ArgumentParser) -> None:
    """Of `get` and `delete`."""
    _declare_owner(parser)
    parser.add_argument("name", metavar="NAME", help="The event's name.")
    _declare_common(parser)


def get(arguments: Arguments) -> None:
    from nightbus.cli.commands.test_event import print_test_event

    where = (settings_of(arguments), arguments.region, arguments.owner, arguments.stack_name)
    print_test_event(*where, arguments.name)


def delete(arguments: Arguments) -> None:
    from nightbus.cli.commands.test_event import delete_test_event

    where = (settings_of(arguments), arguments.region, arguments.owner, arguments.stack_name)
    delete_test_event(*where, arguments.name)


def invoke(arguments: Arguments) -> int:
    from nightbus.cli.commands.test_event import send_test_event

    where = (settings_of(arguments), arguments.region, arguments.owner, arguments.stack_name)
    return send_test_event(*where, arguments.name)


COMMANDS = (
    Command(
        "test-event list",
        "List the names of the test events of a function or a rule.",
        declare_list,
        list_events,
        "FUNCTION|RULE",
    ),
    Command(
        "test-event put",
        "Keep an event of a file to try a function or a rule with.",
        declare_put,
        put,
        "FUNCTION|RULE NAME FILE",
    ),
    Command(
        "test-event get",
        "Print a test event.",
        declare_one,
        get,
        "FUNCTION|RULE NAME",
    ),
    Command(
        "test-event delete",
        "Delete a test event.",
        declare_one,
        delete,
        "FUNCTION|RULE NAME",
    ),
    Command(
        "test-event invoke",
        "Send a test event to the function, or to the rule's bus and show what the rule did; 1 if that failed.",
        declare_one,
        invoke,
        "FUNCTION|RULE NAME",
    ),
)
