"""Lets an environment wait for a debugger before it imports the function's module.

Runs inside the zygote's children, by any Python from 3.8 on: standard library only, and debugpy, which is imported from
the folder that the node names. What the function imports does not find it there.
"""

import os
import sys


def wait(debugger):
    """`debugger` has the folder with debugpy and the port; says in the log where it waits."""
    where = "127.0.0.1:%d" % debugger["port"]
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    sys.path.append(debugger["packages"])
    try:
        import debugpy

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
