"""Runs extensions inside an environment, and the runtime when the node says so.

The environment's process becomes the parent of all: it survives the runtime, so that extensions can shut down in
order. It reads commands (one JSON object each) from the socket that it is given, and tells who ended. When the socket
closes, it ends with everyone. This file is loaded by a zygote, by any Python from 3.8 on, without Nightbus importable:
standard library only.
"""

import ctypes
import json
import os
import select
import signal
import socket
import sys
import time

PR_SET_PDEATHSIG = 1
FOLDER = "extensions"
# What only the runtime's process has, by AWS's documentation of extensions.
OF_THE_RUNTIME = (
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_XRAY_CONTEXT_MISSING",
    "AWS_XRAY_DAEMON_ADDRESS",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "_AWS_XRAY_DAEMON_ADDRESS",
    "_AWS_XRAY_DAEMON_PORT",
    "_HANDLER",
    "_LAMBDA_TELEMETRY_LOG_FD",
    "NIGHTBUS_LAYERS",
    "PYTHONPATH",
)
libc = ctypes.CDLL(None)


def supervise(names, layers, environment, control, output):
    """Return in the process that is to be the runtime; the caller's own process never returns.

    `names` are files in the folder `extensions` of `layers`. `control` is the descriptor of the socket to the node,
    `output` that of the pipe for what extensions print.
    """
    node = socket.socket(fileno=control)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    private = (control, output, wake_read, wake_write)
    shown = {name: value for name, value in environment.items() if name not in OF_THE_RUNTIME}
    children = {}
    for name in names:
        pid, failure = launch(os.path.join(layers, FOLDER, name), shown, output, private)
        if failure:
            tell(node, {"extension": name, "failure": failure})
        else:
            children[pid] = name
    buffer, runtime = b"", 0
    while True:
        ready, _, _ = select.select([node, wake_read], [], [])
        if wake_read in ready:
            os.read(wake_read, 4096)
            reap(node, children, runtime)
        if node in ready:
            data = node.recv(65536)
            if not data:
                os.killpg(0, signal.SIGKILL)
            buffer += data
            while b"\n" in buffer:
                line, buffer = buffer.split(b"\n", 1)
                command = json.loads(line)
                if "signal" in command:
                    send_signal(runtime, command["signal"])
                elif not runtime:
                    runtime = os.fork()
                    if runtime == 0:
                        node.detach()
                        become_child(private)
                        return


def launch(path, environment, output, private):
    """The pid of the new process, and why it could not be started, "" where it could."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(output, 1)
        os.dup2(output, 2)
        become_child((*private, read))
        try:
            os.execve(path, [path], environment)
        except OSError as failure:
            os.write(write, (failure.strerror or "unknown").lower().encode())
        os._exit(1)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        failure = answer.read().decode()
    if failure:
        os.waitpid(pid, 0)
        return 0, "fork/exec %s: %s" % (path, failure)
    return pid, ""


def become_child(private):
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for descriptor in private:
        os.close(descriptor)
    if sys.platform == "linux":
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def send_signal(pid, number):
    if pid:
        if number != signal.SIGKILL:
            wait_for_threads(pid)
        try:
            os.kill(pid, number)
        except OSError:
            pass


def wait_for_threads(pid):
    """Until all threads of the process wait, at most 0.2 s. After a freeze they run a moment later than we do. One that
    still wakes would take the signal, and the first one, which handles signals in Python, would not hear of it."""
    for _ in range(100):
        try:
            if not any(thread_state(pid, one) in (b"R", b"T") for one in os.listdir("/proc/%d/task" % pid)):
                return
        except OSError:  # it is gone, or /proc is closed
            time.sleep(0.02)
            return
        time.sleep(0.002)


def thread_state(pid, thread):
    with open("/proc/%d/task/%s/stat" % (pid, thread), "rb") as file:
        return file.read().rpartition(b")")[2].split()[0]


def reap(node, children, runtime):
    """Orphans of both are ours too, and nobody asks about them."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid == runtime:
            tell(node, {"runtime": status})
        elif pid in children:
            tell(node, {"extension": children.pop(pid), "status": status})


def tell(node, message):
    try:
        node.sendall(json.dumps(message).encode() + b"\n")
    except OSError:  # the node is gone; the next read says so
        pass
