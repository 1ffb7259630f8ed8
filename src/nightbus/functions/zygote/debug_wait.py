"""Lets an environment wait for a debugger before it imports the function's module.

Runs inside the zygote's children, by any Python from 3.8 on: standard library only, and debugpy, which is imported from
the folder that the node names. What the function imports does not find it there.
"""

import os
import sys

TASK_ROOT = "/var/task"


def wait(debugger):
    """`debugger` has the folder with debugpy and the port; says in the log where it waits."""
    where = "127.0.0.1:%d" % debugger["port"]
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    sys.path.append(debugger["packages"])
    try:
        import debugpy

        map_task_root(os.environ["LAMBDA_TASK_ROOT"])
        debugpy.listen(("127.0.0.1", debugger["port"]), in_process_debug_adapter=True)
    except Exception as failure:
        print("Nightbus: no debugger can be attached at %s: %s" % (where, failure))
        return
    finally:
        sys.path.remove(debugger["packages"])
        del os.environ["PYDEVD_DISABLE_FILE_VALIDATION"]
    print("Nightbus: waiting for a debugger at %s; the time limits are suspended" % where)
    debugpy.wait_for_client()
    print("Nightbus: a debugger is attached")


def map_task_root(real):
    """Where there are no namespaces the code lies elsewhere than an editor is told: its path mappings are changed."""
    if real == TASK_ROOT:
        return
    import debugpy.server.api  # which makes pydevd's own modules importable  # noqa: F401
    import pydevd_file_utils

    set_up = pydevd_file_utils.setup_client_server_paths

    def set_up_with_real_paths(paths):
        return set_up([(local, remote.replace(TASK_ROOT, real, 1)) for local, remote in paths])

    pydevd_file_utils.setup_client_server_paths = set_up_with_real_paths
