"""Which data folder a command takes for the node's: never one of this machine for a node elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nightbus.cli.administrator_key import administrator_key
from nightbus.cli.errors import CommandFailed
from nightbus.cli.local_node import find_local_node
from nightbus.cli.node_folders import folder_of_port, is_of_this_machine
from nightbus.identity.key_file import FILE_NAME, AccessKey, write_section
from nightbus.node.settings import Settings
from nightbus.store.folder import FolderLock

KEY = AccessKey("AKIA1", "hush")
ELSEWHERE = "203.0.113.1"  # RFC 5737: in documents only


@pytest.mark.parametrize("host", ["", "0.0.0.0", "127.0.0.1", "127.0.0.9", "localhost"])
def test_addresses_of_this_machine(host: str) -> None:
    assert is_of_this_machine(host)


@pytest.mark.parametrize("host", [ELSEWHERE, "no.such.host.invalid"])
def test_addresses_elsewhere(host: str) -> None:
    assert not is_of_this_machine(host)


def test_a_key_of_a_folder_here_is_not_for_a_node_elsewhere_on_the_same_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_section(tmp_path / FILE_NAME, "nightbus", KEY.section)
    lock = FolderLock.acquire(tmp_path)
    lock.announce(4599)
    here = Settings("127.0.0.1", 4599, tmp_path)
    try:
        assert folder_of_port(here) == tmp_path
        assert administrator_key(here, "000000000000") == KEY
        there = replace(here, host=ELSEWHERE)
        assert folder_of_port(there) is None
        with pytest.raises(CommandFailed, match="is on another machine"):
            find_local_node(there)
        monkeypatch.setattr("nightbus.cli.administrator_key._listens", lambda settings: True)
        monkeypatch.setattr("nightbus.cli.client.get_json", lambda *_: {"dev_credentials": False})
        with pytest.raises(CommandFailed, match="run nightbus env where the node runs"):
            administrator_key(there, "000000000000")
    finally:
        lock.release()
