"""Declares the options of the commands that work on a project's template, and calls them."""

from __future__ import annotations

import argparse
from pathlib import Path

from nightbus.cli import options
from nightbus.cli.options import add_json, settings_of


def _add_overrides(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--parameter-overrides",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="The value of a parameter; may be repeated.",
    )


def declare_deploy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "template",
        nargs="?",
        type=Path,
        metavar="TEMPLATE",
        help="SAM or CloudFormation template; default: the output of sam build, else ./template.yaml (.yml, .json).",
    )
    parser.add_argument("--stack-name", required=True, metavar="NAME", help="The stack to create or update.")
    _add_overrides(parser)
    options.add_node(parser)
    options.add_region(parser)
    options.add_json(parser, "Print what changed, the events and the outputs as JSON, at the end.")


def deploy(arguments: argparse.Namespace) -> None:
    from nightbus.cli.commands.deploy import deploy_template

    deploy_template(
        arguments.template,
        arguments.stack_name,
        arguments.parameter_overrides,
        settings_of(arguments),
        arguments.region,
        as_json=arguments.json,
    )


def declare_dev(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "template",
        nargs="?",
        type=Path,
        metavar="TEMPLATE",
        help="SAM template; default: samconfig.toml's, else ./template.yaml (.yml, .json).",
    )
    parser.add_argument(
        "--stack-name", metavar="NAME", help="The stack; default: samconfig.toml's, else the folder's name."
    )
    _add_overrides(parser)
    parser.add_argument(
        "--debug",
        action="append",
        default=[],
        metavar="FUNCTION[:PORT]",
        help="Let this function wait for a debugger at 127.0.0.1:5678, and suspend its time limits; may "
        "be repeated.",
    )
    parser.add_argument("--delete", action="store_true", help="Delete the stack at the end.")
    options.add_listening(parser)
    options.add_keeping(parser)
    options.add_region(parser)


def dev(arguments: argparse.Namespace) -> None:
    from nightbus.cli.dev.debugging import debug_wishes
    from nightbus.cli.dev.samconfig import find_project
    from nightbus.cli.dev.session import develop

    project = find_project(arguments.template, arguments.stack_name, arguments.parameter_overrides)
    wishes = debug_wishes(arguments.debug)
    develop(project, settings_of(arguments), arguments.region, wishes, delete=arguments.delete)


def declare_runtimes(parser: argparse.ArgumentParser) -> None:
    add_json(parser)


def runtimes(arguments: argparse.Namespace) -> None:
    from nightbus.cli.commands.runtimes import list_runtimes

    list_runtimes(as_json=arguments.json)


def declare_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "template",
        nargs="?",
        type=Path,
        metavar="TEMPLATE",
        help="SAM or CloudFormation template, or the output folder of cdk synth; default: the output of sam build, "
        "else ./template.yaml (.yml, .json), else ./cdk.out.",
    )
    _add_overrides(parser)
    options.add_forward(parser)
    options.add_region(parser)
    options.add_json(parser)


def check(arguments: argparse.Namespace) -> int:
    from nightbus.cli.commands.check import check_templates

    return check_templates(
        arguments.template,
        arguments.parameter_overrides,
        settings_of(arguments),
        arguments.region,
        as_json=arguments.json,
    )
