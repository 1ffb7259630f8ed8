"""Declares the commands about a node that runs: `status`, `stop`, `drain`, `cluster rotate-key` and `console`."""

from __future__ import annotations

import argparse
from pathlib import Path

from nightbus.cli import options
from nightbus.cli.options import settings_of


def declare_status(parser: argparse.ArgumentParser) -> None:
    options.add_node(parser)
    options.add_data(parser)
    options.add_json(parser)


def status(arguments: argparse.Namespace) -> None:
    from nightbus.cli.commands.status import show_status

    show_status(settings_of(arguments), as_json=arguments.json)


def declare_stop(parser: argparse.ArgumentParser) -> None:
    options.add_node(parser)
    options.add_data(parser)


def stop(arguments: argparse.Namespace) -> None:
    from nightbus.cli.commands.stop import stop_node

    stop_node(settings_of(arguments))


def declare_drain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name",
        nargs="?",
        default="",
        metavar="NODE",
        help="A node that shares its store with this one, by its name in nightbus status; default: this one.",
    )
    options.add_node(parser)
    options.add_data(parser)


def drain(arguments: argparse.Namespace) -> None:
    from nightbus.cli.commands.drain import drain_node

    drain_node(settings_of(arguments), arguments.name)


def declare_rotate_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="Where the new key is written, or, if the file exists, where the new key is.",
    )
    options.add_data_or_database(parser)
    options.add_cluster_key(parser)


def rotate_key(arguments: argparse.Namespace) -> None:
    from nightbus.cli.commands.cluster_key import rotate_cluster_key

    rotate_cluster_key(settings_of(arguments), arguments.file)


def declare_console(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--print", action="store_true", dest="only_print", help="Print the link, and open no browser."
    )
    parser.add_argument(
        "--sign-everybody-out",
        action="store_true",
        help="End all sessions of the console, at all nodes on the same store, and open nothing.",
    )
    options.add_node(parser)
    options.add_data(parser)
    options.add_tls(parser)


def console(arguments: argparse.Namespace) -> None:
    from nightbus.cli.commands.console import open_console, sign_everybody_out

    if arguments.sign_everybody_out:
        sign_everybody_out(settings_of(arguments))
    else:
        open_console(settings_of(arguments), only_print=arguments.only_print)
