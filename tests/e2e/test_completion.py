"""Commands and options are completed in the shells that people have, the real ones."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pexpect
import pytest

from nodes import clean_environment


def shell(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def output(*command: str) -> str:
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("line", "wanted", "others"),
    [
        (["nightbus", "st"], {"start", "status", "stop"}, {"run"}),
        (["nightbus", "events", ""], {"tail"}, {"start"}),
        (["nightbus", "explain", "--"], {"--rule", "--event", "--all"}, {"--memory"}),
    ],
)
def test_bash(line: list[str], wanted: set[str], others: set[str]) -> None:
    words = " ".join(f"'{word}'" for word in line)
    script = f"""
        eval "$(nightbus completion bash)"
        COMP_WORDS=({words}); COMP_CWORD={len(line) - 1}; COMPREPLY=()
        function_name=$(complete -p nightbus | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        $function_name nightbus '{line[-1]}' '{line[-2]}'
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    found = {word.strip() for word in output(shell("bash"), "--norc", "-c", script).splitlines()}
    assert wanted <= found
    assert not others & found


def test_fish() -> None:
    ask = "nightbus completion fish | source; complete -C 'nightbus st'; complete -C 'nightbus explain --'"
    found = {line.split("\t")[0] for line in output(shell("fish"), "--no-config", "-c", ask).splitlines()}
    assert {"start", "status", "stop", "--rule", "--event"} <= found
    assert "run" not in found


def test_the_variables_are_read_by_fish() -> None:
    ask = "nightbus env | source; sh -c 'echo $AWS_ENDPOINT_URL $AWS_REGION'"
    assert output(shell("fish"), "--no-config", "-c", ask) == "http://127.0.0.1:4566 us-east-1\n"


@pytest.mark.parametrize("name", ["fish --no-config", "bash -eu", "dash -eu", "zsh -feu"])
def test_what_leads_elsewhere_is_unset(name: str) -> None:
    program, *options = name.split()
    load = "nightbus env | source" if program == "fish" else 'eval "$(nightbus env)"'
    elsewhere = {
        "AWS_PROFILE": "work",
        "AWS_SESSION_TOKEN": "x",
        "AWS_ENDPOINT_URL_SQS": "https://sqs.example",
    }
    done = subprocess.run(
        [shell(program), *options, "-c", f"{load}; env"],
        env=clean_environment() | elsewhere,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    variables = dict(line.split("=", 1) for line in done.stdout.splitlines() if line.startswith("AWS_"))
    assert not elsewhere.keys() & variables.keys()
    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"


def test_zsh(tmp_path: Path) -> None:
    environ = clean_environment() | {
        "HOME": str(tmp_path),
        "ZDOTDIR": str(tmp_path),
        "TERM": "dumb",
        "PS1": "> ",
    }
    terminal = pexpect.spawn(
        shell("zsh"), ["-f", "-i"], env=environ, encoding="utf-8", timeout=60, dimensions=(50, 200)
    )
    try:
        terminal.sendline("unsetopt zle_bracketed_paste; autoload -Uz compinit; compinit -u; echo rea''dy-1")
        terminal.expect("ready-1")
        terminal.sendline("eval \"$(nightbus completion zsh)\"; echo rea''dy-2")
        terminal.expect("ready-2")
        terminal.send("nightbus statu\t")
        terminal.expect("nightbus status")
        terminal.send(" --js\t")
        terminal.expect("--json")
    finally:
        terminal.close(force=True)
