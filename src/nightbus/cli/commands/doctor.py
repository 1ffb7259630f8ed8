"""Checks a data folder or a cluster's database, and prints a line for each finding, with advice."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from nightbus.cli.commands.contents import ClusterContents, Contents, FolderContents
from nightbus.cli.commands.contents_checks import dead_letters, secrets, waiting
from nightbus.cli.commands.missing_roles import missing_roles
from nightbus.cli.terminal import GREEN, RED, YELLOW, coloured
from nightbus.functions.zygote.isolation.report import examined, lost_network, missing_layers
from nightbus.identity.key_file import FILE_NAME
from nightbus.node.settings import LOOPBACK, Settings
from nightbus.store.doctor import NOTE, OK, WRONG, Finding, Patient, examine
from nightbus.store.vault import Vault

if TYPE_CHECKING:
    import asyncpg

    from nightbus.node.shared_store import SharedStore

_COLOURS = {OK: GREEN, NOTE: YELLOW, WRONG: RED}


def examine_folder(settings: Settings) -> int:
    """Print the findings. Returns the exit code: 1 if something is wrong."""
    if settings.store is not None:
        return _told(_of_cluster(settings, settings.store))
    checks = (partial(_of_folder, settings), partial(_callers, settings), partial(_isolation, settings))
    return _told(examine(settings.data, checks))


def _of_folder(settings: Settings, patient: Patient) -> Iterator[Finding]:
    yield from _of_contents(settings, FolderContents(patient))


def _of_contents(settings: Settings, contents: Contents) -> Iterator[Finding]:
    for check in (waiting, dead_letters, secrets, partial(missing_roles, settings)):
        yield from check(contents)


def _of_cluster(settings: Settings, shared: SharedStore) -> Iterator[Finding]:
    """Yield what is found of the database that nodes share, and of this machine."""
    from nightbus.store.postgres.doctor import examine_cluster, has_running_nodes

    async def look_inside(connection: asyncpg.Connection) -> AsyncIterator[Finding]:
        vault, finding = await _vault(settings, shared, connection)
        yield finding
        running = await has_running_nodes(connection)
        contents = ClusterContents(connection, asyncio.get_running_loop(), vault, running=running)
        for one in await asyncio.to_thread(lambda: list(_of_contents(settings, contents))):
            yield one

    known = shared.database_known_in(settings.data)

    async def found() -> list[Finding]:
        return [finding async for finding in examine_cluster(known, (look_inside,))]

    yield from asyncio.run(found())
    yield from _isolation(settings)


async def _vault(
    settings: Settings, shared: SharedStore, connection: asyncpg.Connection
) -> tuple[Vault | None, Finding]:
    """Return the vault that the cluster's key opens, and what to say of the key."""
    from nightbus.store.postgres import identity

    if not await identity.has_identity(connection):
        return None, Finding(OK, "no node has been here yet: the first one makes the cluster's key")
    key = shared.key_or_file(settings.data)
    if not key:
        advice = "name it with --cluster-key-file or NIGHTBUS_CLUSTER_KEY"
        return None, Finding(NOTE, "without the cluster's key nobody knows whether secrets open", advice)
    try:
        vault = Vault(key=await identity.open_vault_key(connection, key))
    except identity.WrongClusterKey as wrong:
        return None, Finding(WRONG, str(wrong), "name the right one with --cluster-key-file")
    return vault, Finding(OK, "the cluster's key opens the database's")


def _told(findings: Iterator[Finding]) -> int:
    wrong = 0
    for finding in findings:
        wrong += finding.level == WRONG
        print(_line(finding), flush=True)
    print(
        "Nothing is wrong." if not wrong else f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong."
    )
    return 1 if wrong else 0


def _line(finding: Finding) -> str:
    level = coloured(f"{finding.level:5}", _COLOURS[finding.level])
    return f"{level}  {finding.text}" + (f"; {finding.advice}" if finding.advice else "")


def _callers(settings: Settings, patient: Patient) -> Iterator[Finding]:
    """Yield whom a node on the folder lets in."""
    file = patient.folder / FILE_NAME
    if settings.dev_credentials:
        advice = "turn it off where others use this machine"
        yield Finding(NOTE, "any access key is accepted, by the setting dev_credentials", advice)
    if not file.is_file():
        yield Finding(
            NOTE, f"{file} is missing", "a node writes the administrator's key there when it starts"
        )
    elif file.stat().st_mode & 0o077:
        yield Finding(WRONG, f"others can read the administrator's key in {file}", f"chmod 600 {file}")
    else:
        yield Finding(OK, f"the administrator's key is in {file}, for you alone")


def _isolation(settings: Settings, _: Patient | None = None) -> Iterator[Finding]:
    """Yield what keeps functions apart from the machine, tried out, and what is missing."""
    try:
        layers = examined(network=settings.functions_network == LOOPBACK)
    except (OSError, ValueError, subprocess.SubprocessError) as failure:
        yield Finding(NOTE, f"what protects this machine from functions could not be tried out: {failure}")
        return
    yield _network(settings, layers)
    missing = missing_layers(layers)
    for text in missing:
        yield Finding(NOTE, text, "allow user namespaces and seccomp; docs/security.md says what is lost")
    if not missing:
        landlock = f"version {layers['landlock']}" if layers["landlock"] else "not in this kernel"
        yield Finding(
            OK, f"functions have namespaces of their own and filtered system calls (landlock: {landlock})"
        )
    if sys.platform == "linux":
        yield Finding(OK, "between invocations functions are frozen, as on AWS")
    else:
        yield Finding(
            NOTE, "functions go on between invocations, where AWS freezes them", "run the node on Linux"
        )


def _network(settings: Settings, layers: Mapping[str, Any]) -> Finding:
    if settings.functions_network != LOOPBACK:
        return Finding(OK, "functions reach the network of this machine, by the setting functions_network")
    lost = lost_network(layers)
    if lost:
        return Finding(WRONG, lost, "allow user and network namespaces, or set functions_network to all")
    return Finding(OK, "functions reach the node and themselves, by the setting functions_network")
