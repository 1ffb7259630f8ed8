"""Declares the commands about rights: `why-denied` and `policy suggest`."""

from __future__ import annotations

import argparse

from nightbus.cli import options
from nightbus.cli.options import settings_of

Arguments = argparse.Namespace


def declare_why_denied(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "request_id", nargs="?", metavar="REQUEST_ID", help="The id in the error or in a log."
    )
    parser.add_argument(
        "--limit", type=int, default=10, metavar="NUMBER", help="At most so many; default: 10."
    )
    parser.add_argument(
        "--audit", action="store_true", help="Only what would be refused if policies were enforced."
    )
    options.add_node(parser)
    options.add_json(parser)


def why_denied(arguments: Arguments) -> None:
    from nightbus.cli.commands.why_denied import print_refusals

    print_refusals(
        settings_of(arguments),
        arguments.request_id,
        arguments.limit,
        only_audited=arguments.audit,
        as_json=arguments.json,
    )


def declare_suggest(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("stack", metavar="STACK", help="The stack's name.")
    parser.add_argument(
        "--function", metavar="NAME", help="Only this function, by its logical or physical id."
    )
    parser.add_argument(
        "--format", choices=("sam", "json"), default="sam", help="YAML for a SAM template, or JSON."
    )
    options.add_node(parser)
    options.add_region(parser)


def suggest(arguments: Arguments) -> None:
    from nightbus.cli.commands.policy import print_suggestions

    print_suggestions(
        settings_of(arguments), arguments.stack, arguments.function, arguments.region, arguments.format
    )
