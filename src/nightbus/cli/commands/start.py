"""Starts a node in the foreground, prints a greeting, and reports errors that a user can fix in one line."""

from __future__ import annotations

import logging
import os
import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from nightbus import __version__
from nightbus.aws.grammar import DEFAULT_ACCOUNT
from nightbus.cli.commands.configure import write_first_profile
from nightbus.cli.errors import WRONG_USAGE, CommandFailed
from nightbus.cli.log_lines import OneLine
from nightbus.identity.key_file import FILE_NAME, PROFILE, read_key
from nightbus.node.settings import AUDIT, Settings
from nightbus.services import SERVICES

if TYPE_CHECKING:
    from nightbus.node.node import Node
    from nightbus.node.workers import Worker


def start_node(settings: Settings, verbose: bool, *, writes_profile: bool) -> None:
    """Raises CommandFailed."""
    began = time.perf_counter()
    if settings.workers > 1 and settings.store is None:
        raise CommandFailed(
            "several workers need a store that processes share, --store postgresql://...: a data folder belongs to one",
            WRONG_USAGE,
        )
    if settings.store is not None:
        from nightbus.node.shared_store import keep_from_children

        keep_from_children(os.environ)
    _log_to_stderr(verbose)
    listener, bound = _bind(settings)

    def greeting(node: Node) -> str:
        key_text = _key_text(bound, node, writes_profile=writes_profile and settings.port != 0)
        lines = [
            f"  key       {key_text}",
            *_policy_lines(bound, node),
            *_tls_lines(bound, node),
            *_cluster_lines(node),
        ]
        return _greeting(bound, lines, time.perf_counter() - began)

    if settings.workers > 1:
        from nightbus.cli.commands.start_workers import run_workers

        run_workers(bound, listener, greeting, run_node)
    else:
        run_node(bound, listener, lambda node: print(greeting(node), flush=True))
    print("Nightbus has stopped.", flush=True)


def run_node(
    settings: Settings, listener: socket.socket, ready: Callable[[Node], None], worker: Worker | None = None
) -> None:
    """Run a node on the listener until a signal stops it. Raises CommandFailed."""
    from nightbus.console.mount import Console
    from nightbus.node.server import run
    from nightbus.node.storage import CannotOpenStore
    from nightbus.store.sqlite.store import FolderInUse, NewerSchema
    from nightbus.store.vault import VaultClosed

    try:
        run(settings, listener, ready, (Console(),), worker)
    except (FolderInUse, NewerSchema, VaultClosed, CannotOpenStore) as failure:
        raise CommandFailed(str(failure)) from failure
    except (OSError, sqlite3.Error) as failure:
        raise CommandFailed(f"the data folder {settings.data} cannot be used: {failure}") from failure


def _log_to_stderr(verbose: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])
    for chatty in ("asyncio", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _bind(settings: Settings) -> tuple[socket.socket, Settings]:
    from nightbus.node.server import CannotListen, bind

    try:
        return bind(settings)
    except CannotListen as failure:
        raise CommandFailed(str(failure)) from failure


def _key_text(settings: Settings, node: Node, *, writes_profile: bool) -> str:
    """Return how callers are let in. Writes the AWS profile if the node has just made its administrator's key.

    The key's secret is not shown: the output of a node often ends in a log.
    """
    if settings.dev_credentials:
        return "ANY ACCESS KEY is accepted, as an administrator's (dev_credentials): for development only"
    file = node.folder.absolute() / FILE_NAME
    key = read_key(file, PROFILE) if node.administrator_keys.made else None
    if key is None:
        return f"the administrator's, in {file}"
    text = f"made {key.id} for the administrator, with its secret in {file}"
    if writes_profile and not settings.memory and write_first_profile(settings, DEFAULT_ACCOUNT, key):
        text += f" and in the AWS profile {PROFILE}"
    return text


def _policy_lines(settings: Settings, node: Node) -> list[str]:
    """Return that policies refuse nothing, or what the owner of a folder that none were asked in has to know."""
    if settings.authorization == AUDIT:
        return [
            "  policies  refuse NOTHING (authorization = audit); what they would refuse: nightbus why-denied --audit"
        ]
    if not node.enforces_first:
        return []
    return [
        "  policies  the release that wrote this folder enforced none, this one does. Roles that are missing:",
        "            nightbus doctor; what is refused and how to allow it: nightbus why-denied; to go on without",
        "            refusals meanwhile: --authorization audit (docs/access.md, Folders of earlier releases)",
    ]


def _tls_lines(settings: Settings, node: Node) -> list[str]:
    """Return how other machines recognise the node."""
    if not settings.tls:
        return []
    from nightbus.node.tls_certificate import files_of

    certificate = files_of(settings, node.folder.absolute())
    trust = "" if certificate.authority is None else f"; others trust {certificate.authority} (AWS_CA_BUNDLE)"
    return [f"  tls       SHA-256 {certificate.fingerprint()}{trust}"]


def _cluster_lines(node: Node) -> list[str]:
    """Return what the next node of a new cluster is given."""
    if node.storage.made_cluster_key is None:
        return []
    return [
        f"  cluster   made {node.storage.made_cluster_key.absolute()}, for every further node on this database:",
        "            --cluster-key-file FILE, or the key itself as NIGHTBUS_CLUSTER_KEY. Keep a copy: nothing else",
        "            opens the secrets that the database has",
    ]


def _greeting(settings: Settings, lines: Sequence[str], seconds: float) -> str:
    data_text = "in memory, gone when the node stops" if settings.memory else str(settings.data.absolute())
    if settings.store is not None:
        data_text = f"{settings.store}, and {data_text} for what is this machine's own"
    workers_line = f"  workers   {settings.workers} processes\n" if settings.workers > 1 else ""
    prefix = "" if settings.port == 4566 else f"NIGHTBUS_PORT={settings.port} "
    return (
        f"Nightbus {__version__} is ready at {settings.endpoint} (in {seconds:.2f} s)\n"
        f"  data      {data_text}\n{workers_line}"
        f"  services  {', '.join(sorted(SERVICES))}\n"
        f"  account   {DEFAULT_ACCOUNT}, any region\n"
        + "".join(f"{line}\n" for line in lines)
        + f"  look      {settings.console_endpoint}/_nightbus/console   (sign in: {prefix}nightbus console)\n"
        f'  use it    eval "$({prefix}nightbus env)"   or   {prefix}nightbus run -- sam deploy --guided\n'
        f"  stop it   Ctrl-C"
    )
