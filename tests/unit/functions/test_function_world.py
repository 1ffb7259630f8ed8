"""What does a function see: variables, files, modules?"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from function_rig import OWN_NAMESPACE, Functions, machine_pids, zip_of, zygote_pid
from nightbus.functions import runner, visible_paths

VARIABLES = "import os\ndef handler(event, context): return dict(os.environ)"


async def test_environment_variables(functions: Functions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_NODE", "hidden")
    monkeypatch.setenv("AWS_PROFILE", "mine")
    spec = functions.define(VARIABLES, environment={"TABLE": "orders"}, memory=256, version="3")
    result = await functions.invoke(spec, trace="Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1")
    import json

    seen = json.loads(result.payload)
    expected = {
        "_HANDLER": "app.handler",
        "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "3",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
        "AWS_LAMBDA_LOG_STREAM_NAME": result.log_stream,
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "TZ": ":UTC",
        "TABLE": "orders",
    }
    assert {name: seen.get(name) for name in expected} == expected
    assert seen["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert {"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "PATH", "LANG"} <= set(
        seen
    )
    assert not {"SECRET_OF_THE_NODE", "AWS_PROFILE", "VIRTUAL_ENV", "_LAMBDA_TELEMETRY_LOG_FD"} & set(seen)


async def test_its_own_variables_do_not_replace_the_platforms(functions: Functions) -> None:
    seen = await functions.run(functions.define(VARIABLES, environment={"AWS_REGION": "x", "_HANDLER": "y"}))
    assert (seen["AWS_REGION"], seen["_HANDLER"]) == ("eu-central-1", "app.handler")


async def test_tmp_is_its_own(functions: Functions) -> None:
    code = """
        import os
        def handler(event, context):
            before = os.listdir("/tmp")
            open("/tmp/" + event, "w").write("mine")
            return before
    """
    one, other = functions.define(code), functions.define(code)
    at_first = await functions.run(one, "a")  # nothing, but where this Python lies in /tmp itself
    assert await functions.run(other, "b") == at_first
    assert sorted(await functions.run(one, "c")) == sorted([*at_first, "a"])
    assert not Path("/tmp/a").exists()


async def test_a_file_cannot_be_larger_than_the_ephemeral_storage(functions: Functions) -> None:
    code = """
        def handler(event, context):
            with open("/tmp/big", "wb") as file:
                file.truncate(event << 20)
    """
    spec = functions.define(code)
    assert await functions.run(spec, 512) is None
    assert (await functions.fail(spec, 513))["errorType"] == "OSError"


async def test_code_is_at_var_task_and_cannot_be_changed(functions: Functions) -> None:
    code = """
        import os
        def handler(event, context):
            try:
                open("/var/task/app.py", "a")
            except OSError as failure:
                return [os.getcwd(), __file__, open("data/text").read(), failure.strerror]
    """
    seen = await functions.run(functions.define(code, {"data/text": "hello"}))
    assert seen == ["/var/task", "/var/task/app.py", "hello", "Permission denied"]


async def test_the_nodes_data_is_hidden(functions: Functions, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(exist_ok=True)
    (tmp_path / "data" / "secret").write_text("secret")
    code = "import os\ndef handler(event, context): return os.path.exists(event)"
    assert await functions.run(functions.define(code), str(tmp_path / "data" / "secret")) is False


@pytest.mark.parametrize("parent", ["/tmp", "~"])
async def test_the_nodes_data_is_hidden_within_what_is_visible(
    monkeypatch: pytest.MonkeyPatch, parent: str
) -> None:
    with tempfile.TemporaryDirectory(dir=Path(parent).expanduser()) as name:
        folder = Path(name)
        folder.chmod(0o755)
        made = Functions(folder)
        (folder / "data").mkdir(exist_ok=True)
        (folder / "data").chmod(0o755)
        for path in (folder / "data" / "secret", folder / "library"):
            path.write_text("text")
        show = visible_paths.visible_paths
        monkeypatch.setattr(runner, "visible_paths", lambda *arguments: [*(show(*arguments) or []), folder])
        code = "import os\ndef handler(event, context): return [os.path.exists(one) for one in event]"
        paths = [str(folder / "library"), str(folder / "data" / "secret")]
        assert await made.run(made.define(code), paths) == [True, False]
        await made.runner.close()


WAYS_TO_DATA = """
    import ctypes, glob, os, subprocess
    libc = ctypes.CDLL(None, use_errno=True)
    def reads(path):
        try:
            with open(path, "rb") as file:
                return file.read(100).decode()
        except OSError:
            return ""
    def handler(event, context):
        hidden, node = event["hidden"], event["node"]
        found = [reads(f"/proc/{node}/root{hidden}/key"), reads(f"/proc/{node}/environ"), reads(f"/proc/{node}/mem")]
        shell = subprocess.run(["cat", f"/proc/{node}/root{hidden}/key"], capture_output=True, text=True)
        found.append(shell.stdout)
        libc.umount2(hidden.encode(), 2)
        found.append(reads(hidden + "/key"))
        libc.unshare(0x10020000)
        libc.umount2(hidden.encode(), 2)
        found.append(reads(hidden + "/key"))
        return found
"""


async def test_the_hidden_data_is_not_uncovered() -> None:
    with tempfile.TemporaryDirectory(dir=Path.home()) as folder:
        key = Path(folder, "data", "key")
        made = Functions(Path(folder))
        key.write_text("secret")
        found = await made.run(made.define(WAYS_TO_DATA), {"hidden": str(key.parent), "node": os.getpid()})
        await made.runner.close()
    assert found == [""] * 6


async def test_an_environment_does_not_look_into_another_one(functions: Functions) -> None:
    code = f"import os\ndef handler(event, context): return [{OWN_NAMESPACE}, os.getpid()]"
    (pid,) = machine_pids(await functions.run(functions.define(code)))
    code = """
        def handler(pid, context):
            for name in ("mem", "environ", "root/tmp"):
                try:
                    open(f"/proc/{pid}/{name}", "rb").read(1)
                except OSError:
                    continue
                return name
    """
    assert await functions.run(functions.define(code, name="other"), pid) is None


async def test_layers_are_at_opt_later_ones_over_earlier_ones(functions: Functions) -> None:
    lower = functions.package(
        {"python/shared.py": "x = 'lower'", "python/one.py": "x = 1", "bin/tool": "lower"}
    )
    upper = functions.package(
        {"python/shared.py": "x = 'upper'", "python/lib/python3.11/site-packages/two.py": "x = 2"}
    )
    code = """
        import shared, one, two
        def handler(event, context):
            return [shared.x, one.x, two.x, open("/opt/bin/tool").read()]
    """
    assert await functions.run(functions.define(code, layers=(lower, upper))) == ["upper", 1, 2, "lower"]


async def test_modules_are_looked_for_in_the_code_first(functions: Functions) -> None:
    layer = functions.package({"python/which.py": "x = 'layer'"})
    spec = functions.define(
        "import which\ndef handler(event, context): return which.x",
        {"which.py": "x = 'code'"},
        layers=(layer,),
    )
    assert await functions.run(spec) == "code"


async def test_boto3_is_there_and_points_at_the_node(functions: Functions) -> None:
    code = """
        import boto3
        client = boto3.client("events")
        def handler(event, context):
            key = client._request_signer._credentials.get_frozen_credentials()
            return [client.meta.endpoint_url, client.meta.region_name, key.access_key[:4], bool(key.token)]
    """
    spec = functions.define(code)
    assert await functions.run(spec) == ["http://127.0.0.1:4566", "eu-central-1", "ASIA", True]


@pytest.mark.parametrize("where", ["code", "layer"])
async def test_a_boto3_that_the_function_brings_wins(functions: Functions, where: str) -> None:
    brought = {"boto3/__init__.py": "__version__ = 'brought'"}
    layer = functions.package({f"python/{name}": content for name, content in brought.items()})
    spec = functions.define(
        "import boto3\ndef handler(event, context): return boto3.__version__",
        brought if where == "code" else {},
        layers=(layer,) if where == "layer" else (),
    )
    assert await functions.run(spec) == "brought"


async def test_what_the_node_has_installed_is_not_there(functions: Functions) -> None:
    error = await functions.fail(functions.define("import uvicorn\ndef handler(event, context): pass"))
    assert error["errorMessage"] == "Unable to import module 'app': No module named 'uvicorn'"


async def test_random_numbers_differ_between_environments(functions: Functions) -> None:
    code = "import random, uuid\ndef handler(event, context): return [random.random(), str(uuid.uuid4())]"
    results = [await functions.run(functions.define(code)) for _ in range(2)]
    assert results[0][0] != results[1][0]
    assert results[0][1] != results[1][1]


async def test_packages_that_lie_in_tmp_are_there_in_the_sandbox(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        monkeypatch.setenv("XDG_CACHE_HOME", folder)
        Path(folder, "secret").write_text("secret")
        code = """
            import boto3, os
            def handler(event, context):
                try:
                    open(os.path.join(os.environ["PYTHONPATH"], "new"), "w")
                except OSError as failure:
                    return [boto3.client("sqs").meta.region_name, boto3.__file__, os.listdir(event), failure.strerror]
        """
        region, path, seen, failure = await functions.run(functions.define(code), folder)
        assert (region, failure) == ("eu-central-1", "Read-only file system")
        assert path.startswith(folder)
        assert seen == ["nightbus"]


async def test_the_nodes_data_may_lie_in_var() -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        functions = Functions(Path(folder))
        code = "import os\ndef handler(event, context): return [__file__, os.path.exists(event), os.listdir('/var')]"
        path, visible, var = await functions.run(functions.define(code), folder)
        await functions.runner.close()
        assert (path, visible) == ("/var/task/app.py", False)
        assert sorted(var) == ["lang", "pycache", "runtime", "task"]


async def test_what_lies_in_tmp_keeps_its_file_kind(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        module, package = Path(folder, "one", "module.py"), Path(folder, "two")
        for path in (module.parent, package):
            path.mkdir()
        module.write_text("text")
        show = visible_paths.visible_paths
        monkeypatch.setattr(
            runner, "visible_paths", lambda *arguments: [*(show(*arguments) or []), module, package]
        )
        code = """
            import os
            def handler(event, context):
                return [os.path.isfile(event[0]), open(event[0]).read(), os.path.isdir(event[1]), os.getcwd()]
        """
        seen = await functions.run(functions.define(code), [str(module), str(package)])
        assert seen == [True, "text", True, "/var/task"]


@pytest.mark.parametrize("where", ["", "python/", "python/lib/python3.11/site-packages/"])
@pytest.mark.parametrize(
    ("version", "told"), [("1.29.165", True), ("1.30.0", True), ("1.31.0", False), ("2.0.0", False)]
)
async def test_a_function_that_brings_an_old_boto3_is_told(
    functions: Functions, where: str, version: str, told: bool
) -> None:
    brought = {f"{where}botocore/__init__.py": f"import os\n__version__ = '{version}'\n"}
    layer = functions.package(brought)
    code = "def handler(event, context): pass"
    spec = functions.define(code, {} if where else brought, layers=(layer,) if where else ())
    await functions.run(spec)
    await functions.run(spec)
    notes = [message for message in functions.sink.messages if message.startswith("Nightbus: ")]
    assert len(notes) == told
    assert all(note.startswith(f"Nightbus: this function brings botocore {version}, ") for note in notes)


async def test_without_a_sandbox_it_runs_in_the_real_places(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nightbus.functions.runner.visible_paths", lambda runtime, folder: None)
    code = """
        import os, tempfile
        def handler(event, context):
            root = os.environ["LAMBDA_TASK_ROOT"]
            return [os.path.dirname(__file__) == root == os.getcwd(), root, tempfile.gettempdir()]
    """
    same, root, tmp = await functions.run(functions.define(code))
    assert same
    assert os.path.commonpath([root, tmp, functions.folder]) == str(functions.folder)


async def test_a_package_is_unpacked_once(functions: Functions, tmp_path: Path) -> None:
    spec = functions.define("def handler(event, context): return 1")
    await functions.run(spec)
    (functions.folder / f"{spec.code_digest}.zip").write_bytes(zip_of({"app.py": "other"}))
    await functions.runner.retire(spec.scope, spec.name)
    assert await functions.run(spec) == 1


BREAKS_OUT = """
    import ctypes, os, subprocess
    libc = ctypes.CDLL(None, use_errno=True)
    MNT_DETACH, MS_REMOUNT, MS_BIND = 2, 32, 4096
    def reads(path):
        try:
            return open(path, "rb").read(1).decode("latin-1") or "empty"
        except OSError:
            return ""
    def handler(event, context):
        data, code = event["data"], "/var/task/app.py"
        secret = data + "/secret"
        seen = {"as it is": reads(secret)}
        libc.mount(None, b"/var/task", None, MS_REMOUNT | MS_BIND, None)
        seen["writable code"] = os.access(code, os.W_OK)
        for place in (data, os.path.dirname(data)):
            libc.umount2(place.encode(), MNT_DETACH)
        seen["uncovered"] = reads(secret)
        for name, pid in event["others"].items():
            seen["root of " + name] = reads("/proc/%d/root%s" % (pid, secret))
            seen["variables of " + name] = reads("/proc/%d/environ" % pid)
            seen["memory of " + name] = os.access("/proc/%d/mem" % pid, os.R_OK) and reads("/proc/%d/maps" % pid)
            try:
                seen["namespace of " + name] = libc.setns(os.open("/proc/%d/ns/mnt" % pid, os.O_RDONLY), 0) == 0
            except OSError:
                pass
        seen["uncovered by a program"] = subprocess.run(["umount", "-l", data], stderr=-3).returncode == 0
        seen["after all"] = reads(secret)
        return seen
"""


async def test_a_function_cannot_take_off_what_covers_the_nodes_data() -> None:
    """Nor reach round it, over the node, the zygote or another function."""
    with tempfile.TemporaryDirectory(dir=Path.home()) as folder:
        mine = Functions(Path(folder))
        try:
            data = Path(folder, "data")
            data.mkdir(exist_ok=True)
            (data / "secret").write_text("secret")
            code = f"import os\ndef handler(event, context): return [{OWN_NAMESPACE}, os.getpid()]"
            (other,) = machine_pids(await mine.run(mine.define(code)))
            others = {"the node": os.getpid(), "the zygote": zygote_pid(mine), "a function": other}
            seen = await mine.run(mine.define(BREAKS_OUT, timeout=20), {"data": str(data), "others": others})
            assert {name: found for name, found in seen.items() if found} == {}
        finally:
            await mine.runner.close()


WRITES_COMPILED = """
    import glob, importlib.util, marshal, sys
    import part
    def handler(event, context):
        for path in glob.glob(sys.pycache_prefix + "/**/part.*.pyc", recursive=True):
            head = open(path, "rb").read(16)
            if event:
                code = compile("x = 'planted'", "part.py", "exec")
                open(path, "wb").write(head + marshal.dumps(code))
        return part.x
"""


async def test_a_function_compiles_nothing_for_another_one_with_the_same_code(functions: Functions) -> None:
    files = {"part.py": "x = 'mine'"}
    one, other = (functions.define(WRITES_COMPILED, files, name=name) for name in ("one", "other"))
    await functions.run(one, "plant")
    assert await functions.run(other) == "mine"
