"""Builds the parser of the command line from the table of commands."""

from __future__ import annotations

import argparse
import functools
from typing import Any, NoReturn

from nightbus import __version__
from nightbus.cli.command import Command
from nightbus.cli.command_table import COMMANDS, GROUPS

_WHAT = "EventBridge, SQS, SNS, Lambda, CloudFormation/SAM and CloudWatch Logs that you run yourself."
_EPILOG = (
    "nightbus COMMAND --help says more of each. Exit codes: 0 well, 1 failed, 2 asked wrongly, 3 no node runs; "
    "run: the command's, and 125 to 127 where it did not start."
)


class Parser(argparse.ArgumentParser):
    """A parser that does not accept abbreviated options, and reports a mistake in two lines."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\nTry: {self.prog} --help\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Raise the error for an unknown command, with the most similar command."""
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            from difflib import get_close_matches

            near = get_close_matches(value, action.choices, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise argparse.ArgumentError(None, f"there is no command {value!r}{hint}")
        super()._check_value(action, value)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands.

    Parsed options have `run`, the command's function: `run(options)` returns the exit code, or None for 0. They have
    `parser`, this parser, too, so that `nightbus completion` need not import this module, which would be a cycle.
    """
    parser = Parser(prog="nightbus", usage="%(prog)s COMMAND ...", description=_WHAT, epilog=_EPILOG)
    parser.add_argument("--version", action="version", version=f"nightbus {__version__}")
    parser.set_defaults(parser=parser)
    commands = {"": _place_for_commands(parser, "nightbus")}
    for command in COMMANDS:
        group, _, name = command.name.rpartition(" ")
        if group not in commands:
            of_group = commands[""].add_parser(
                group, help=GROUPS[group], description=GROUPS[group], usage=f"nightbus {group} COMMAND ..."
            )
            commands[group] = _place_for_commands(of_group, f"nightbus {group}")
        _add(commands[group], name, command)
    return parser


def _place_for_commands(parser: argparse.ArgumentParser, name: str) -> Any:
    parser.set_defaults(run=functools.partial(_show_help, parser))
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=False, prog=name)


def _add(commands: Any, name: str, command: Command) -> None:
    usage = " ".join(part for part in (f"nightbus {command.name}", command.arguments, "[OPTIONS]") if part)
    if command.name == "run":
        usage = f"nightbus run [OPTIONS] {command.arguments}"
    parser = commands.add_parser(name, help=command.help, description=command.help, usage=usage)
    command.declare(parser)
    parser.set_defaults(run=command.run)


def _show_help(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    parser.print_help()
    return 2
