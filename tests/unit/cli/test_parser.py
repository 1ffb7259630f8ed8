"""What the command line makes of words, before a command does anything."""

from __future__ import annotations

import pytest

from nightbus.cli.command_table import COMMANDS
from nightbus.cli.parser import Parser, build_parser


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as end:
        build_parser().parse_args(words)
    assert end.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
@pytest.mark.parametrize("columns", ["20", "80"])
def test_every_command_has_help(
    command: str, columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(SystemExit) as end:
        build_parser().parse_args([*command.split(), "--help"])
    assert end.value.code == 0
    assert "".join(f"nightbus {command}".split()) in "".join(capsys.readouterr().out.split())


def test_a_command_that_is_spelled_almost_alike_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no command 'statsu'; did you mean status?" in refused(capsys, "statsu")
    assert "there is no command 'tial'; did you mean tail?" in refused(capsys, "events", "tial")


@pytest.mark.parametrize("port", ["none", "-1", "65536", "9" * 5000, "٣", "1.5"])
def test_a_port_is_a_number_up_to_65535(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is not a port number (0 to 65535)" in refused(capsys, "status", f"--port={port}")


def test_a_mistake_names_the_command_and_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    told = refused(capsys, "trace")
    assert told == (
        "nightbus trace: the following arguments are required: EVENT_ID\nTry: nightbus trace --help\n"
    )
    assert refused(capsys, "events", "tail", "--x").splitlines()[-1] == "Try: nightbus --help"
    assert refused(capsys, "events", "tail", "--bus").splitlines()[-1] == "Try: nightbus events tail --help"


def test_options_are_written_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert "unrecognized arguments: --js" in refused(capsys, "status", "--js")
    assert "--stack-name" in refused(capsys, "deploy", "template.yaml")


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["--port", "0", "--", "pytest", "-x", "--port", "3"], ["pytest", "-x", "--port", "3"]),
        (["pytest", "-x", "--help"], ["pytest", "-x", "--help"]),
        (["--memory", "make", "--", "x"], ["make", "--", "x"]),
    ],
)
def test_what_run_runs_keeps_its_own_options(words: list[str], command: list[str]) -> None:
    given = build_parser().parse_args(["run", *words]).command
    assert (given[1:] if given[:1] == ["--"] else given) == command


def test_clients_are_told_the_nodes_host_and_nodes_where_to_listen() -> None:
    for command in COMMANDS:
        parser = Parser(usage="")
        command.declare(parser)
        told = next((line for line in parser.format_help().splitlines() if "--host NAME" in line), "")
        if told:
            assert ("listen" in told) == (command.name in ("start", "run", "dev")), command.name
