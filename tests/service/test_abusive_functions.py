"""Functions that take what they can get: each ends as on AWS, and the function beside it does not notice."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from abuse_rig import Abuse
from nodes import RunningNode
from shown_folders import shown_in_tmp

KILLED = "Runtime exited with error: signal: killed"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    running = RunningNode(tmp_path_factory.mktemp("data"))
    yield running
    assert running.stop() == 0


@pytest.fixture
def abuse(node: RunningNode) -> Abuse:
    made = Abuse(node)
    if any("NO SANDBOX" in line for line in node.output):
        pytest.skip("functions have no sandbox on this machine")
    return made


def test_a_fork_bomb_meets_the_limit_of_processes(abuse: Abuse) -> None:
    text = """
import os, time
def handler(event, context):
    children, failure = 0, None
    while failure is None and children < 3000:
        try:
            if os.fork() == 0:
                time.sleep(600)
        except OSError as error:
            failure = error.errno
        children += 1
    return [children, failure]
"""
    count, failure = abuse.run(text, Timeout=60, MemorySize=3008)
    assert failure == 11  # EAGAIN
    assert 900 < count <= 1024


def test_a_fork_bomb_that_goes_on_ends_with_its_time(abuse: Abuse) -> None:
    text = """
import os
def handler(event, context):
    while True:
        try:
            os.fork()
        except OSError:
            pass
"""
    error = abuse.run(text, Timeout=3, MemorySize=3008)
    assert error["errorType"] == "Sandbox.Timedout"


def test_threads_count_as_processes(abuse: Abuse) -> None:
    text = """
import threading, time
def handler(event, context):
    for number in range(2000):
        try:
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        except RuntimeError as failure:
            return [number, str(failure)]
"""
    count, failure = abuse.run(text, MemorySize=3008)
    assert 900 < count <= 1024
    assert failure == "can't start new thread"


def test_the_kernel_ends_functions_before_the_node_where_memory_is_short(abuse: Abuse) -> None:
    text = "def handler(event, context): return open('/proc/self/oom_score_adj').read()\n"
    assert abuse.run(text).strip() == "1000"


@pytest.mark.parametrize("where", ["handler", "daemon", "import"])
def test_two_gigabytes_in_one_go(abuse: Abuse, where: str) -> None:
    text = """
import os, time
def take():
    kept = bytearray(os.urandom(1) * (2 << 30))
    time.sleep(60)
"""
    text += {
        "handler": "def handler(event, context):\n    take()\n",
        "daemon": """
def handler(event, context):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            take()
        os._exit(0)
    time.sleep(60)
""",
        "import": "take()\ndef handler(event, context): pass\n",
    }[where]
    error = abuse.run(text, Timeout=60)
    assert error["errorType"] == "Runtime.OutOfMemory"
    assert error["errorMessage"].endswith(f"Error: {KILLED}")
    assert re.search(r"Memory Size: 128 MB\tMax Memory Used: 128 MB\t", abuse.log)
    assert "Status: error\tError Type: Runtime.OutOfMemory" in abuse.log


def test_what_is_written_outside_tmp(abuse: Abuse) -> None:
    text = """
import os
def handler(name, context):
    done = []
    for folder in ("/", "/usr", "/etc", "/var", "/var/task", "/opt", "/root", "/home", "/dev", "/proc", "/closed"):
        try:
            open(f"{folder}/{name}", "w").close()
            done.append(folder)
        except OSError:
            pass
    open(f"/tmp/{name}", "w").close()
    return done
"""
    name = f"new-{uuid4().hex}"
    assert abuse.run(text, name) == []
    assert not Path("/tmp", name).exists()


def test_what_others_have_is_not_seen(abuse: Abuse, node: RunningNode) -> None:
    """Neither the node's data, nor other functions' code, nor the user's home, nor the machine's /tmp."""
    text = """
import glob, os
def handler(names, context):
    seen = [name for name in names if os.path.exists(name)]
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [seen, os.listdir("/tmp"), len(pids), os.path.exists("/closed/old"), os.getuid(), os.listdir("/home")]
"""
    names = [
        str(Path.home() / ".bashrc"),
        f"/proc/{node.process.pid}",
        "/var/lib",
        "/var/log",
        "/sys",
        "/boot",
    ]
    assert node.folder is not None
    assert (node.folder / "functions").is_dir()
    seen, tmp, processes, machine, uid, homes = abuse.run(text, [*names, str(node.folder)])
    assert (seen, tmp, machine, uid, homes) == ([], shown_in_tmp(), False, 993, [])
    assert processes <= 3


def test_nobody_else_is_killed(abuse: Abuse, node: RunningNode) -> None:
    text = """
import os, signal
def handler(event, context):
    failures = []
    for pid, number in ((1, 9), (os.getppid() or 1, 9), (event, 9), (-1, 15)):
        try:
            os.kill(pid, number)
        except OSError as failure:
            failures.append(failure.errno)
    return failures
"""
    failures = abuse.run(text, node.process.pid)
    assert set(failures) <= {1, 3}
    assert node.process.poll() is None


def test_the_init_process_of_its_own_namespace_is_closed_to_it(abuse: Abuse) -> None:
    text = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def handler(event, context):
    done = []
    for name in ("environ", "mem", "root/closed", "fd"):
        try:
            os.listdir("/proc/1/" + name) if name == "fd" else open("/proc/1/" + name, "rb").read(1)
            done.append(name)
        except OSError:
            pass
    if libc.ptrace(16, 1, 0, 0) == 0:
        done.append("ptrace")
    return done
"""
    assert abuse.run(text) == []


def test_system_calls_that_no_function_needs(abuse: Abuse) -> None:
    text = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def called(number, *arguments):
    return ctypes.get_errno() if libc.syscall(number, *arguments) == -1 else 0
def handler(event, context):
    libc.unshare.argtypes = [ctypes.c_int]
    calls = {"ptrace": 101, "mount": 165, "keyctl": 250, "bpf": 321, "kexec_load": 246, "finit_module": 313,
             "reboot": 169, "swapon": 167, "perf_event_open": 298, "setns": 308, "io_uring_setup": 425,
             "userfaultfd": 323, "clone3": 435, "open_by_handle_at": 304}
    found = {name: called(number, 0, 0, 0, 0, 0) for name, number in calls.items()}
    for name, flags in (("user", 0x10000000), ("mount", 0x20000), ("network", 0x40000000)):
        found["unshare " + name] = ctypes.get_errno() if libc.unshare(flags) else 0
    return found
"""
    if os.uname().machine != "x86_64":
        pytest.skip("the numbers are those of x86_64")
    found = abuse.run(text)
    absent = {"io_uring_setup", "userfaultfd", "clone3"}
    assert {name for name, number in found.items() if number == 38} == absent
    assert {number for name, number in found.items() if name not in absent} == {1}


def test_the_runtime_api_socket_is_closed(abuse: Abuse) -> None:
    text = """
import os
def handler(event, context):
    for descriptor in range(3, 1024):
        try:
            os.close(descriptor)
        except OSError:
            pass
    return "closed"
"""
    name = abuse.define(text, Timeout=3)
    with abuse.neighbour():
        for _ in range(3):
            answer = abuse.invoke(name)
            assert answer["errorType"] == "Runtime.ExitError"
            assert answer["errorMessage"].endswith("Error: Runtime exited with error: exit status 1")


def test_a_hundred_megabytes_of_log(abuse: Abuse) -> None:
    text = """
import sys
def handler(event, context):
    line = "x" * 1023 + chr(10)
    for _ in range(100):
        sys.stdout.write(line * 1024)
    return "said"
"""
    assert abuse.run(text, Timeout=60) == "said"
    assert "the rest is dropped" in abuse.log


def test_a_response_over_the_limit(abuse: Abuse) -> None:
    text = "def handler(event, context): return 'x' * (7 << 20)\n"
    assert abuse.run(text, MemorySize=512)["errorType"] == "Function.ResponseSizeTooLarge"


def test_threads_that_go_on_after_the_answer(abuse: Abuse) -> None:
    """They go on until the environment ends, other than on AWS, within its limits."""
    text = """
import os, threading, time
def take():
    time.sleep(0.5)
    kept = bytearray(os.urandom(1) * (2 << 30))
    time.sleep(60)
def handler(event, context):
    if event:
        threading.Thread(target=take, daemon=True).start()
    return os.stat("/proc/self/ns/pid").st_ino
"""
    name = abuse.define(text)
    with abuse.neighbour():
        first = abuse.invoke(name, 1)
        for _ in range(200):
            if abuse.invoke(name) != first:
                return
    pytest.fail("its memory was not watched")


@pytest.mark.parametrize(
    ("status", "reason"),
    [(7, "Runtime exited with error: exit status 7"), (0, "Runtime exited without providing a reason")],
)
def test_an_exit_without_a_word(abuse: Abuse, status: int, reason: str) -> None:
    error = abuse.run(f"import os\ndef handler(event, context): os._exit({status})\n")
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith(f"Error: {reason}")


def test_tmp_is_full(abuse: Abuse) -> None:
    text = """
import os, shutil
def handler(event, context):
    written = 0
    try:
        with open("/tmp/big", "wb", 0) as file:
            while True:
                written += file.write(b"x" * (1 << 20))
    except OSError as failure:
        return [written >> 20, failure.errno, shutil.disk_usage("/tmp").total >> 20]
"""
    written, failure, total = abuse.run(text, EphemeralStorage={"Size": 512}, MemorySize=256)
    assert (failure, total) in ((28, 512), (27, 512))  # no space, or a file too large
    assert 500 <= written <= 512


def test_ten_thousand_open_files(abuse: Abuse) -> None:
    text = """
def handler(event, context):
    kept = []
    try:
        for number in range(10000):
            kept.append(open("/tmp/%d" % number, "w"))
    except OSError as failure:
        return [len(kept), failure.errno]
"""
    count, failure = abuse.run(text)
    assert failure == 24
    assert 1000 < count < 1024


def test_links_in_tmp_to_the_machine(abuse: Abuse, tmp_path: Path) -> None:
    """Whoever cleans up after an environment does not follow them."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("here")
    text = """
import os
def handler(event, context):
    for number in range(1000):
        os.symlink(event, "/tmp/link%d" % number)
    os.mkdir("/tmp/deep")
    os.symlink("/", "/tmp/deep/root")
    os._exit(1)
"""
    assert abuse.run(text, str(kept))["errorType"] == "Runtime.ExitError"
    assert (kept / "file").read_text() == "here"


def test_one_that_renames_itself_and_ignores_signals(abuse: Abuse) -> None:
    text = """
import ctypes, signal, sys, time
def handler(event, context):
    ctypes.CDLL(None).prctl(15, b"nightbus", 0, 0, 0)
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    time.sleep(600)
"""
    error = abuse.run(text, Timeout=2)
    assert error["errorType"] == "Sandbox.Timedout"


def test_a_daemon_that_keeps_the_pipe_of_the_log_open_ends_with_the_time(abuse: Abuse) -> None:
    text = """
import os, time
def handler(event, context):
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        while True:
            os.write(1, b"still here" + bytes([10]))
            time.sleep(0.05)
    time.sleep(600)
"""
    error = abuse.run(text, Timeout=2)
    assert error["errorType"] == "Sandbox.Timedout"


def test_variables_that_are_too_large_are_refused(node: RunningNode, abuse: Abuse) -> None:
    functions = node.client("lambda")
    with pytest.raises(functions.exceptions.InvalidParameterValueException, match="4KB"):
        abuse.define("def handler(event, context): pass\n", Environment={"Variables": {"LARGE": "x" * 5000}})


@pytest.mark.parametrize("seconds", [12, 600])
def test_an_import_that_takes_too_long_is_begun_anew_within_the_invocation(
    abuse: Abuse, seconds: int
) -> None:
    text = (
        f"import time\nprint('imported')\ntime.sleep({seconds})\ndef handler(event, context): return 'up'\n"
    )
    name = abuse.define(text, Timeout=14 if seconds == 12 else 2)
    with abuse.neighbour():
        answer = abuse.invoke(name)
    if seconds == 12:
        assert answer == "up"
        assert "INIT_REPORT" not in abuse.log
    else:
        assert answer["errorType"] == "Sandbox.Timedout"
        assert answer["errorMessage"].endswith("Error: Task timed out after 2.00 seconds")
        assert re.search(r"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: invoke\tStatus: timeout", abuse.log)
    assert re.search(r"START RequestId: [^\n]+\nimported\n", abuse.log)
    logs = abuse.node.client("logs")
    events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="INIT_REPORT")["events"]
    said = [event["message"] for event in events if "Phase: init" in event["message"]]
    assert [
        bool(re.search(r"Init Duration: 1\d{4}\.\d\d ms\tPhase: init\tStatus: timeout", one)) for one in said
    ] == [True]
