"""Is a folder removed, whatever somebody made in it?"""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from function_rig import Functions
from nightbus.functions import runner
from nightbus.functions.removal import remove_tree


def dig(folder: Path, depth: int) -> None:
    before = Path.cwd()
    os.chdir(folder)
    try:
        for _ in range(depth):
            Path("file").write_text("")
            Path("d").mkdir()
            os.chdir("d")
    finally:
        os.chdir(before)


def test_a_folder_of_any_depth_is_removed_with_few_descriptors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    dig(folder, 3000)
    (folder / "another" / "one").mkdir(parents=True)
    with (tmp_path / "file").open("w") as file:
        open_now = file.fileno()
    (tmp_path / "file").unlink()
    most = 0
    really_open = os.open

    def watched(*arguments: object, **options: object) -> int:
        nonlocal most
        descriptor: int = really_open(*arguments, **options)  # type: ignore[arg-type]
        most = max(most, descriptor)
        return descriptor

    monkeypatch.setattr(os, "open", watched)
    remove_tree(folder)
    assert list(tmp_path.iterdir()) == []
    assert most < open_now + 40


def test_what_is_closed_is_removed_and_no_link_is_followed(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    for path in (outside, folder / "closed" / "more", folder / "closed" / "none"):
        path.mkdir(parents=True)
    (outside / "file").write_text("stays")
    outside.chmod(0o500)
    (folder / "link").symlink_to(outside)
    (folder / "closed" / "more" / "file").write_text("")
    for path in (folder / "closed" / "more", folder / "closed", folder):
        path.chmod(0)
    remove_tree(folder)
    assert list(tmp_path.iterdir()) == [outside]
    assert (outside / "file").read_text() == "stays"
    assert outside.stat().st_mode & 0o777 == 0o500


def test_a_link_in_the_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "outside")
    remove_tree(tmp_path / "link")
    remove_tree(tmp_path / "missing")
    assert (tmp_path / "outside" / "inner").is_dir()


async def test_a_node_starts_after_a_function_made_folders_of_any_depth(tmp_path: Path) -> None:
    """Killed before it could remove them, it does so when it starts."""
    functions = Functions(tmp_path)
    code = """
        import os
        def handler(event, context):
            os.chdir("/tmp")
            for _ in range(2000):
                os.mkdir("d")
                os.chdir("d")
    """
    spec = functions.define(code, timeout=30)
    await functions.run(spec)
    scratch = tmp_path / "data" / "functions" / "environments"
    await functions.runner.close()
    assert list(scratch.iterdir()) == []
    (scratch / "env-left").mkdir()
    dig(scratch / "env-left", 2000)
    await Functions(tmp_path).runner.close()
    assert not scratch.exists()


async def test_a_function_whose_packages_were_swept_away_is_unpacked_again(tmp_path: Path) -> None:
    functions = Functions(tmp_path)
    try:
        spec = functions.define("def handler(event, context): return event")
        assert await functions.run(spec, 1) == 1
        await functions.runner.retire(spec.scope, spec.name)
        await functions.runner.sweep_packages(no_digests)
        assert await functions.run(replace(spec, revision="after"), 2) == 2
    finally:
        await functions.runner.close()


async def test_a_function_that_comes_back_during_a_sweep_finds_its_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[str] = []
    removing_more, goes_on = threading.Event(), threading.Event()

    def remove(path: Path) -> None:
        if removed:
            removing_more.set()
            goes_on.wait(60)
        removed.append(path.name)
        remove_tree(path)

    functions = Functions(tmp_path)
    try:
        specs = [functions.define(f"def handler(event, context): return {n}", name=f"f{n}") for n in range(2)]
        for spec in specs:
            await functions.run(spec)
            await functions.runner.retire(spec.scope, spec.name)
        monkeypatch.setattr(runner, "remove_tree", remove)
        sweeping = asyncio.create_task(functions.runner.sweep_packages(no_digests))
        await asyncio.to_thread(removing_more.wait, 60)
        (back,) = [n for n, spec in enumerate(specs) if spec.code_digest[:32] in removed[0]]
        assert await functions.run(replace(specs[back], revision="after")) == back
        goes_on.set()
        await sweeping
    finally:
        goes_on.set()
        await functions.runner.close()


async def no_digests() -> set[str]:
    return set()
