"""Writes the AWS profile `nightbus` into the user's AWS files, and leaves the rest of the files as it is."""

from __future__ import annotations

import os
from pathlib import Path

from nightbus.cli.administrator_key import administrator_key, new_key
from nightbus.cli.environment import chosen_account, chosen_region
from nightbus.cli.errors import CommandFailed
from nightbus.cli.local_node import authority_of
from nightbus.identity.key_file import AccessKey, profile_of, read_section, write_section
from nightbus.node.settings import Settings


def configure(settings: Settings, region: str | None, account: str | None, *, new: bool) -> None:
    """Write the profile of the account's administrator. With `new` the node replaces the administrator's key first.

    Raises CommandFailed.
    """
    chosen = account or chosen_account()
    profile, (config, credentials) = profile_of(chosen), _files()
    for file in (config, credentials):
        if file.exists() and not file.is_file():
            raise CommandFailed(f"{file} is not a file that can be written")
    key = new_key(settings, chosen) if new else administrator_key(settings, chosen)
    try:
        _write(settings, profile, key, region)
    except OSError as failure:
        raise CommandFailed(f"{failure.filename} cannot be written: {failure.strerror}") from failure
    print(f"Profile {profile} written to {config} and {credentials}.")
    print(f"Try: aws --profile {profile} events list-event-buses")


def write_first_profile(settings: Settings, account: str, key: AccessKey) -> bool:
    """Write the profile, and return True, if there is none of the name or if it is for this very endpoint.

    A profile of another node, or of anything else, stays as it is, and so does a file that cannot be written.
    """
    profile = profile_of(account)
    try:
        config, credentials = _files()
        if any(file.exists() and not file.is_file() for file in (config, credentials)):
            return False
        existing = read_section(config, f"profile {profile}")
        if existing is None and read_section(credentials, profile) is None:
            _write(settings, profile, key, None)
        elif existing is not None and existing.get("endpoint_url", "").rstrip("/") == settings.endpoint:
            write_section(credentials, profile, key.section)
        else:
            return False
    except (OSError, CommandFailed):
        return False
    return True


def _write(settings: Settings, profile: str, key: AccessKey, region: str | None) -> None:
    config, credentials = _files()
    values = {"region": chosen_region(region), "output": "json", "endpoint_url": settings.endpoint}
    authority = authority_of(settings)
    values |= {} if authority is None else {"ca_bundle": str(authority)}
    write_section(config, f"profile {profile}", values)
    write_section(credentials, profile, key.section)


def _files() -> tuple[Path, Path]:
    return _file("AWS_CONFIG_FILE", "config"), _file("AWS_SHARED_CREDENTIALS_FILE", "credentials")


def _file(variable: str, name: str) -> Path:
    """Raises CommandFailed where the user has no home folder, as in a container with a number for a user."""
    try:
        return Path(os.environ.get(variable) or Path.home() / ".aws" / name).expanduser()
    except RuntimeError:
        raise CommandFailed(f"there is no home folder; set {variable}") from None
