"""Prints the AWS variables for the node as `export` lines."""

from __future__ import annotations

import os
import shlex
import sys

from nightbus.cli.administrator_key import administrator_key, dev_key
from nightbus.cli.environment import aws_variables, chosen_account
from nightbus.cli.errors import CommandFailed
from nightbus.node.settings import Settings


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
    exported = aws_variables(settings, key, region)
    cleared = {name: "" for name in ("AWS_SESSION_TOKEN",) if os.environ.get(name)}
    for name, value in (exported | cleared).items():
        print(f"export {name}={shlex.quote(value)}")
