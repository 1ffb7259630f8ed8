"""Lists the commands with their options. The module that carries out a command is imported when it is called."""

from __future__ import annotations

import argparse
from pathlib import Path

from nightbus.cli import (
    access_commands,
    event_commands,
    node_commands,
    options,
    outbox_commands,
    project_commands,
    test_event_commands,
)
from nightbus.cli.command import Command
from nightbus.cli.errors import WRONG_USAGE, CommandFailed
from nightbus.cli.options import settings_of

Arguments = argparse.Namespace
_EVENT_ID = "The EventId that PutEvents returned."
_SHELLS = ("bash", "zsh", "fish")


def _declare_start(parser: argparse.ArgumentParser) -> None:
    options.add_listening(parser)
    options.add_keeping(parser)
    options.add_store(parser)
    options.add_serving(parser)
    parser.add_argument(
        "--profile",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="Write the AWS profile nightbus when the data folder gets its key, unless there is another one; the "
        "default.",
    )
    parser.add_argument("--verbose", "-v", action="store_true", help="Log every request.")


def _start(arguments: Arguments) -> None:
    from nightbus.cli.commands.start import start_node

    start_node(settings_of(arguments), arguments.verbose, writes_profile=arguments.profile)


def _declare_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "command",
        nargs=argparse.REMAINDER,
        metavar="COMMAND",
        help="The command and its arguments, after --.",
    )
    options.add_listening(parser)
    options.add_keeping(parser)
    options.add_region(parser)


def _run(arguments: Arguments) -> int:
    from nightbus.cli.commands.run import run_command

    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not command:
        raise CommandFailed("run needs a command after --, for example: nightbus run -- pytest", WRONG_USAGE)
    return run_command(command, settings_of(arguments), arguments.region)


def _declare_env(parser: argparse.ArgumentParser) -> None:
    options.add_node(parser)
    options.add_data(parser)
    options.add_region(parser)
    options.add_account(parser)
    options.add_tls(parser)


def _env(arguments: Arguments) -> None:
    from nightbus.cli.commands.env import print_exports

    print_exports(settings_of(arguments), arguments.region, arguments.account)


def _declare_configure(parser: argparse.ArgumentParser) -> None:
    _declare_env(parser)
    parser.add_argument(
        "--new-key",
        action="store_true",
        help="Replace the administrator's key first; the key from before is refused from then on.",
    )


def _configure(arguments: Arguments) -> None:
    from nightbus.cli.commands.configure import configure

    configure(settings_of(arguments), arguments.region, arguments.account, new=arguments.new_key)


def _declare_explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("event_id", nargs="?", metavar="EVENT_ID", help=_EVENT_ID)
    parser.add_argument("--rule", metavar="NAME", help="Only this rule.")
    parser.add_argument(
        "--all", action="store_true", help="Show every rule that did not match, not only the nearest five."
    )
    parser.add_argument(
        "--event",
        type=Path,
        metavar="FILE",
        help="An event that was not put: an envelope, or entries of PutEvents; - is standard input.",
    )
    parser.add_argument(
        "--pattern", type=Path, metavar="FILE", help="An event pattern to try on --event, without a node."
    )
    parser.add_argument(
        "--bus", metavar="NAME", help="The bus whose rules to try on --event; default: the default bus."
    )
    options.add_node(parser)
    options.add_region(parser)
    options.add_json(parser)


def _explain(arguments: Arguments) -> int:
    from nightbus.cli.commands import explain

    if (arguments.event_id is None) == (arguments.event is None):
        raise CommandFailed("explain needs an event's id, or a file with --event", WRONG_USAGE)
    if arguments.pattern is not None and arguments.event is None:
        raise CommandFailed(
            "--pattern goes with --event; an event that was put is explained by its rules", WRONG_USAGE
        )
    settings, output = (
        settings_of(arguments),
        explain.OutputOptions(as_json=arguments.json, every_rule=arguments.all),
    )
    if arguments.event_id is not None:
        explain.print_explanation(settings, arguments.event_id, arguments.rule, arguments.region, output)
        return 0
    if arguments.pattern is not None:
        matched = explain.print_file_explanation(arguments.event, arguments.pattern, output)
    else:
        matched = explain.print_unput_explanation(
            settings, arguments.event, arguments.bus, arguments.rule, arguments.region, output
        )
    return 0 if matched else 1


def _declare_trace(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("event_id", metavar="EVENT_ID", help=_EVENT_ID)
    parser.add_argument(
        "--wait",
        type=float,
        metavar="SECONDS",
        help="Wait until everything has ended; exit code 1 if something failed.",
    )
    parser.add_argument(
        "--follow",
        "-f",
        action="store_const",
        dest="wait",
        const=float("inf"),
        help="Wait in the same way, without a limit.",
    )
    options.add_node(parser)
    options.add_region(parser)
    options.add_json(parser)


def _trace(arguments: Arguments) -> None:
    from nightbus.cli.commands.trace import print_trace

    print_trace(
        settings_of(arguments),
        arguments.event_id,
        arguments.region,
        as_json=arguments.json,
        wait=arguments.wait,
    )


def _declare_doctor(parser: argparse.ArgumentParser) -> None:
    options.add_data_or_database(parser)
    options.add_cluster_key(parser)


def _doctor(arguments: Arguments) -> int:
    from nightbus.cli.commands.doctor import examine_folder

    return examine_folder(settings_of(arguments))


def _declare_backup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="The file to write; an existing one is replaced."
    )
    options.add_data_or_database(parser)


def _backup(arguments: Arguments) -> int:
    from nightbus.cli.commands.backup import write_backup

    return write_backup(settings_of(arguments), arguments.file)


def _declare_restore(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="A file that nightbus backup has written.")
    options.add_data_or_database(parser)


def _restore(arguments: Arguments) -> int:
    from nightbus.cli.commands.backup import restore_backup

    return restore_backup(settings_of(arguments), arguments.file)


def _declare_completion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=_SHELLS, metavar="SHELL", help="bash, zsh or fish.")


def _completion(arguments: Arguments) -> None:
    from nightbus.cli.completion import completion_script

    print(completion_script(arguments.parser, arguments.shell))


GROUPS = {
    "cluster": "The nodes that share a PostgreSQL database.",
    "events": "The events on the buses.",
    "policy": "The policies of roles.",
    "test-event": "Events to try functions and rules with, shared with the SAM CLI.",
    "outbox": "The text messages, push notifications and mails of SNS, which stay on this machine.",
}

COMMANDS = (
    Command("start", "Start a node in the foreground; Ctrl-C stops it.", _declare_start, _start),
    Command(
        "run",
        "Run a command with the AWS variables of the node; starts a node for it if none runs.",
        _declare_run,
        _run,
        "-- COMMAND ...",
    ),
    Command("env", 'Print the AWS variables for the node: eval "$(nightbus env)".', _declare_env, _env),
    Command(
        "configure",
        "Write the AWS profile nightbus, so that `aws --profile nightbus` reaches the node.",
        _declare_configure,
        _configure,
    ),
    Command(
        "status",
        "Show whether a node runs, and its resources.",
        node_commands.declare_status,
        node_commands.status,
    ),
    Command("stop", "Stop the node; its data stays.", node_commands.declare_stop, node_commands.stop),
    Command(
        "drain",
        "Let a node finish what it works on, while others take over the rest, and end.",
        node_commands.declare_drain,
        node_commands.drain,
    ),
    Command(
        "cluster rotate-key",
        "Give a cluster a new key in place of the one that its nodes have; nodes that run go on.",
        node_commands.declare_rotate_key,
        node_commands.rotate_key,
        "FILE",
    ),
    Command(
        "check",
        "Say what of a template a node does, refuses or forwards, without a node; 1 if it refuses something.",
        project_commands.declare_check,
        project_commands.check,
        "[TEMPLATE]",
    ),
    Command(
        "deploy",
        "Package and deploy a template without the SAM CLI.",
        project_commands.declare_deploy,
        project_commands.deploy,
        "[TEMPLATE] --stack-name NAME",
    ),
    Command(
        "dev",
        "Deploy a SAM application and keep it as its sources are; shows logs and events; starts a node if none runs.",
        project_commands.declare_dev,
        project_commands.dev,
        "[TEMPLATE]",
    ),
    Command(
        "console",
        "Sign a browser in to the web console of a node of this user, and open it.",
        node_commands.declare_console,
        node_commands.console,
    ),
    Command(
        "runtimes",
        "List the runtimes of functions, what each runs on, and how to add what is missing.",
        project_commands.declare_runtimes,
        project_commands.runtimes,
    ),
    Command(
        "explain",
        "Show which rules an event matches, why others do not, and what was delivered; 1 if --event matches none.",
        _declare_explain,
        _explain,
        "[EVENT_ID]",
    ),
    Command(
        "trace",
        "Show an event's trace: rules, inputs, attempts, log lines, and the events that functions published.",
        _declare_trace,
        _trace,
        "EVENT_ID",
    ),
    Command(
        "why-denied",
        "Show why requests were refused, and the statement that would allow them.",
        access_commands.declare_why_denied,
        access_commands.why_denied,
        "[REQUEST_ID]",
    ),
    Command(
        "policy suggest",
        "Print least-privilege policies for a stack's functions, from what they were seen to call.",
        access_commands.declare_suggest,
        access_commands.suggest,
        "STACK",
    ),
    Command(
        "events tail",
        "Show events as they come, the rules that they match, and the outcomes; Ctrl-C ends it.",
        event_commands.declare_tail,
        event_commands.tail,
    ),
    Command(
        "events put",
        "Put the events of a file on their buses; 1 if one is refused.",
        event_commands.declare_put,
        event_commands.put,
        "FILE",
    ),
    *test_event_commands.COMMANDS,
    Command(
        "outbox list",
        "List the messages that are kept, the newest last.",
        outbox_commands.declare_list,
        outbox_commands.list_messages,
    ),
    Command(
        "outbox show",
        "Show the whole of a message.",
        outbox_commands.declare_show,
        outbox_commands.show,
        "MESSAGE_ID",
    ),
    Command(
        "outbox follow",
        "Show messages as they come; Ctrl-C ends it.",
        outbox_commands.declare_follow,
        outbox_commands.follow,
    ),
    Command(
        "outbox stop",
        "Answer STOP for a phone number, which opts it out of text messages.",
        outbox_commands.declare_stop,
        outbox_commands.stop,
        "NUMBER",
    ),
    Command(
        "doctor",
        "Check a data folder or a database, in use or not, and print the findings; 1 if something is wrong.",
        _declare_doctor,
        _doctor,
    ),
    Command(
        "backup",
        "Copy a data folder into one file, in use or not.",
        _declare_backup,
        _backup,
        "FILE",
    ),
    Command(
        "restore",
        "Make a data folder from a backup; the folder must be new or empty.",
        _declare_restore,
        _restore,
        "FILE",
    ),
    Command(
        "completion",
        'Print a script that completes commands and options: eval "$(nightbus completion bash)".',
        _declare_completion,
        _completion,
        "SHELL",
    ),
)
