"""Where the shared store is, and the cluster's key, are settings; neither password nor key is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nightbus.node.settings import Settings, SettingsError, load_settings
from nightbus.node.shared_store import SharedStore, keep_from_children
from nightbus.store.postgres.blob_homes.places import BlobPlaces, Bucket

URL = "postgresql://nightbus:hunter2@db.example:5433/events?sslmode=verify-full"


def load(folder: Path, environ: dict[str, str] | None = None, **options: Any) -> Settings:
    return load_settings(environ=environ or {}, folder=folder, **options)


def store_of(settings: Settings) -> SharedStore:
    assert settings.store is not None
    return settings.store


def test_the_store_is_embedded_unless_one_is_named(tmp_path: Path) -> None:
    assert load(tmp_path).store is None
    (tmp_path / "nightbus.toml").write_text(f'store = "{URL}"\nstore_polls = true\n')
    assert store_of(load(tmp_path)).url == URL and store_of(load(tmp_path)).polls
    other = "postgres://elsewhere/x"
    assert store_of(load(tmp_path, {"NIGHTBUS_STORE": other})).url == other
    assert store_of(load(tmp_path, {"NIGHTBUS_STORE": other}, store=URL)).url == URL


def test_no_secret_is_shown(tmp_path: Path) -> None:
    settings = load(tmp_path, {"NIGHTBUS_STORE": URL, "NIGHTBUS_CLUSTER_KEY": "ab" * 32})
    assert str(settings.store) == "postgresql://db.example:5433/events"
    for shown in (repr(settings), repr(store_of(settings).database)):
        assert "hunter2" not in shown and "abab" not in shown


def test_the_password_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter3\n")
    settings = load(tmp_path, store="postgresql://db/x", store_password_file=tmp_path / "password")
    assert store_of(settings).database.password == "hunter3"
    with pytest.raises(SettingsError, match=r"store_password_file .*missing cannot be read: No such file"):
        _ = store_of(load(tmp_path, {"NIGHTBUS_STORE_PASSWORD_FILE": "missing"}, store=URL)).database


def test_a_password_in_a_variable_is_kept_from_children(tmp_path: Path) -> None:
    environ = {"NIGHTBUS_CLUSTER_KEY": "ab", "PGPASSWORD": "hunter3", "NIGHTBUS_STORE": URL, "PATH": "/bin"}
    without = "postgresql://db/x"
    assert store_of(load(tmp_path, environ)).database.password is None  # the URL's own is taken
    assert store_of(load(tmp_path, environ, store=f"{without}?password=x")).database.password is None
    settings = load(tmp_path, environ, store=without)
    keep_from_children(environ)
    assert environ == {"PATH": "/bin"}
    assert store_of(settings).database.password == "hunter3"
    assert store_of(settings).given_key() == "ab"


def test_the_clusters_key_is_a_variable_or_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("cd\n")
    variable = {"NIGHTBUS_CLUSTER_KEY": "ab"}
    assert store_of(load(tmp_path, store=URL)).given_key() == ""
    assert store_of(load(tmp_path, variable, store=URL)).given_key() == "ab"
    assert (
        store_of(load(tmp_path, variable, store=URL, cluster_key_file=tmp_path / "key")).given_key() == "cd"
    )
    (tmp_path / "nightbus.toml").write_text('cluster_key_file = "key"\n')
    assert store_of(load(tmp_path, store=URL)).given_key() == "cd"


@pytest.mark.parametrize("url", ["mysql://u:hunter2@h/x", "hunter2", "postgresql://u:hunter2@h:99999999/x"])
def test_another_url_is_refused_without_repeating_it(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="NIGHTBUS_STORE is not the URL of a PostgreSQL") as refused:
        load(tmp_path, {"NIGHTBUS_STORE": url})
    assert "hunter2" not in str(refused.value)


def test_several_hosts_may_be_named(tmp_path: Path) -> None:
    url = "postgresql://u:hunter2@one:5432,two:5433/x?target_session_attrs=read-write"
    assert str(load(tmp_path, store=url).store) == "postgresql://one:5432,two:5433/x"


def test_memory_and_a_shared_store_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--store: a store that nodes share does not go with memory"):
        load(tmp_path, store=URL, memory=True)
    with pytest.raises(SettingsError, match=r"NIGHTBUS_STORE: a store .* does not go with memory"):
        load(tmp_path, {"NIGHTBUS_STORE": URL, "NIGHTBUS_MEMORY": "1"})


def test_the_option_memory_wins_over_a_variable(tmp_path: Path) -> None:
    assert load(tmp_path, {"NIGHTBUS_STORE": URL}, memory=True).store is None


def test_blobs_may_lie_elsewhere(tmp_path: Path) -> None:
    assert store_of(load(tmp_path, store=URL)).blob_places(tmp_path) == BlobPlaces(
        None, tmp_path / "blob-cache"
    )
    in_folder = load(
        tmp_path, {"NIGHTBUS_BLOBS": "/srv/blobs", "NIGHTBUS_BLOB_CACHE_MEGABYTES": "3"}, store=URL
    )
    assert store_of(in_folder).blob_places(tmp_path) == BlobPlaces(
        Path("/srv/blobs"), tmp_path / "blob-cache", 3 * 1024 * 1024
    )
    text = "s3://bucket/a/prefix/?endpoint=https://s3.example:9000&region=eu-west-1"
    (tmp_path / "nightbus.toml").write_text(f'blobs = "{text}"\n')
    bucket = Bucket("bucket", "a/prefix/", "https://s3.example:9000", "eu-west-1")
    assert store_of(load(tmp_path, store=URL)).blob_places(tmp_path).home == bucket


@pytest.mark.parametrize(
    "text", ["blobs", "s3://", "s3:/bucket", "s3://key:secret@bucket", "s3://bucket?secret=x"]
)
def test_a_home_of_blobs_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^blobs: ") as refusal:
        load(tmp_path, {"NIGHTBUS_BLOBS": text}, store=URL)
    assert "secret" not in str(refusal.value)
