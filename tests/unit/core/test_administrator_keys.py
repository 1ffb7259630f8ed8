"""The administrator's key: made once, found again, made again where it was lost, replaced on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from nightbus.aws.calls import Caller, Scope
from nightbus.clock import SystemClock
from nightbus.identity.access_keys import ACCESS_KEY, AccessKeys, caller_with
from nightbus.identity.administrator_keys import AdministratorKeys
from nightbus.identity.credentials import account_in
from nightbus.identity.key_file import FILE_NAME, AccessKey, profile_of, read_key, read_section, write_section
from nightbus.store.interface import DeleteRecord, Store
from nightbus.store.sqlite.store import SqliteStore
from nightbus.store.vault import KEY_FILE, Vault

ACCOUNT, OTHER = "000000000000", "111111111111"


def on_folder(folder: Path, work: Callable[[AdministratorKeys, Store], Awaitable[None]]) -> None:
    """Run `work` as in one start of a node on the folder."""

    async def run() -> None:
        clock = SystemClock()
        store = SqliteStore.open(folder, clock)
        try:
            await work(AdministratorKeys(store, Vault(folder), clock, folder), store)
        finally:
            await store.close()

    asyncio.run(run())


def ensured(folder: Path, account: str = ACCOUNT) -> tuple[AccessKey, bool]:
    """The key of the account, and whether it was made."""
    found: list[tuple[AccessKey, bool]] = []

    async def work(keys: AdministratorKeys, _: Store) -> None:
        key = await keys.ensure(account)
        found.append((key, key.id in keys.made))

    on_folder(folder, work)
    return found[0]


async def owner_of(store: Store, key_id: str) -> Caller | None:
    record = await AccessKeys(store).record_of(key_id)
    return caller_with(key_id, record) if record is not None else None


def test_the_key_is_made_once_and_lies_in_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    key, made = ensured(tmp_path)
    assert made
    assert (key.id[:4], len(key.id), len(key.secret)) == ("AKIA", 20, 40)
    file = tmp_path / FILE_NAME
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_key(file, "nightbus") == key
    assert ensured(tmp_path) == (key, False)
    assert key.secret not in repr(key)


def test_it_is_the_root_users_key_and_its_secret_is_sealed(tmp_path: Path) -> None:
    async def work(keys: AdministratorKeys, store: Store) -> None:
        key = await keys.ensure(OTHER)
        assert account_in(key.id) == OTHER
        assert await owner_of(store, key.id) == Caller.root(OTHER, key.id)
        record = await store.get(Scope(OTHER, ""), ACCESS_KEY, key.id)
        assert record is not None
        assert key.secret not in str(record.value)

    on_folder(tmp_path, work)


def test_a_lost_file_is_made_again_from_the_store(tmp_path: Path) -> None:
    key, _ = ensured(tmp_path)
    (tmp_path / FILE_NAME).unlink()
    assert ensured(tmp_path) == (key, False)
    assert read_key(tmp_path / FILE_NAME, "nightbus") == key


def test_a_deleted_key_is_replaced_at_the_next_start(tmp_path: Path) -> None:
    key, _ = ensured(tmp_path)

    async def delete(_: AdministratorKeys, store: Store) -> None:
        await store.commit(DeleteRecord(Scope(ACCOUNT, ""), ACCESS_KEY, key.id))

    on_folder(tmp_path, delete)
    again, made = ensured(tmp_path)
    assert made
    assert again.id != key.id
    assert read_key(tmp_path / FILE_NAME, "nightbus") == again


def test_a_key_whose_secret_cannot_be_opened_is_replaced(tmp_path: Path) -> None:
    key, _ = ensured(tmp_path)
    (tmp_path / KEY_FILE).unlink()  # the file of the key stays
    again, made = ensured(tmp_path)
    assert made
    assert again.id != key.id


def test_a_replaced_key_is_nobodys(tmp_path: Path) -> None:
    async def work(keys: AdministratorKeys, store: Store) -> None:
        old, others = await keys.ensure(ACCOUNT), await keys.ensure(OTHER)
        new = await keys.replace(ACCOUNT)
        assert new.id != old.id
        assert await owner_of(store, old.id) is None
        assert await owner_of(store, new.id) == Caller.root(ACCOUNT, new.id)
        assert await keys.ensure(ACCOUNT) == new
        assert await keys.ensure(OTHER) == others

    on_folder(tmp_path, work)


def test_several_nodes_of_a_store_make_one_key(tmp_path: Path) -> None:
    async def work(keys: AdministratorKeys, _: Store) -> None:
        made = await asyncio.gather(*(keys.ensure(ACCOUNT) for _ in range(8)))
        assert len(set(made)) == 1

    on_folder(tmp_path, work)


def test_a_file_that_cannot_be_written_does_not_keep_a_node_from_its_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE_NAME).mkdir()
    key, made = ensured(tmp_path)
    assert made
    assert f"{tmp_path / FILE_NAME} cannot be written" in caplog.text
    assert key.secret not in caplog.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("[other]\na = 1\n", None),
        ("[nightbus]\n", {}),
        ("# x\n[ nightbus ]\nA = 1\n# b = 2\nc=x=y\n[z]\nd = 3\n", {"a": "1", "c": "x=y"}),
    ],
)
def test_a_section_is_read(tmp_path: Path, text: str, expected: dict[str, str] | None) -> None:
    (tmp_path / "file").write_text(text)
    assert read_section(tmp_path / "file", "nightbus") == expected
    assert read_key(tmp_path / "file", "nightbus") is None


def test_a_written_section_keeps_the_files_mode_and_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("[mine]\nx = 1\n")
    (tmp_path / "real").chmod(0o640)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_section(tmp_path / "link", profile_of(OTHER), AccessKey("AKIA1", "s").section)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o640
    assert read_key(tmp_path / "real", "nightbus-111111111111") == AccessKey("AKIA1", "s")
    assert read_section(tmp_path / "real", "mine") == {"x": "1"}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["link", "real"]


def test_a_file_that_others_may_read_is_made_the_owners_alone(tmp_path: Path) -> None:
    key, _ = ensured(tmp_path)
    (tmp_path / FILE_NAME).chmod(0o644)
    assert ensured(tmp_path) == (key, False)
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_the_other_lines_of_a_file_may_have_any_bytes(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    file.write_bytes("# Schlüssel\n[work]\nkey = 1\n".encode("latin-1"))
    key, _ = ensured(tmp_path)
    assert file.read_bytes().startswith("# Schlüssel\n[work]\nkey = 1\n\n[nightbus]\n".encode("latin-1"))
    assert read_key(file, "nightbus") == key


def test_a_link_to_itself_is_no_file(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).symlink_to(FILE_NAME)
    key, made = ensured(tmp_path)
    assert made
    assert ensured(tmp_path) == (key, False)
