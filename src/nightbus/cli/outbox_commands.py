"""Declares the commands of the outbox: `outbox list`, `show`, `follow` and `stop`."""

from __future__ import annotations

import argparse

from nightbus.cli import options
from nightbus.cli.options import settings_of

Arguments = argparse.Namespace
_KINDS = ("sms", "push", "email")


def _declare_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kind", choices=_KINDS, metavar="KIND", help="Only sms, push or email.")
    parser.add_argument("--to", metavar="WHOM", help="Only to this number, address or endpoint's ARN.")


def _declare_common(parser: argparse.ArgumentParser) -> None:
    options.add_node(parser)
    options.add_region(parser)
    options.add_json(parser)


def declare_list(parser: argparse.ArgumentParser) -> None:
    _declare_filters(parser)
    parser.add_argument("--since", metavar="TIME", help="Only of the last 30s, 10m, 2h or 1d.")
    parser.add_argument("--limit", metavar="NUMBER", help="At most so many, the newest; default: 100.")
    _declare_common(parser)


def list_messages(arguments: Arguments) -> None:
    from nightbus.cli.commands.outbox import list_outbox

    filters = {name: getattr(arguments, name) for name in ("kind", "to", "since", "limit")}
    list_outbox(settings_of(arguments), filters, arguments.region, arguments.json)


def declare_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("message_id", metavar="MESSAGE_ID", help="The MessageId that Publish returned.")
    _declare_common(parser)


def show(arguments: Arguments) -> None:
    from nightbus.cli.commands.outbox import show_message

    show_message(settings_of(arguments), arguments.message_id, arguments.region, arguments.json)


def declare_follow(parser: argparse.ArgumentParser) -> None:
    _declare_filters(parser)
    _declare_common(parser)


def follow(arguments: Arguments) -> None:
    from nightbus.cli.commands.outbox import follow_outbox

    filters = {"kind": arguments.kind, "to": arguments.to}
    follow_outbox(settings_of(arguments), filters, arguments.region, arguments.json)


def declare_stop(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", metavar="NUMBER", help="A phone number: +15555550100.")
    options.add_node(parser)
    options.add_region(parser)


def stop(arguments: Arguments) -> None:
    from nightbus.cli.commands.outbox import answer_stop

    answer_stop(settings_of(arguments), arguments.number, arguments.region)
