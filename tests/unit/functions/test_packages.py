"""Hostile and broken packages, and what a good one becomes."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
import threading
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function_rig import Functions, zip_of
from nightbus.aws.errors import AwsError
from nightbus.functions.packages import LARGEST_UNZIPPED, PackageFolder, check_package

UNREADABLE = "Could not unzip uploaded file. Please check your file, then try to upload again."
TOO_LARGE = "Unzipped size must be smaller than 262144000 bytes"


def link(name: str, goal: str) -> tuple[zipfile.ZipInfo, str]:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    info.create_system = 3
    return info, goal


def packed(*entries: tuple[zipfile.ZipInfo | str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        for info, content in entries:
            package.writestr(info, content)
    return out.getvalue()


def bomb(claimed: int | None = None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package, package.open("zeros", "w") as file:
        for _ in range(LARGEST_UNZIPPED // (1 << 20) + 1):
            file.write(bytes(1 << 20))
    data = out.getvalue()
    if claimed is None:
        return data
    real = ((LARGEST_UNZIPPED // (1 << 20) + 1) << 20).to_bytes(4, "little")
    return data.replace(real, claimed.to_bytes(4, "little"))


def encrypted() -> bytes:
    data = bytearray(packed(("app.py", "x = 1")))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def unpack(folder: Path, data: bytes) -> Path:
    digest = hashlib.sha256(data).hexdigest()
    packages = PackageFolder(folder / "packages")
    return packages.find(digest) or packages.unpack(BytesIO(data), digest)


REFUSED_AT_ONCE = {
    "no zip": b"this is no zip file",
    "nothing": b"",
    "half a zip": packed(("app.py", "x" * 1000))[:600],
    "no entries": packed(),
    "a name that begins at the root": packed(("/etc/passwd", "x")),
    "a name that climbs": packed(("a/../../x", "x")),
    "a name that climbs as on Windows": packed(("a\\..\\..\\x", "x")),
    "encrypted": encrypted(),
    "a name longer than a file system takes": packed(("x" * 256, "x")),
    "a file where a folder must be": packed(("a", "x"), ("a/b", "y")),
    "too many entries": packed(*((f"f{n}", "") for n in range(100_001))),
}


@pytest.mark.parametrize("data", REFUSED_AT_ONCE.values(), ids=REFUSED_AT_ONCE)
def test_what_cannot_be_unpacked_is_refused_when_it_is_uploaded(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(AwsError) as refused:
        check_package(BytesIO(data))
    assert (refused.value.code, refused.value.message) == ("InvalidParameterValueException", UNREADABLE)
    with pytest.raises(AwsError):
        unpack(tmp_path, data)
    assert list((tmp_path / "packages").iterdir()) == []


@pytest.mark.parametrize(
    "names",
    [
        ["d/" * 101 + "x"],
        ["/".join(["d" * 200] * 6)],
        [f"{number}/" + "d/" * 98 + "x" for number in range(1100)],
    ],
    ids=["deep", "long", "many folders of few files"],
)
def test_folders_are_counted_too(names: list[str]) -> None:
    """Each name asks for as many folders as it has parts; 4 MB of names held a gigabyte and a minute of the node."""
    with pytest.raises(AwsError, match=UNREADABLE):
        check_package(BytesIO(packed(*((name, b"") for name in names))))


def test_deep_enough(tmp_path: Path) -> None:
    data = packed(*((f"{number}/" + "d/" * 90 + "x", b"") for number in range(20)))
    assert check_package(BytesIO(data)) == 0
    folder = PackageFolder(tmp_path).unpack(BytesIO(data), "0" * 64)
    assert (folder / "7" / Path(*["d"] * 90) / "x").is_file()


def test_a_bomb_is_refused_by_what_it_claims(tmp_path: Path) -> None:
    with pytest.raises(AwsError) as refused:
        check_package(BytesIO(bomb()))
    assert refused.value.message == TOO_LARGE


def test_a_bomb_that_lies_is_not_believed(tmp_path: Path) -> None:
    with pytest.raises(AwsError):
        unpack(tmp_path, bomb(claimed=10))
    assert list((tmp_path / "packages").iterdir()) == []


@pytest.mark.parametrize(
    "entries",
    [
        [link("l", "/etc/passwd")],
        [link("l", "../../outside")],
        [link("d/l", "../..")],
        [("y/file", "x"), link("d/x", "../y"), link("e", "d/x/../..")],
        [("y/file", "x"), link("d/x", "../y"), link("e", "d/x/../.."), link("e/evil", "y")],
        [("d/file", "x"), link("d", "y")],
    ],
    ids=["absolute", "climbs", "climbs from below", "through another link", "made outside", "over a folder"],
)
def test_links_that_lead_out_are_refused(
    tmp_path: Path, entries: list[tuple[zipfile.ZipInfo | str, str]]
) -> None:
    with pytest.raises(AwsError) as refused:
        unpack(tmp_path, packed(*entries))
    assert refused.value.message == UNREADABLE
    assert list((tmp_path / "packages").iterdir()) == []
    assert not (tmp_path / "evil").is_symlink()


def test_links_inside_work(tmp_path: Path) -> None:
    folder = unpack(
        tmp_path, packed(("lib/real.so.1", "x"), link("lib/real.so", "real.so.1"), link("top", "lib"))
    )
    assert (folder / "top" / "real.so").read_text() == "x"


def test_modes_are_kept_as_far_as_they_are_harmless(tmp_path: Path) -> None:
    modes = {"plain": 0o644, "program": 0o755, "setuid": 0o4755, "closed": 0o000, "open": 0o666}
    entries = []
    for name, mode in modes.items():
        info = zipfile.ZipInfo(name)
        info.external_attr = (stat.S_IFREG | mode) << 16
        entries.append((info, "x"))
    folder = unpack(tmp_path, packed(*entries))
    found = {name: stat.S_IMODE((folder / name).stat().st_mode) for name in modes}
    assert found == {"plain": 0o644, "program": 0o755, "setuid": 0o755, "closed": 0o644, "open": 0o644}


def test_of_two_entries_of_one_name_the_last_one_stays(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = packed(("app.py", "first"), ("app.py", "last"))
    assert (unpack(tmp_path, data) / "app.py").read_text() == "last"


def test_unpacking_at_the_same_time_gives_one_whole_folder(tmp_path: Path) -> None:
    data = zip_of({f"m{n}.py": "x" * 1000 for n in range(200)})
    found: list[Path] = []
    packages = PackageFolder(tmp_path / "packages")
    threads = [
        threading.Thread(target=lambda: found.append(packages.unpack(BytesIO(data), "digest")))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(list(found[0].iterdir())) == 200
    assert list((tmp_path / "packages").iterdir()) == [found[0]]


NAMES = st.lists(st.sampled_from(["a", "b", "..", ".", "", "c d", "é"]), min_size=1, max_size=5).map("/".join)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@settings(max_examples=60)
@given(st.lists(st.tuples(NAMES, st.one_of(st.none(), NAMES)), min_size=1, max_size=6))
def test_nothing_is_ever_written_or_linked_outside(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[str, str | None]]
) -> None:
    base = tmp_path_factory.mktemp("zip")
    data = packed(*((name, "x") if goal is None else link(name, goal) for name, goal in entries if name))
    try:
        folder = unpack(base, data)
    except AwsError:
        assert not (base / "packages").exists() or list((base / "packages").iterdir()) == []
        return
    for root, folders, files in os.walk(folder):
        for name in folders + files:
            path = Path(root, name)
            assert path.resolve().is_relative_to(folder.resolve())
    assert {path.name for path in base.iterdir()} <= {"packages", folder.name + ".zip"}


def test_a_file_and_a_folder_of_one_name_are_refused(tmp_path: Path) -> None:
    for entries in ([("a/", ""), ("a", "x")], [("a", "x"), ("a/", "")], [("a", "x"), ("a/b", "x")]):
        with pytest.raises(AwsError, match="Could not unzip"):
            check_package(BytesIO(packed(*entries)))


def test_packages_from_before_the_machine_started_are_unpacked_again(tmp_path: Path) -> None:
    Functions(tmp_path)
    packages = tmp_path / "data" / "functions" / "packages"
    (packages / "digest").mkdir(parents=True)
    Functions(tmp_path)
    assert (packages / "digest").exists()
    (tmp_path / "data" / "functions" / "boot").write_text("another start")
    Functions(tmp_path)
    assert not packages.exists()


def layers(folder: Path, *zips: bytes) -> list[Path]:
    """Unpacked."""
    return [unpack(folder, data) for data in zips]


def test_later_layers_lie_over_earlier_ones(tmp_path: Path) -> None:
    lower = packed(("a/x", "1"), ("a/y", "1"), ("file", "1"), ("folder/z", "1"), link("now-folder", "a"))
    upper = packed(("a/x", "2"), ("file/inner", "2"), ("folder", "2"), ("now-folder/w", "2"), link("l", "a"))
    folder = PackageFolder(tmp_path / "packages").merged(layers(tmp_path, lower, upper))
    assert folder is not None
    texts = {str(one.relative_to(folder)): one.read_text() for one in folder.rglob("*") if one.is_file()}
    assert texts == {
        "a/x": "2",
        "a/y": "1",
        "file/inner": "2",
        "folder": "2",
        "now-folder/w": "2",
    }
    assert (folder / "l" / "y").read_text() == "1"


def test_layers_that_are_harmless_alone_write_nothing_outside_together(tmp_path: Path) -> None:
    outside = {path.name for path in tmp_path.iterdir()}
    first = packed(("e/keep", ""), link("d/x", "../e/.."))
    second = packed(link("e", "."))
    third = packed(("d/x/file", "written outside"))
    for order in ([first, second, third], [second, first, third], [first, third, second]):
        try:
            folder = PackageFolder(tmp_path / "packages").merged(layers(tmp_path, *order))
        except AwsError:
            continue
        assert folder is not None
        for parent, folders, files in os.walk(folder):
            for name in folders + files:
                assert Path(parent, name).resolve().is_relative_to(folder.resolve())
    assert {path.name for path in tmp_path.iterdir() if path.suffix != ".zip"} - outside <= {"packages"}
    unpacked = {layer.name for layer in layers(tmp_path, first, second, third)}
    for path in (tmp_path / "packages").iterdir():
        assert path.name in unpacked or path.name.startswith("layers-")


def test_a_merged_link_that_leads_outside_is_refused(tmp_path: Path) -> None:
    lower, upper = packed(("a/b/c", ""), link("a/b/up", "../..")), packed(link("a", "b2"), ("b2/x", ""))
    third = packed(link("b2/b", "."))
    with_way_out = packed(("p/q/r/s", ""), link("p/q/r/out", "../../.."))
    flat = packed(link("p", "."), ("q/r/s", ""), link("q/r/out", "../.."))
    for zips in ([lower, upper, third], [with_way_out, flat]):
        try:
            folder = PackageFolder(tmp_path / "packages").merged(layers(tmp_path, *zips))
        except AwsError as refused:
            assert refused.message == UNREADABLE
            continue
        assert folder is not None
        for parent, folders, files in os.walk(folder):
            for name in folders + files:
                assert Path(parent, name).resolve().is_relative_to(folder.resolve())


@settings(max_examples=60)
@given(
    st.lists(
        st.lists(st.tuples(NAMES, st.one_of(st.none(), NAMES)), min_size=1, max_size=4),
        min_size=2,
        max_size=3,
    )
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_nothing_merged_is_ever_outside(
    tmp_path_factory: pytest.TempPathFactory, stack: list[list[tuple[str, str | None]]]
) -> None:
    base = tmp_path_factory.mktemp("merge")
    zips = [
        packed(*((name, "x") if goal is None else link(name, goal) for name, goal in entries if name))
        for entries in stack
    ]
    try:
        folder = PackageFolder(base / "packages").merged(layers(base, *zips))
    except AwsError:
        return
    assert folder is not None
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            with contextlib.suppress(RuntimeError):  # a circle of links leads nowhere
                assert Path(parent, name).resolve().is_relative_to(folder.resolve())
    assert all(path.name == "packages" or path.suffix == ".zip" for path in base.iterdir())
