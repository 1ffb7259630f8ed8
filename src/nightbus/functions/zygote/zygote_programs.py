"""Executes a program in the place of an environment's process, for runtimes that are not Python in the zygote itself.

Runs inside the zygote's children, by any Python from 3.8 on: standard library only.
"""

import json
import os
import signal
import socket

LISTS_OF_FOLDERS = (
    "NODE_PATH",
)  # variables whose default names folders that lie elsewhere without a sandbox
INVALID_ENTRYPOINT = "Runtime.InvalidEntrypoint"


def execute(programs, environment, output, notes):
    """Become the first of the programs that exists. Does not return; one that cannot be executed is said to the node,
    in the words of AWS."""
    layers = environment.pop("NIGHTBUS_LAYERS", "/opt")
    task, runtime = environment["LAMBDA_TASK_ROOT"], environment["LAMBDA_RUNTIME_DIR"]
    commands = [[filled(word, task, layers, runtime) for word in words] for words in programs]
    command = next((words for words in commands if os.path.isfile(words[0])), None)
    if command is None:
        shown = [filled(words[0], "/var/task", "/opt", "/var/runtime") for words in programs]
        refuse_start(environment, "Couldn't find valid bootstrap(s): [%s]" % " ".join(shown))
    for name in LISTS_OF_FOLDERS:
        if name in environment:
            environment[name] = filled(environment[name], task, layers, runtime)
    for line in notes:
        os.write(1, line.encode() + b"\n")
    os.chdir(task)
    os.set_inheritable(output, True)
    for number in (
        signal.SIGPIPE,
        signal.SIGXFSZ,
    ):  # Python ignores them, and a program would go on ignoring them
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execve(command[0], command, environment)
    except OSError as failure:
        refuse_start(environment, "fork/exec %s: %s" % (command[0], failure.strerror.lower()))


def filled(word, task, layers, runtime):
    for name, folder in (("{task}", task), ("{opt}", layers), ("{runtime}", runtime)):
        word = word.replace(name, folder)
    return word


def refuse_start(environment, reason):
    body = json.dumps({"errorType": INVALID_ENTRYPOINT, "errorMessage": "Error: " + reason}).encode()
    address = environment["AWS_LAMBDA_RUNTIME_API"]
    head = "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n" % (
        address,
        len(body),
    )
    head += "Lambda-Runtime-Function-Error-Type: %s\r\n\r\n" % INVALID_ENTRYPOINT
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + body)
        connection.recv(1024)
    os._exit(1)
