"""Secrets are sealed with a key beside the database."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from nightbus.store.vault import KEY_FILE, Vault, VaultClosed


def test_what_was_sealed_is_opened_by_the_same_key(tmp_path: Path) -> None:
    sealed = Vault(tmp_path).seal(b"hunter2")
    assert "hunter2" not in sealed
    assert Vault(tmp_path).open(sealed) == b"hunter2"


def test_nothing_is_sealed_alike_twice(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    assert vault.seal(b"hunter2") != vault.seal(b"hunter2")


def test_the_key_is_its_owners_alone_and_made_at_first_use(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    assert list(tmp_path.iterdir()) == []
    vault.seal(b"hunter2")
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600


def test_a_key_in_memory_leaves_no_file(tmp_path: Path) -> None:
    vault = Vault()
    assert vault.open(vault.seal(b"hunter2")) == b"hunter2"
    with pytest.raises(VaultClosed):
        Vault().open(vault.seal(b"hunter2"))


def test_opening_without_a_key_makes_none(tmp_path: Path) -> None:
    with pytest.raises(VaultClosed, match="is missing"):
        Vault(tmp_path).open(Vault().seal(b"hunter2"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "no key", "ab" * 31])
def test_a_file_that_holds_no_key_is_neither_used_nor_written_over(tmp_path: Path, text: str) -> None:
    (tmp_path / KEY_FILE).write_text(text)
    with pytest.raises(VaultClosed):
        Vault(tmp_path).seal(b"hunter2")
    assert (tmp_path / KEY_FILE).read_text() == text


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-8] + "AAAAAAA=", lambda text: text[:6], lambda text: "1:%"]
)
def test_what_was_damaged_is_not_opened(tmp_path: Path, damage: Callable[[str], str]) -> None:
    vault = Vault(tmp_path)
    with pytest.raises(VaultClosed, match="does not open"):
        vault.open(damage(vault.seal(b"hunter2")))


def test_secrets_of_the_node_follow_from_the_key_and_their_name(tmp_path: Path) -> None:
    first, again = Vault(tmp_path), Vault(tmp_path)
    assert first.keyed("signing") == again.keyed("signing")
    assert len({first.keyed("signing"), first.keyed("other"), Vault().keyed("signing")}) == 3


def test_a_secret_from_before_is_taken_over(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    sealed, other = vault.seal(b"hunter2"), vault.keyed("other")
    vault.keep("signing", b"s" * 32)
    for one in (vault, Vault(tmp_path)):
        assert (one.keyed("signing"), one.keyed("other"), one.open(sealed)) == (b"s" * 32, other, b"hunter2")
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
