"""Runs inside a zygote: a Python process that has imported what functions use and forks an environment per request.

This file is run by path, by any Python from 3.8 on, without Nightbus importable: standard library only, which holds
for what it loads from beside it as well. It reads requests (one JSON object each, with the
descriptor of the output pipe beside it, and more where there are
extensions or a network of its own) from the socket that it is given, answers each with the pid of the new process,
and tells of every process that ended. When the socket closes, it and all that it forked end.
"""

import ctypes
import gc
import importlib
import importlib.util
import json
import os
import random
import resource
import select
import signal
import socket
import sys
import time

PR_SET_PDEATHSIG = 1
MOST_DESCRIPTORS = 4  # that come with one request
PR_SET_CHILD_SUBREAPER = 36
PRELOADED = (
    "logging",
    "urllib.request",
    "http.client",
    "datetime",
    "decimal",
    "uuid",
    "re",
    "base64",
    "hashlib",
    "ssl",
)
PRELOADED_AWS = (
    "boto3",
    "botocore.httpsession",
    "boto3.s3.inject",
    "awslambdaric.lambda_literals",
    "awslambdaric.__main__",
)
SDK = ("boto3", "botocore")  # of these: not where the node's settings or memory forbid it
# What reads variables of the environment when it is imported, and these variables: imported again where one is set.
LOG_VARIABLES = ("AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL")
READS_LOG_VARIABLES = "awslambdaric.bootstrap"

libc = ctypes.CDLL(None, use_errno=True)


def neighbour(name):
    """A file or a package beside this one, under no name that a function's own module could have."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    package = os.path.isdir(path)
    spec = importlib.util.spec_from_file_location(
        "nightbus_" + name,
        os.path.join(path, "__init__.py") if package else path + ".py",
        submodule_search_locations=[path] if package else None,
    )
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


isolation = neighbour("isolation")
linux = importlib.import_module(isolation.__name__ + ".linux")
orphans = importlib.import_module(isolation.__name__ + ".orphans")
sandbox = importlib.import_module(isolation.__name__ + ".sandbox")
import_paths = neighbour("import_paths")
runtime_client = neighbour("runtime_client")
supervisor = neighbour("supervisor")
sdk_models = neighbour("sdk_models")
zygote_programs = neighbour("zygote_programs")
client = runtime_client.RuntimeClient("")  # of the environment that is forked
models = sdk_models.SdkModels()


def main():
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    protection = tried_protection()
    os.environ.setdefault("HOME", "/home/sbx_user1051")  # where botocore looks for models of the user's own
    if sys.argv[1]:
        sys.path.append(sys.argv[1])
        site_builtins()
        preload()
    control = socket.socket(fileno=int(sys.argv[2]))
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    environments = {}  # by pid, the namespaces of each, None where it has none of its own
    try:
        serve(control, protection, environments, wake_read, wake_write, *sdk_models.pipe())
    except (BrokenPipeError, ConnectionResetError):  # the node is gone
        end(environments)


def tried_protection():
    """It forks, which is fast before the imports. Where that has failed half-way, this program is begun anew."""
    without = sys.argv[3] if len(sys.argv) > 3 else ""
    try:
        network = bool(os.environ.get("NIGHTBUS_OWN_NETWORK"))
        return sandbox.Sandbox([path for path in (os.__file__, sys.argv[1]) if path], without, network)
    except sandbox.CannotGoBack as failure:
        os.set_inheritable(int(sys.argv[2]), True)
        arguments = [sys.executable, "-I", "-S", os.path.abspath(__file__), *sys.argv[1:3]]
        os.execv(sys.executable, [*arguments, str(failure) or "they could not be entered"])


def serve(control, protection, environments, wake_read, wake_write, learn_read, learn_write):
    buffer, descriptors = b"", []
    tell(control, {"isolation": protection.layers()})
    while True:
        ready, _, _ = select.select([control, wake_read, learn_read], [], [])
        if wake_read in ready:
            os.read(wake_read, 4096)
            reap(control, protection, environments)
        if control in ready:
            data, passed = receive(control)
            if not data:
                end(environments)
            buffer, descriptors = buffer + data, descriptors + passed
            while b"\n" in buffer:
                line, buffer = buffer.split(b"\n", 1)
                request = json.loads(line)
                request["learned"] = learn_write
                passed, descriptors = (
                    descriptors[: request["descriptors"]],
                    descriptors[request["descriptors"] :],
                )
                start(control, protection, request, passed, environments)
        elif learn_read in ready:
            learn(learn_read)


def learn(learn_read):
    """After what there is to fork, since it takes 10 to 100 ms. A line is whole, or a function wrote nonsense."""
    for line in os.read(learn_read, sdk_models.MOST_REPORTED).splitlines():
        if models.learn(line):
            settle_memory()


def receive(control):
    return linux.receive_descriptors(control, 1 << 20, MOST_DESCRIPTORS)


def preload():
    for name in PRELOADED:
        importlib.import_module(name)
    sdk = bool(os.environ.pop("NIGHTBUS_PRELOAD_SDK", ""))
    sys.modules["runtime_client"] = client
    for name in PRELOADED_AWS:
        try:
            if sdk or name.split(".")[0] not in SDK:
                importlib.import_module(name)
        except Exception:  # what needs it will say so itself
            pass
    del sys.modules["runtime_client"]  # a function may have a module of that name
    try:
        if sdk:
            models.install()
    except Exception:
        pass
    settle_memory()


def settle_memory():
    """So that a collection in an environment does not copy every page that it shares with us."""
    gc.collect()
    gc.freeze()


def site_builtins():
    """`exit()` and its like, which come with `site`; the rest of it would put foreign folders into the path."""
    import site

    site.setquit()
    site.setcopyright()
    site.sethelper()


def start(control, protection, request, passed, environments):
    made = None
    links = [passed.pop()] if request["network"] else []
    try:
        made = protection.make(request, *links)
        pid = os.fork()
    except OSError as failure:
        close(passed + links)
        if made is not None:
            made.close()
        tell(control, {"started": request["id"], "failure": failure.strerror or str(failure)})
        return
    if pid == 0:
        try:
            namespaces = [] if made is None else [made.descriptor]
            linux.close_all_but([*passed, request["learned"], *namespaces])
            become_environment(protection, request, made, *passed)
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
    close(passed + links)
    if made is not None:
        made.forget_descriptor()
    environments[pid] = made
    tell(control, {"started": request["id"], "pid": pid, "init": made.pid if made is not None else 0})


def close(descriptors):
    for descriptor in descriptors:
        os.close(descriptor)


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass


def tell(control, message):
    control.sendall(json.dumps(message).encode() + b"\n")


def reap(control, protection, environments):
    ended = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid == 0:
            break
        ended.append((pid, status))
    gone = {pid for pid, _ in ended}
    for pid in gone & set(environments):
        if environments[pid] is not None:
            environments[pid].close()  # and so all that it forked
    if ended and protection.maker is None:
        orphans.end_orphans(set(environments) - gone)
    for pid, status in ended:
        if pid in environments:
            del environments[pid]
            tell(control, {"ended": pid, "status": status})


def end(environments):
    """Kill what is there and what is handed to us then, until nobody is left."""
    for pid in list(environments):
        try:
            os.killpg(pid, signal.SIGKILL)
        except OSError:
            pass
    try:
        while True:
            orphans.end_orphans(set())
            os.waitpid(-1, 0)
    except ChildProcessError:
        os._exit(0)


def become_environment(protection, request, made, output, *for_extensions):
    zygote = os.getppid()
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    wire_output(output)
    for name, soft in request["limits"].items():
        limit(getattr(resource, name), soft)
    debug_wait = neighbour("debug_wait") if request["debugger"] else None
    place = protection.enter(request, made)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # after the sandbox: a change of credentials clears it
    if os.getppid() != zygote:
        os._exit(0)
    environment = request["environment"]
    environment.update(place["paths"])
    environment["_LAMBDA_TELEMETRY_LOG_FD"] = str(output)
    environment.update(PWD=environment["LAMBDA_TASK_ROOT"], SHLVL="0")  # what AWS's shell script leaves
    if request["extensions"]:
        layers = environment["NIGHTBUS_LAYERS"]
        supervisor.supervise(request["extensions"], layers, environment, *for_extensions)
        prctl(PR_SET_CHILD_SUBREAPER, 1)
    if request["programs"]:
        zygote_programs.execute(request["programs"], environment, output, place["notes"])
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(environment["LAMBDA_TASK_ROOT"])
    import_paths.set_import_paths(environment, request["runtime"], request.get("pycache"))
    random.seed()
    # Open as long as the process lives.
    sys.stdout = open(1, "w", 1, "utf-8", "backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, "utf-8", "backslashreplace", closefd=False)  # noqa: SIM115
    for line in place["notes"]:
        print(line)
    if debug_wait:
        debug_wait.wait(request["debugger"])
    sys.argv = ["bootstrap", environment["_HANDLER"]]
    run_bootstrap(environment, request["learned"])


def run_bootstrap(environment, learned):
    client.address = environment["AWS_LAMBDA_RUNTIME_API"]
    client.before_next = models.reporter(learned)
    if any(name in environment for name in LOG_VARIABLES) and READS_LOG_VARIABLES in sys.modules:
        importlib.reload(sys.modules[READS_LOG_VARIABLES])
    sys.modules["runtime_client"] = client
    from awslambdaric.__main__ import main as bootstrap

    del sys.modules["runtime_client"]
    bootstrap(sys.argv)


def wire_output(output):
    """One pipe for prints, for what subprocesses write, and for the frames of log records, so that they keep their
    order."""
    os.set_inheritable(output, False)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
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


if __name__ == "__main__":
    main()
