"""Runs inside a zygote: a Python process that has imported what functions use and forks an environment per request.

This file is run by path, by any Python from 3.8 on, without Nightbus importable: standard library only, which holds
for what it loads from beside it as well. It reads requests (one JSON object each, with the descriptors of the output
pipe, of the file of variables and of the link to the init process beside it, and more where there are extensions) from
the socket that it is given, answers each with the pid of the new process, and tells of every process that ended. When
the socket closes, it and all that it forked end.
"""

import gc
import importlib
import importlib.util
import json
import os
import random
import select
import signal
import socket
import sys
import time

MOST_DESCRIPTORS = 5  # that come with one request
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
copied_pages = neighbour("copied_pages")
debug_wait = neighbour("debug_wait")
forked_process = neighbour("forked_process")
import_paths = neighbour("import_paths")
runtime_client = neighbour("runtime_client")
supervisor = neighbour("supervisor")
sdk_models = neighbour("sdk_models")
spare_environment = neighbour("spare_environment")
zygote_programs = neighbour("zygote_programs")
client = runtime_client.RuntimeClient("")  # of the environment that is forked
models = sdk_models.SdkModels()


def main():
    forked_process.adopt_orphans()
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

    def become(made, channel, request):
        become_spare(protection, made, channel, request, learn_write)

    pages = [copied_pages.CopiedPages(linux.libc) for _ in range(2)]
    spare = spare_environment.SpareEnvironment(protection, linux, forked_process.fork, become, *pages)
    while True:
        seconds = spare_environment.CALM_SECONDS if spare.is_wanted else None
        ready, _, _ = select.select([control, wake_read, learn_read], [], [], seconds)
        if wake_read in ready:
            os.read(wake_read, 4096)
            reap(control, protection, environments, spare)
        if control in ready:
            data, passed = receive(control)
            if not data:
                end(environments)
            buffer, descriptors = buffer + data, descriptors + passed
            while b"\n" in buffer:
                line, buffer = buffer.split(b"\n", 1)
                descriptors = answer(control, protection, environments, spare, line, descriptors, learn_write)
        elif learn_read in ready:
            if learn(learn_read):
                spare.renew()
        elif not ready:
            spare.prepare()


def answer(control, protection, environments, spare, line, descriptors, learned):
    """Do what a request says. Returns the descriptors that belong to others."""
    request = json.loads(line)
    count = request["descriptors"]
    passed, others = descriptors[:count], descriptors[count:]
    link = passed.pop()
    taken = spare.take(request, line, passed, link)
    try:
        if taken is None:
            taken = start(protection, request, passed, link, learned)
        pid, made = taken
        environments[pid] = made
        said = {"pid": pid, "init": made.pid if made is not None else 0}
    except OSError as failure:
        said = {"failure": failure.strerror or str(failure)}
    close([*passed, link])
    tell(control, {"started": request["id"], **said})
    return others


def learn(learn_read):
    """After what there is to fork, since it takes 10 to 100 ms. A line is whole, or a function wrote nonsense. Returns
    whether something was learned."""
    try:
        lines = os.read(learn_read, sdk_models.MOST_REPORTED).splitlines()
    except BlockingIOError:  # a function has read it: who has one end of a pipe can open the other in /proc
        return False
    learned = [models.learn(line) for line in lines]
    if any(learned):
        settle_memory()
    return any(learned)


def receive(control):
    return linux.receive_descriptors(control, 1 << 16, MOST_DESCRIPTORS)


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


def start(protection, request, passed, link, learned):
    """The pid and the namespaces of a new process. Raises OSError."""
    made = protection.make(request, link)

    def become():
        namespaces = [] if made is None else [made.descriptor]
        linux.close_all_but([*passed, learned, *namespaces])
        become_environment(protection, request, made, learned, *passed)

    try:
        pid = forked_process.fork(become)
    except OSError:
        if made is not None:
            made.close()
        raise
    if made is not None:
        made.forget_descriptor()
    return pid, made


def close(descriptors):
    for descriptor in descriptors:
        os.close(descriptor)


def tell(control, message):
    control.sendall(json.dumps(message).encode() + b"\n")


def reap(control, protection, environments, spare):
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
        spare.ended(pid)
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


def become_environment(protection, request, made, learned, output, variables, *for_extensions):
    zygote = forked_process.leave_zygote()
    forked_process.wire_output(output)
    forked_process.set_limits(request["limits"])
    place = protection.enter(request, made)
    forked_process.end_with(zygote)
    environment = set_variables(variables, place, output)
    run(request, place, environment, learned, output, for_extensions)


def become_spare(protection, made, channel, receive_request, learned):
    """What `become_environment` does, with all that needs no request first."""
    zygote = forked_process.leave_zygote()
    linux.close_all_but([made.descriptor, channel, learned])
    protection.enter_namespaces(made)
    forked_process.end_with(zygote)
    line, (output, variables, *for_extensions), wait_for_root = receive_request()
    forked_process.wire_output(output)
    request = json.loads(line)
    forked_process.set_limits(request["limits"])
    place = protection.paths(request)
    environment = set_variables(variables, place, output)
    wait_for_root()
    run(request, place, environment, learned, output, for_extensions)


def set_variables(descriptor, place, output):
    environment = forked_process.read_variables(descriptor)
    environment.update(place["paths"])
    environment["_LAMBDA_TELEMETRY_LOG_FD"] = str(output)
    environment.update(PWD=environment["LAMBDA_TASK_ROOT"], SHLVL="0")  # what AWS's shell script leaves
    os.environ.clear()
    os.environ.update(environment)
    return environment


def run(request, place, environment, learned, output, for_extensions):
    """Be the function's process, in its sandbox."""
    if request["extensions"]:
        layers = environment["NIGHTBUS_LAYERS"]
        supervisor.supervise(request["extensions"], layers, environment, *for_extensions)
        forked_process.adopt_orphans()
    if request["programs"]:
        zygote_programs.execute(request["programs"], environment, output, place["notes"])
    time.tzset()
    os.chdir(environment["LAMBDA_TASK_ROOT"])
    import_paths.set_import_paths(environment, request["runtime"], request.get("pycache"))
    random.seed()
    # Open as long as the process lives.
    sys.stdout = open(1, "w", 1, "utf-8", "backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, "utf-8", "backslashreplace", closefd=False)  # noqa: SIM115
    for line in place["notes"]:
        print(line)
    if request["debugger"]:
        debug_wait.wait(request["debugger"])
    sys.argv = ["bootstrap", environment["_HANDLER"]]
    run_bootstrap(environment, learned)


def run_bootstrap(environment, learned):
    client.address = environment["AWS_LAMBDA_RUNTIME_API"]
    client.before_next = models.reporter(learned)
    if any(name in environment for name in LOG_VARIABLES) and READS_LOG_VARIABLES in sys.modules:
        importlib.reload(sys.modules[READS_LOG_VARIABLES])
    sys.modules["runtime_client"] = client
    from awslambdaric.__main__ import main as bootstrap

    del sys.modules["runtime_client"]
    bootstrap(sys.argv)


if __name__ == "__main__":
    main()
