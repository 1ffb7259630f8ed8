"""When the first start of a data folder writes the AWS profile, and when it leaves the user's files alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightbus.cli.commands.configure import write_first_profile
from nightbus.identity.key_file import AccessKey, read_key, read_section
from nightbus.node.settings import Settings

KEY = AccessKey("AKIA1", "hush")
ACCOUNT = "000000000000"
HERE = Settings(port=4599)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path


def test_where_there_is_none(folder: Path) -> None:
    assert write_first_profile(HERE, ACCOUNT, KEY)
    assert read_key(folder / "credentials", "nightbus") == KEY
    assert (read_section(folder / "config", "profile nightbus") or {})[
        "endpoint_url"
    ] == "http://127.0.0.1:4599"


def test_where_it_is_for_this_address_its_other_settings_stay(folder: Path) -> None:
    text = "[profile nightbus]\nendpoint_url = http://127.0.0.1:4599/\nregion = eu-west-1\n"
    (folder / "config").write_text(text)
    (folder / "credentials").write_text("[nightbus]\naws_access_key_id = old\naws_secret_access_key = old\n")
    assert write_first_profile(HERE, ACCOUNT, KEY)
    assert read_key(folder / "credentials", "nightbus") == KEY
    assert (folder / "config").read_text() == text


@pytest.mark.parametrize(
    ("config", "credentials"),
    [
        ("[profile nightbus]\nendpoint_url = http://127.0.0.1:4566\n", ""),
        ("[profile nightbus]\nregion = eu-west-1\n", ""),
        ("", "[nightbus]\naws_access_key_id = mine\naws_secret_access_key = mine\n"),
    ],
)
def test_where_it_is_somebody_elses(folder: Path, config: str, credentials: str) -> None:
    (folder / "config").write_text(config)
    (folder / "credentials").write_text(credentials)
    assert not write_first_profile(HERE, ACCOUNT, KEY)
    assert ((folder / "config").read_text(), (folder / "credentials").read_text()) == (config, credentials)


def test_where_the_files_are_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    assert not write_first_profile(HERE, ACCOUNT, KEY)
    assert not (folder / "credentials").exists()
    assert Path("/dev/null").is_char_device()


def test_where_there_is_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("AWS_CONFIG_FILE", raising=False)
    monkeypatch.setattr(Path, "home", home)
    assert not write_first_profile(HERE, ACCOUNT, KEY)
