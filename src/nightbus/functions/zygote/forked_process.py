"""Makes a process of its own of what a zygote forks: session, signals, output, limits, and how it ends.

This file is loaded by a zygote, by any Python from 3.8 on, without Nightbus importable: standard library only.
"""

import ctypes
import json
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
libc = ctypes.CDLL(None, use_errno=True)


def fork(become):
    """The pid of a new process, which ends when `become` returns. Raises OSError."""
    pid = os.fork()
    if pid:
        return pid
    try:
        become()
    except SystemExit as left:
        code = left.code
        flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)
    except BaseException:
        import traceback

        traceback.print_exc()
        flush()
        os._exit(1)
    flush()
    os._exit(0)


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass


def leave_zygote():
    """Have a session, signals and an input of its own. Returns the zygote's pid, for `end_with`."""
    zygote = os.getppid()
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    return zygote


def adopt_orphans():
    """What its children leave behind becomes its own."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_with(zygote):
    """End when the zygote ends. After the sandbox: a change of credentials clears it."""
    adopt_orphans()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != zygote:
        os._exit(0)


def read_variables(descriptor):
    """What the node has put into the file (`variables_file`). The zygote must not read it: what is in its memory, freed
    or not, is in that of each process that it forks later."""
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)
        return json.loads(file.read())


def set_limits(limits):
    for name, soft in limits.items():
        limit(getattr(resource, name), soft)


def wire_output(output):
    """One pipe for prints, for what subprocesses write, and for the frames of log records, so that they keep their
    order."""
    os.set_inheritable(output, False)
    os.dup2(output, 1)
    os.dup2(output, 2)


def limit(what, soft):
    try:
        _, hard = resource.getrlimit(what)
        value = soft if hard == resource.RLIM_INFINITY else min(soft, hard)
        resource.setrlimit(what, (value, value))
    except (OSError, ValueError):
        pass


def prctl(option, value):
    if sys.platform == "linux":
        libc.prctl(option, value, 0, 0, 0)
