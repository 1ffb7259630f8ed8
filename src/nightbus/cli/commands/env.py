"""Prints the AWS variables for the node as `export` lines, and what unsets those that lead elsewhere."""

from __future__ import annotations

import os
import shlex
import sys

from nightbus.cli.administrator_key import administrator_key
from nightbus.cli.environment import aws_variables, chosen_account, leads_elsewhere
from nightbus.cli.errors import CommandFailed
from nightbus.identity.key_file import dev_key
from nightbus.node.settings import Settings

# One line for both kinds of shells: `\x61` is the letter a for fish only. An empty AWS_PROFILE would name a profile.
_UNSET = r"[ \x61 = a ] && set -e {name} || unset {name}"


def print_exports(settings: Settings, region: str | None = None, account: str | None = None) -> None:
    """Print them with the key of the account's administrator.

    Where there is no key for the node, they lead to the node all the same, since tools without them would call AWS.
    """
    chosen = account or chosen_account()
    try:
        key = administrator_key(settings, chosen)
    except CommandFailed as failure:
        print(f"nightbus: there is no key in these variables: {failure}", file=sys.stderr)
        key = dev_key(chosen)
    for name, value in aws_variables(settings, key, region).items():
        print(f"export {name}={shlex.quote(value)}")
    for name in sorted(filter(leads_elsewhere, os.environ)):
        if name.isidentifier():
            print(_UNSET.format(name=name))
